//! The commands that staff give in the desk. A command is taken in with the sync that brought it:
//! the command, its effect and its answer are one transaction. Slow work, such as an invitation or
//! the figures, is queued in that transaction.

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use incoming::{
    desk::{self, Command},
    event::RoomEvent,
};

use super::stats::instant;
use crate::{
    config::Config,
    staff_texts::DeskTexts,
    storage::{
        Connection,
        desk::{
            commands,
            messages::{self, Asked, Saying},
            room::DeskRoom,
        },
    },
};

/// Commands older than this are ignored.
const OLDEST: TimeDelta = TimeDelta::days(1);
/// How far the homeserver's clock may be behind that of Postgres.
const CLOCKS_DIFFER: TimeDelta = TimeDelta::minutes(5);

/// Carries out the commands that a sync brings.
#[derive(Clone, Debug)]
pub(in crate::matrix) struct CommandHandler {
    pub(in crate::matrix) staff: Vec<String>,
    pub(in crate::matrix) time_zone: Tz,
    pub(in crate::matrix) texts: &'static DeskTexts,
}

impl CommandHandler {
    /// A handler for this configuration.
    pub(in crate::matrix) fn new(config: &Config) -> Self {
        let staff = config.matrix.staff.iter();
        Self {
            staff: staff.map(ToString::to_string).collect(),
            time_zone: config.desk.time_zone,
            texts: DeskTexts::of(config.matrix.answers.language),
        }
    }

    /// Whether the event is not a command of the staff.
    pub(in crate::matrix) fn is_nothing(&self, event: &RoomEvent) -> bool {
        !self.staff.contains(&event.sender) || desk::command(event).is_none()
    }

    /// Carries out a command of the staff, exactly once.
    pub(in crate::matrix) async fn take(
        &self,
        db: &mut Connection,
        room: &DeskRoom,
        event: &RoomEvent,
    ) -> Result<(), sqlx::Error> {
        let Some(command) = desk::command(event).filter(|_| !self.is_nothing(event)) else {
            return Ok(());
        };
        let now = Utc::now();
        let given = event.written_at().unwrap_or(now);
        let oldest = (now - OLDEST).max(room.found_at - CLOCKS_DIFFER);
        if given < oldest || !commands::take(db, &event.event_id).await? {
            return Ok(());
        }
        let asked = Asked {
            event_id: event.event_id.clone(),
            by: event.sender.clone(),
        };
        let saying = self.carry_out(db, command, asked, given.min(now)).await?;
        messages::push(&mut *db, &room.room_id, &saying).await
    }

    async fn carry_out(
        &self,
        db: &mut Connection,
        command: Command,
        asked: Asked,
        given: DateTime<Utc>,
    ) -> Result<Saying, sqlx::Error> {
        let texts = self.texts;
        let text = match command {
            Command::Open(code) if code.is_empty() => texts.open.which.to_owned(),
            Command::Open(code) => match commands::named(db, &code).await? {
                Some(session_id) => return Ok(Saying::Open(asked, session_id)),
                None => texts.open.unknown(&code),
            },
            Command::Away(None) => texts.away_usage.to_owned(),
            Command::Away(Some((hour, minute))) => {
                let until = next(given, hour, minute, self.time_zone);
                commands::set_away(db, Some(until)).await?;
                let until = until
                    .with_timezone(&self.time_zone)
                    .format("%Y-%m-%d %H:%M");
                let zone = self.time_zone;
                texts.away_until(&format!("{until} ({zone})"))
            }
            Command::Back => match commands::set_away(db, None).await? {
                Some(until) if until > Utc::now() => texts.back.to_owned(),
                _ => texts.not_away.to_owned(),
            },
            Command::Stats => return Ok(Saying::Stats(asked)),
            Command::Help => texts.help.to_owned(),
        };
        Ok(Saying::Answer(asked, text))
    }
}

/// The next instant at which the clock in this time zone shows the given time.
fn next(now: DateTime<Utc>, hour: u32, minute: u32, zone: Tz) -> DateTime<Utc> {
    let today = now.with_timezone(&zone).date_naive();
    let on = |day: chrono::NaiveDate| {
        let local = day.and_hms_opt(hour, minute, 0);
        local.map(|local| instant(local, zone))
    };
    let days = [Some(today), today.succ_opt()];
    let mut instants = days.into_iter().flatten().filter_map(on);
    instants.find(|instant| *instant > now).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use chrono::TimeZone;

    use super::*;

    #[test]
    fn a_time_of_day_is_the_next_one_there() {
        let now = Utc.with_ymd_and_hms(2026, 11, 26, 13, 30, 0).unwrap();
        let next = |hour, minute, zone| next(now, hour, minute, zone).to_rfc3339();
        assert_eq!(next(14, 0, Tz::UTC), "2026-11-26T14:00:00+00:00");
        assert_eq!(next(13, 30, Tz::UTC), "2026-11-27T13:30:00+00:00");
        assert_eq!(next(14, 0, Tz::Europe__Berlin), "2026-11-27T13:00:00+00:00");
        assert_eq!(
            next(14, 30, Tz::Europe__Berlin),
            "2026-11-27T13:30:00+00:00"
        );
        assert_eq!(next(15, 0, Tz::Europe__Berlin), "2026-11-26T14:00:00+00:00");
    }
}

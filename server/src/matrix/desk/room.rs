//! The desk's room: made once, found again by its marker, and given up when the bot has lost it.

use std::{collections::HashSet, time::Duration};

use futures_util::{StreamExt, TryStreamExt, stream};
use matrix_sdk::ruma::api::error::ErrorKind;
use tokio::time::Instant;

use super::{Desk, Failure, Shift, members::Member};
use crate::{
    config::{HistoryVisibility, Matrix},
    matrix::homeserver::{Encrypted, NewRoom, PowerLevels, Preset, RoomMarker, RoomSetting},
    relay::when_to_ask::{Decision, Known},
    storage::desk::room::{self as desk_rooms, DeskRoom},
};

const NAME: &str = "Support desk";
const TOPIC: &str = "One line for each conversation. Nothing here reaches a visitor.";

/// How often is looked whether the room is as it has to be, and who is in it.
const INSPECT: Duration = Duration::from_secs(15);
/// Rooms that are looked into side by side.
const LOOKUPS: usize = 8;
/// The wait after a desk was lost within the hour; doubled with each further one.
const FIRST_DELAY: Duration = Duration::from_secs(5);
const LONGEST_DELAY: Duration = Duration::from_mins(10);

/// What became of a room that was looked at.
enum Seen {
    /// It is as it has to be, and these people are or were in it.
    Ready(Vec<Member>),
    /// The bot is not in it, or has no say there.
    Lost,
    /// The homeserver has encrypted it.
    Encrypted,
}

impl Desk {
    /// The desk, looked at lately; `None` when there is none for now.
    pub(super) async fn settle(&self, shift: &mut Shift) -> Result<Option<DeskRoom>, Failure> {
        let Some(desk) = desk_rooms::get(&self.pool).await? else {
            return self.get_one(shift).await;
        };
        let is_fresh = shift
            .inspected
            .as_ref()
            .is_some_and(|(room_id, at)| *room_id == desk.room_id && at.elapsed() < INSPECT);
        if is_fresh {
            return Ok(Some(desk));
        }
        match self.inspect(&desk.room_id).await? {
            Seen::Ready(members) => {
                shift.see(&desk.room_id, members);
                Ok(Some(desk))
            }
            Seen::Lost | Seen::Encrypted => {
                tracing::warn!(
                    room_id = desk.room_id,
                    "the desk is lost: there will be a new one"
                );
                desk_rooms::abandon(&self.pool, &desk.room_id).await?;
                Ok(None)
            }
        }
    }

    /// Finds the desk among the bot's rooms, or has the homeserver make one.
    async fn get_one(&self, shift: &mut Shift) -> Result<Option<DeskRoom>, Failure> {
        // A bot that is put out of each desk at once must not make them one after the other.
        if let Some((lost, ago)) = desk_rooms::lost_lately(&self.pool).await?
            && ago < delay_after(lost)
        {
            return Ok(None);
        }
        let looked = Instant::now();
        let (room_id, made_for) = match self.find().await? {
            Some(room_id) => (room_id, Encrypted::Never),
            None => self.ask_for_one(shift, looked).await?,
        };
        match self.inspect(&room_id).await? {
            Seen::Ready(members) => {
                let mut tx = self.pool.begin().await?;
                let desk = desk_rooms::adopt(&mut tx, &room_id).await?;
                tx.commit().await?;
                shift.asked = None;
                if desk.as_ref().is_some_and(|desk| desk.room_id != room_id) {
                    // Another server was faster. Nobody was invited to this one yet.
                    self.homeserver.leave(&room_id).await?;
                    return Ok(None);
                }
                tracing::info!(room_id, "this room is the desk");
                shift.see(&room_id, members);
                Ok(desk)
            }
            Seen::Lost => Err(Failure::RoomLost(room_id)),
            Seen::Encrypted => {
                // First: nobody takes it for the desk from here on.
                desk_rooms::abandon(&self.pool, &room_id).await?;
                self.note_asked(false).await?;
                shift.asked = None;
                self.homeserver.leave(&room_id).await?;
                self.homeserver.found_encrypted(made_for);
                Err(Failure::Encrypted)
            }
        }
    }

    /// The room that bears the marker.
    async fn find(&self) -> Result<Option<String>, Failure> {
        let joined = self.homeserver.joined_rooms().await?;
        let known = desk_rooms::known(&self.pool, &joined).await?;
        let known: HashSet<_> = known.into_iter().collect();
        let unknown = joined
            .into_iter()
            .filter(|room_id| !known.contains(room_id));
        let marked = stream::iter(unknown)
            .map(async |room_id| {
                let marker = self.homeserver.marker(&room_id).await?;
                Ok::<_, Failure>((marker == Some(RoomMarker::Desk)).then_some(room_id))
            })
            .buffer_unordered(LOOKUPS);
        let marked: Vec<_> = marked
            .try_filter_map(async |found| Ok(found))
            .try_collect()
            .await?;
        // All servers choose the same.
        Ok(marked.into_iter().min())
    }

    /// Has the homeserver make a desk, unless it may be making one already; answers also with which rooms it was
    /// thought to encrypt.
    async fn ask_for_one(
        &self,
        shift: &mut Shift,
        looked: Instant,
    ) -> Result<(String, Encrypted), Failure> {
        let known = Known {
            asked: desk_rooms::asked(&self.pool).await?,
            asked_here: shift.asked.map(|at| at.elapsed()),
            looking_took: looked.elapsed(),
        };
        match known.decide(self.ambient.now()) {
            Decision::Ask => {}
            Decision::Wait => return Err(Failure::Settling),
            Decision::WaitFromNow => {
                self.note_asked(true).await?;
                return Err(Failure::Settling);
            }
        }
        let encrypted = self.homeserver.rooms_are_encrypted();
        if encrypted == Encrypted::Always {
            return Err(Failure::Encrypted);
        }
        let room = new_room(self.homeserver.config(), encrypted);
        self.note_asked(true).await?;
        shift.asked = Some(Instant::now());
        let created = self.homeserver.create_room(&room).await;
        if created.as_ref().is_err_and(|error| !error.is_unanswered()) {
            self.note_asked(false).await?;
        }
        let room_id = created?;
        tracing::info!(room_id, "the desk was made");
        Ok((room_id, encrypted))
    }

    /// Notes for every server that the homeserver is asked now; or that it is not at work on a desk.
    async fn note_asked(&self, asked: bool) -> Result<(), sqlx::Error> {
        let asked = asked.then(|| self.ambient.now());
        desk_rooms::set_asked(&self.pool, asked).await
    }

    /// Looks whether a room can be the desk, and does what a `createRoom` that was cut short left undone.
    async fn inspect(&self, room_id: &str) -> Result<Seen, Failure> {
        let state = match self.homeserver.room_state(room_id).await {
            Err(error)
                if matches!(
                    error.kind(),
                    Some(ErrorKind::Forbidden | ErrorKind::NotFound)
                ) =>
            {
                return Ok(Seen::Lost);
            }
            state => state?,
        };
        let config = self.homeserver.config();
        let members: Vec<_> = state.events().iter().filter_map(Member::read).collect();
        let is_there = members
            .iter()
            .any(|member| member.user_id == config.bot.as_str() && member.is_joined());
        if !is_there || !state.is_in_command(config.bot.as_str()).unwrap_or(true) {
            return Ok(Seen::Lost);
        }
        if state.is_encrypted() {
            return Ok(Seen::Encrypted);
        }
        for setting in settings(config) {
            if !state.has(&setting) {
                self.homeserver.set_state(room_id, &setting).await?;
            }
        }
        Ok(Seen::Ready(members))
    }
}

fn new_room(config: &Matrix, encrypted: Encrypted) -> NewRoom {
    NewRoom {
        preset: Preset::for_homeserver_that_encrypts(encrypted),
        marker: RoomMarker::Desk,
        name: NAME.to_owned(),
        topic: TOPIC,
        power_levels: PowerLevels::of_desk(&config.bot),
        access: access(),
    }
}

/// What the bot keeps as it is.
fn settings(config: &Matrix) -> Vec<RoomSetting> {
    let mut settings = vec![
        RoomSetting::PowerLevels(PowerLevels::of_desk(&config.bot)),
        RoomSetting::Name(NAME.to_owned()),
        RoomSetting::Topic(TOPIC),
    ];
    settings.extend(access());
    settings
}

/// Whoever accepts the invitation late reads what was said since the invitation.
const fn access() -> [RoomSetting; 3] {
    RoomSetting::access(HistoryVisibility::Invited)
}

/// How long after the last of so many lost desks a new one is made.
fn delay_after(lost: u32) -> Duration {
    let factor = 2_u32.saturating_pow(lost.saturating_sub(1));
    match lost {
        // The first is replaced at once.
        0 | 1 => Duration::ZERO,
        _ => FIRST_DELAY.saturating_mul(factor).min(LONGEST_DELAY),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_lost_desk_is_replaced_at_once_and_each_further_one_later() {
        let seconds: Vec<_> = [1, 2, 3, 99]
            .map(|lost| delay_after(lost).as_secs())
            .to_vec();
        assert_eq!(seconds, [0, 10, 20, 600]);
    }
}

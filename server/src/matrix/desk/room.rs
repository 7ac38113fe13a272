//! The desk's room. The bot creates it once, finds it again by its marker, and gives it up if it
//! loses access.

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

/// How often the desk inspects its room's settings and members.
const INSPECT: Duration = Duration::from_secs(15);
/// How many rooms are searched for the marker at the same time.
const LOOKUPS: usize = 8;
/// The wait before a lost desk is replaced if another one was lost within the hour. It doubles with
/// each further loss.
const FIRST_DELAY: Duration = Duration::from_secs(5);
const LONGEST_DELAY: Duration = Duration::from_mins(10);

/// The result of inspecting a room.
enum Seen {
    /// The room's settings are right; these people are or were in it.
    Ready(Vec<Member>),
    /// The bot is not in the room, or lacks the power to manage it.
    Lost,
    /// The room is encrypted.
    Encrypted,
}

impl Desk {
    /// Returns the desk, inspected lately; `None` while there is none.
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

    /// Finds the desk among the bot's rooms, or asks the homeserver to create one.
    async fn get_one(&self, shift: &mut Shift) -> Result<Option<DeskRoom>, Failure> {
        // If somebody removes the bot from each new desk at once, it must not create one after
        // another.
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
                    // Another server was faster. Nobody has been invited to this room yet.
                    self.homeserver.leave(&room_id).await?;
                    return Ok(None);
                }
                tracing::info!(room_id, "this room is the desk");
                shift.see(&room_id, members);
                Ok(desk)
            }
            Seen::Lost => Err(Failure::RoomLost(room_id)),
            Seen::Encrypted => {
                // This comes first, so that no server takes the room for the desk from here on.
                desk_rooms::abandon(&self.pool, &room_id).await?;
                self.note_asked(false).await?;
                shift.asked = None;
                self.homeserver.leave(&room_id).await?;
                self.homeserver.found_encrypted(made_for);
                Err(Failure::Encrypted)
            }
        }
    }

    /// The room that bears the desk's marker.
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
        // Of several rooms, all servers have to choose the same one.
        Ok(marked.into_iter().min())
    }

    /// Asks the homeserver to create a desk, unless an earlier request may still be under way. Also
    /// returns what was then known about the homeserver's encryption of new rooms.
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

    /// Records for all servers whether a request to create the desk may be under way.
    async fn note_asked(&self, asked: bool) -> Result<(), sqlx::Error> {
        let asked = asked.then(|| self.ambient.now());
        desk_rooms::set_asked(&self.pool, asked).await
    }

    /// Checks whether a room can serve as the desk, and applies the settings that an interrupted
    /// `createRoom` left out.
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

/// The settings that the bot restores when somebody changes them.
fn settings(config: &Matrix) -> Vec<RoomSetting> {
    let mut settings = vec![
        RoomSetting::PowerLevels(PowerLevels::of_desk(&config.bot)),
        RoomSetting::Name(NAME.to_owned()),
        RoomSetting::Topic(TOPIC),
    ];
    settings.extend(access());
    settings
}

/// Staff who accept their invitation late can read what was written since the invitation.
const fn access() -> [RoomSetting; 3] {
    RoomSetting::access(HistoryVisibility::Invited)
}

/// How long to wait before replacing the desk after this many losses.
fn delay_after(lost: u32) -> Duration {
    let factor = 2_u32.saturating_pow(lost.saturating_sub(1));
    match lost {
        // The first lost desk is replaced at once.
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

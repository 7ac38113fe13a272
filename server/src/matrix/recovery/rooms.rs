//! After a restore of the homeserver: rooms that are gone are made again, and what rooms lack is sent again.

use uuid::Uuid;

use super::{Done, Recovery};
use crate::{
    matrix::{Failure, event::RoomEvent, recap::RETOLD},
    relay::queue::{self, Task},
    storage::{
        Connection,
        recovery::{self, Delivered, Left, Restored, Shown},
        sessions::State,
    },
};

/// The most replies of staff that are told again in one room.
const MAX_REPLIES: i64 = 100;

impl Recovery {
    /// Gives a conversation back what the homeserver has lost of it.
    pub(crate) async fn make_whole(&self, left: &Left) -> Result<Done, Failure> {
        let Left {
            session_id,
            room_id,
        } = left;
        let gone = self.gone_notices(*session_id, room_id).await?;
        if !self.joined.contains(room_id) {
            return self.replace(left, &gone).await;
        }
        let delivered = recovery::delivered(&self.db, *session_id).await?;
        let there = self.newest_there(room_id, &delivered).await?;
        let missing: Vec<_> = delivered.iter().filter(|it| it.seq > there).collect();
        let replies = self.lost_replies(left, there).await?;
        let state = self.homeserver.room_state(room_id).await?;
        let mut tasks: Vec<_> = missing
            .iter()
            .map(|it| (it.seq, Task::Message(it.id)))
            .collect();
        tasks.extend(replies.iter().map(|it| (it.seq, Task::Notice(retold(it)))));
        tasks.sort_by_key(|(seq, _)| *seq);
        let mut tasks: Vec<_> = tasks.into_iter().map(|(_, task)| task).collect();
        if gone.details {
            tasks.insert(0, Task::Details);
        }

        let mut tx = self.db.begin().await?;
        if let Some(session) = self.lock(&mut tx, *session_id).await? {
            recovery::forget(&mut tx, *session_id, &gone.events).await?;
            queue::push_first(&mut tx, *session_id, &tasks).await?;
            let retold: Vec<_> = replies.into_iter().map(|it| it.event_id).collect();
            recovery::set_retold(&mut tx, &retold).await?;
            self.push_marks(&mut tx, *session_id, session.state, gone.rating)
                .await?;
            self.record_people(&mut tx, *session_id, &state).await?;
        }
        recovery::done(&mut tx, Restored::Homeserver, *session_id).await?;
        tx.commit().await?;
        Ok(Done {
            sent_again: missing.len().try_into().unwrap_or(u64::MAX),
            ..Done::default()
        })
    }

    /// Has a room made again, and told what was said in it.
    async fn replace(&self, left: &Left, gone: &Gone) -> Result<Done, Failure> {
        let Left {
            session_id,
            room_id,
        } = left;
        let mut tx = self.db.begin().await?;
        let mut done = Done::default();
        if let Some(session) = self.lock(&mut tx, *session_id).await? {
            recovery::forget(&mut tx, *session_id, &gone.events).await?;
            queue::begin_new_room(&mut tx, *session_id, room_id).await?;
            self.push_marks(&mut tx, *session_id, session.state, gone.rating)
                .await?;
            done.new_rooms = 1;
        }
        recovery::done(&mut tx, Restored::Homeserver, *session_id).await?;
        tx.commit().await?;
        Ok(done)
    }

    /// The mark of an ended conversation in the room's name, how the visitor rates it, and what the desk shows of it.
    async fn push_marks(
        &self,
        db: &mut Connection,
        session_id: Uuid,
        state: State,
        rating_is_gone: bool,
    ) -> Result<(), sqlx::Error> {
        recovery::look_at_line(db, session_id).await?;
        if rating_is_gone {
            queue::push(db, session_id, &Task::Rating).await?;
        }
        if state != State::Open {
            queue::push(db, session_id, &Task::Rename).await?;
        }
        Ok(())
    }

    /// The place of the newest delivered message that the room has, as itself or told again; 0 when it has none. A
    /// backup ends somewhere, so the room has all those before it.
    async fn newest_there(&self, room_id: &str, delivered: &[Delivered]) -> Result<i64, Failure> {
        let mut from = None;
        loop {
            let history = self
                .homeserver
                .history(room_id, from.as_deref(), None)
                .await?;
            let (page, next) = history;
            let newest = page
                .iter()
                .filter(|event| event.sender == self.rules.bot)
                .filter_map(|event| newest_in(event, delivered))
                .max();
            match (newest, next) {
                (None, Some(token)) => from = Some(token),
                (newest, _) => return Ok(newest.unwrap_or_default()),
            }
        }
    }

    /// The texts of staff that the visitor was shown and the room lacks.
    async fn lost_replies(&self, left: &Left, there: i64) -> Result<Vec<Shown>, Failure> {
        let mut lost = Vec::new();
        for shown in recovery::shown_after(&self.db, left.session_id, there, MAX_REPLIES).await? {
            if !self.has(&left.room_id, &shown.event_id).await? {
                lost.push(shown);
            }
        }
        Ok(lost)
    }

    /// Which of the bot's own notices are gone.
    async fn gone_notices(&self, session_id: Uuid, room_id: &str) -> Result<Gone, Failure> {
        let notices = recovery::notices(&self.db, session_id, room_id).await?;
        let mut gone = Gone::default();
        if let Some(event_id) = notices.details
            && !self.has(room_id, &event_id).await?
        {
            gone.details = true;
            gone.events.push(event_id);
        }
        if let Some(event_id) = notices.rating
            && !self.has(room_id, &event_id).await?
        {
            gone.rating = true;
            gone.events.push(event_id);
        }
        if let (Some(desk), Some(event_id)) = (notices.line_room, notices.line)
            && !self.has(&desk, &event_id).await?
        {
            gone.events.push(event_id);
        }
        Ok(gone)
    }
}

/// The bot's notices that are gone.
#[derive(Debug, Default)]
struct Gone {
    details: bool,
    rating: bool,
    events: Vec<String>,
}

/// The place of the newest message that this event is, or tells again.
fn newest_in(event: &RoomEvent, delivered: &[Delivered]) -> Option<i64> {
    let retold = event.content[RETOLD].as_array();
    let retold: Vec<Uuid> = retold
        .into_iter()
        .flatten()
        .filter_map(|id| id.as_str()?.parse().ok())
        .collect();
    delivered
        .iter()
        .filter(|it| it.event_id.as_ref() == Some(&event.event_id) || retold.contains(&it.id))
        .map(|it| it.seq)
        .max()
}

/// A reply of staff, told again.
fn retold(shown: &Shown) -> String {
    let sender = shown.sender.as_deref().unwrap_or("Staff");
    let body = &shown.body;
    format!("{sender} wrote here before the homeserver was restored from a backup: “{body}”")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(id: &str, content: &serde_json::Value) -> RoomEvent {
        let event = json!({
            "event_id": id, "type": "m.room.message", "sender": "@bot:localhost", "content": content,
        });
        RoomEvent::from_json(&event.to_string()).unwrap()
    }

    #[test]
    fn a_message_is_there_as_its_event_or_in_what_was_told_again() {
        let [first, second] = [1, 2].map(|seq| Delivered {
            id: Uuid::from_u128(seq),
            seq: i64::try_from(seq).unwrap(),
            event_id: Some(format!("${seq}")),
        });
        let delivered = [first, second];
        let text = json!({ "msgtype": "m.text", "body": "x" });
        assert_eq!(newest_in(&event("$2", &text), &delivered), Some(2));
        assert_eq!(newest_in(&event("$3", &text), &delivered), None);
        let told = json!({ "msgtype": "m.notice", RETOLD: [Uuid::from_u128(1)] });
        assert_eq!(newest_in(&event("$3", &told), &delivered), Some(1));
    }
}

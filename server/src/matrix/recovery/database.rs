//! After a restore of Postgres: rooms are read back to the time of the backup, and what was said since is stored again.

use std::collections::HashSet;

use incoming::plan::Step;
use uuid::Uuid;

use super::{Done, Recovery};
use crate::{
    matrix::{
        Failure, conversation::Conversation, event::RoomEvent, homeserver::RoomMarker,
        ingest::is_visitors_text, notice::Notice,
    },
    relay::queue::{self, Task},
    staff_texts::RoomTexts,
    storage::{
        desk::room as desk_rooms,
        matrix_events,
        recovery::{self, Known, Left, Restored},
    },
};

/// What staff are told in the room of a conversation that the database does not know.
const UNKNOWN: &str = "The chat's database was restored from a backup in which this conversation is missing. \
                       Messages sent here no longer reach the visitor.";

impl Recovery {
    /// Finds the rooms that conversations have got since the backup. Staff are told in rooms whose conversation began
    /// since.
    pub(crate) async fn find_rooms(&self) -> Result<Done, Failure> {
        let joined: Vec<_> = self.joined.iter().cloned().collect();
        let known: HashSet<_> = desk_rooms::known(&self.db, &joined)
            .await?
            .into_iter()
            .collect();
        let mut done = Done::default();
        for room_id in self.joined.difference(&known) {
            let marker = self.homeserver.marker(room_id).await?;
            let Some(session_id) = marker.and_then(RoomMarker::session_id) else {
                continue;
            };
            match recovery::known(&self.db, session_id).await? {
                Some(Known {
                    room_id: Some(room),
                }) if self.joined.contains(&room) => {}
                Some(_) => self.adopt(session_id, room_id).await?,
                None => {
                    self.tell_unknown(session_id, room_id).await?;
                    done.unknown += 1;
                }
            }
        }
        Ok(done)
    }

    async fn adopt(&self, session_id: Uuid, room_id: &str) -> Result<(), Failure> {
        let mut tx = self.db.begin().await?;
        if self.lock(&mut tx, session_id).await?.is_some() {
            let is_queued = recovery::adopt_room(&mut tx, session_id, room_id).await?;
            if !is_queued {
                // It completes the room that is there.
                queue::push_first(&mut tx, session_id, &[Task::CreateRoom]).await?;
            }
        }
        tx.commit().await?;
        Ok(())
    }

    async fn tell_unknown(&self, session_id: Uuid, room_id: &str) -> Result<(), Failure> {
        let txn_id = format!("unknown-{session_id}");
        let (page, _) = self.homeserver.history(room_id, None, None).await?;
        let is_told = |event: &RoomEvent| event.transaction_id() == Some(&txn_id);
        if !page.iter().any(is_told) {
            let content = Notice::new(UNKNOWN).content();
            self.homeserver
                .send_message(room_id, &txn_id, &content)
                .await?;
        }
        Ok(())
    }

    /// Stores what was said in a conversation since the backup.
    pub(crate) async fn read_back(&self, left: &Left) -> Result<Done, Failure> {
        let Left {
            session_id,
            room_id,
        } = left;
        let mut done = Done::default();
        // The relay finds a lost room by itself.
        let news = if self.joined.contains(room_id) {
            self.since_backup(room_id).await?
        } else {
            Vec::new()
        };
        let mut tx = self.db.begin().await?;
        if !news.is_empty()
            && let Some(mut conversation) =
                Conversation::lock(&mut tx, &self.rules, *session_id).await?
        {
            let owed = recovery::owed(&mut *tx, *session_id).await?;
            for event in &news {
                if is_visitors_text(&self.rules.bot, event) {
                    if is_owed(event, &owed) {
                        continue;
                    }
                    let body = event.str_at("/body").unwrap_or_default();
                    let (id, at) = (&event.event_id, event.written_at());
                    recovery::restore_text(&mut tx, *session_id, id, body, at).await?;
                    done.read_back += 1;
                } else if let Some(step) = self.rules.planner.step(event) {
                    conversation
                        .take(&mut tx, &self.rules, event, &step)
                        .await?;
                }
            }
            let said = Said::in_these(&news, &self.rules.bot, |event| {
                matches!(self.rules.planner.step(event), Some(Step::Recap(_)))
            });
            recovery::drop_said(
                &mut tx,
                *session_id,
                &owed,
                &said.answered,
                &said.joins,
                &said.notices,
            )
            .await?;
        }
        recovery::done(&mut tx, Restored::Postgres, *session_id).await?;
        tx.commit().await?;
        Ok(done)
    }

    /// The room's events since the newest one that the database knows, oldest first.
    async fn since_backup(&self, room_id: &str) -> Result<Vec<RoomEvent>, Failure> {
        let mut news = Vec::new();
        let mut from = None;
        loop {
            let history = self
                .homeserver
                .history(room_id, from.as_deref(), None)
                .await?;
            let (page, next) = history;
            let ids: Vec<_> = page.iter().map(|event| event.event_id.clone()).collect();
            let known = matrix_events::known(&self.db, &ids).await?;
            let count = page.len();
            let unknown = page
                .into_iter()
                .take_while(|event| !known.contains(&event.event_id));
            let before = news.len();
            news.extend(unknown);
            match next {
                Some(token) if news.len() - before == count => from = Some(token),
                _ => break,
            }
        }
        news.reverse();
        Ok(news)
    }
}

/// Whether the event is a message that the database still has in its queue: the relay finds it there.
fn is_owed(event: &RoomEvent, owed: &[Uuid]) -> bool {
    let transaction = event.transaction_id().and_then(|id| id.parse().ok());
    transaction.is_some_and(|id| owed.contains(&id))
}

/// What the bot has said since the backup.
#[derive(Debug, Default, PartialEq, Eq)]
struct Said {
    /// The events that it has answered.
    answered: Vec<String>,
    /// The joins for which it has posted a recap.
    joins: Vec<String>,
    /// Its other notices.
    notices: Vec<String>,
}

impl Said {
    fn in_these(events: &[RoomEvent], bot: &str, is_join: impl Fn(&RoomEvent) -> bool) -> Self {
        let mut said = Self::default();
        let mut joins = Vec::new();
        for event in events {
            if is_join(event) {
                joins.push(event.event_id.clone());
            }
            if event.sender != bot {
                continue;
            }
            said.answered
                .extend(event.refers_to().map(ToOwned::to_owned));
            if event.str_at("/msgtype") == Some("m.notice")
                && let Some(body) = event.str_at("/body")
            {
                // A recap comes promptly, so it belongs to the last join without one.
                let is_recap = body.lines().any(RoomTexts::is_heading_for_joiner);
                if is_recap {
                    said.joins.extend(joins.pop());
                }
                said.notices.push(body.to_owned());
            }
        }
        said
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const BOT: &str = "@bot:localhost";

    fn event(id: &str, sender: &str, content: &Value) -> RoomEvent {
        let event = json!({
            "event_id": id, "type": "m.room.message", "sender": sender, "content": content,
            "unsigned": { "transaction_id": Uuid::from_u128(7) },
        });
        RoomEvent::from_json(&event.to_string()).unwrap()
    }

    #[test]
    fn an_event_of_a_task_that_is_queued_is_owed() {
        let text = event("$1", BOT, &json!({}));
        assert!(is_owed(&text, &[Uuid::from_u128(7)]));
        assert!(!is_owed(&text, &[Uuid::from_u128(8)]));
    }

    #[test]
    fn what_the_bot_has_said_is_not_said_again() {
        let notice = |body: &str| json!({ "msgtype": "m.notice", "body": body });
        let answer = json!({
            "msgtype": "m.text", "body": "x", "m.relates_to": { "m.in_reply_to": { "event_id": "$0" } },
        });
        let events = [
            event("$1", "@alice:localhost", &json!({})),
            event("$2", "@bob:localhost", &json!({})),
            event(
                "$3",
                BOT,
                &notice("Newest\n\nWhat was said before you joined (1 message):"),
            ),
            event("$4", BOT, &answer),
            event("$5", BOT, &notice("The chat has ended.")),
            event("$6", "@alice:localhost", &notice("not the bot's")),
        ];
        let said = Said::in_these(&events, BOT, |event| {
            ["$1", "$2"].contains(&event.event_id.as_str())
        });
        assert_eq!(said.answered, ["$0"]);
        assert_eq!(said.joins, ["$2"]);
        assert_eq!(said.notices.len(), 2);
        assert_eq!(said.notices[1], "The chat has ended.");
    }
}

//! What each kind of task does in the room.

use serde_json::{Value, json};
use uuid::Uuid;

use super::{Sender, pace::Pace};
use crate::{
    matrix::{
        Failure, details, erasure,
        notice::{self, Notice},
        rating,
        recap::{self, Join},
        room, room_name,
    },
    relay::queue::{Claim, Task},
    storage::sessions::State,
};

impl Sender {
    /// Carries out the task; returns the event that was sent, if one was.
    pub(super) async fn deliver(
        &self,
        claim: &Claim,
        pace: &mut Pace,
    ) -> Result<Option<String>, Failure> {
        let subject = &claim.subject;
        if claim.task == Task::CreateRoom {
            self.room_maker.create_room(claim).await?;
            return Ok(None);
        }
        if claim.task == Task::Erase {
            return self.erase(subject.id).await;
        }
        let room_id = subject.room_id.as_deref().ok_or(Failure::NoRoom)?;
        if claim.task == Task::Rename {
            return self.rename(subject.id, room_id).await;
        }
        if claim.task == Task::Details {
            return self.tell_details(claim, room_id, pace).await;
        }
        if claim.task == Task::Rating {
            return self.tell_rating(claim, room_id, pace).await;
        }
        let Some(content) = self.content(claim, room_id).await? else {
            return Ok(None);
        };
        let (event_id, _) = self.send_once(claim, room_id, &content, pace).await?;
        Ok(Some(event_id))
    }

    /// Adds or removes the mark of an ended conversation in the room's name.
    async fn rename(&self, session_id: Uuid, room_id: &str) -> Result<Option<String>, Failure> {
        let state = self.store.state(session_id).await?;
        let has_ended = state.is_some_and(|state| state != State::Open);
        room::mark(
            &self.homeserver,
            &*self.store,
            session_id,
            room_id,
            has_ended,
        )
        .await?;
        Ok(None)
    }

    /// Removes from the homeserver what the bot wrote of the conversation, in the rooms that it is still in.
    async fn erase(&self, session_id: Uuid) -> Result<Option<String>, Failure> {
        let traces = self.store.traces(session_id).await?;
        let joined = self.homeserver.joined_rooms().await?;
        let away = traces
            .rooms
            .iter()
            .filter(|room_id| !joined.contains(room_id));
        let mut is_archived = false;
        for room_id in away {
            is_archived |= self.store.request_return(room_id).await?;
        }
        if is_archived {
            return Err(Failure::Archived);
        }
        let naming = self.store.naming(session_id).await?;
        let name = room_name::marked(&room_name::of(&naming), true);
        for room_id in traces
            .rooms
            .iter()
            .filter(|room_id| joined.contains(room_id))
        {
            erasure::erase_room(&self.homeserver, room_id, &name).await?;
        }
        if let Some(line) = traces.desk_line
            && joined.contains(&line.room_id)
        {
            erasure::erase_line(&self.homeserver, &line, &naming.code).await?;
        }
        tracing::info!(%session_id, "conversation erased");
        Ok(None)
    }

    /// Tells the room who the visitor is and which page they are on, unless the room was told so already.
    async fn tell_details(
        &self,
        claim: &Claim,
        room_id: &str,
        pace: &mut Pace,
    ) -> Result<Option<String>, Failure> {
        let (store, subject) = (&*self.store, &claim.subject);
        let Some(details) =
            details::compose(store, self.homeserver.room_texts(), subject, room_id).await?
        else {
            return Ok(None);
        };
        let (event_id, sent_now) = self
            .send_once(claim, room_id, &details.content, pace)
            .await?;
        let told = sent_now.then_some(&details);
        details::record(store, subject, room_id, &event_id, told).await?;
        Ok(Some(event_id))
    }

    /// Tells how the visitor rates the conversation, unless the room says so already.
    async fn tell_rating(
        &self,
        claim: &Claim,
        room_id: &str,
        pace: &mut Pace,
    ) -> Result<Option<String>, Failure> {
        let (store, id) = (&*self.store, claim.subject.id);
        let Some(stored) = store.rating(id, room_id).await? else {
            return Ok(None);
        };
        let Some(telling) = rating::compose(self.homeserver.room_texts(), &stored) else {
            return Ok(None);
        };
        let (event_id, sent_now) = self
            .send_once(claim, room_id, &telling.content, pace)
            .await?;
        // An event of an earlier attempt may say something older.
        let told = sent_now.then_some(&*telling.told);
        store
            .record_rating_told(id, room_id, &event_id, told)
            .await?;
        Ok(Some(event_id))
    }

    /// Sends the content, unless an earlier attempt has sent something. Returns the event, and whether it was sent now.
    async fn send_once(
        &self,
        claim: &Claim,
        room_id: &str,
        content: &Value,
        pace: &mut Pace,
    ) -> Result<(String, bool), Failure> {
        let txn_id = claim.id.to_string();
        let earlier = if claim.attempts > 1 {
            self.find_event(claim, room_id, &txn_id).await?
        } else {
            None
        };
        let sent_now = earlier.is_none();
        let event_id = if let Some(event_id) = earlier {
            event_id
        } else {
            let sent = self.homeserver.send_message(room_id, &txn_id, content);
            pace.send(sent).await?
        };
        tracing::info!(session_id = %claim.subject.id, room_id, event_id, "sent to the room");
        Ok((event_id, sent_now))
    }

    /// What is to be sent; `None` when there is nothing to say.
    async fn content(&self, claim: &Claim, room_id: &str) -> Result<Option<Value>, Failure> {
        let subject = &claim.subject;
        let notice = match &claim.task {
            Task::CreateRoom | Task::Rename | Task::Details | Task::Erase | Task::Rating => None,
            // The message mentions nobody, whatever its text is.
            Task::Message(_) => {
                let text = json!({ "msgtype": "m.text", "body": claim.text, "m.mentions": {} });
                return Ok(Some(text));
            }
            Task::Retell => {
                let words = self.homeserver.room_texts();
                return Ok(recap::retell(&*self.store, words, subject).await?);
            }
            Task::Notice(text) => Some(Notice::new(text)),
            Task::Answer { event_id, text } => {
                let to = self.store.addressee(event_id).await?;
                return Ok(Some(notice::answer(event_id, &to, text)));
            }
            Task::Recap {
                join_event_id,
                user_id,
            } => {
                let join = Join {
                    room: room_id,
                    event: join_event_id,
                    user: user_id,
                };
                recap::compose(&*self.store, &self.homeserver, subject, join).await?
            }
        };
        Ok(notice.map(|notice| notice.content()))
    }

    /// Finds the event of an earlier attempt. Homeservers forget transactions (Synapse after a day, and others when
    /// they restart), but they keep the transaction of each event in `unsigned.transaction_id`, for the device that has
    /// sent it.
    async fn find_event(
        &self,
        claim: &Claim,
        room_id: &str,
        txn_id: &str,
    ) -> Result<Option<String>, Failure> {
        let mut from = None;
        loop {
            let (page, next) = self
                .homeserver
                .history(room_id, from.as_deref(), None)
                .await?;
            let bot = self.homeserver.config().bot.as_str();
            let mut own = page.iter().filter(|event| event.sender == bot);
            if let Some(event) = own.find(|event| event.transaction_id() == Some(txn_id)) {
                return Ok(Some(event.event_id.clone()));
            }
            // The events before the first one that is known are older than the one that is looked for. The exception is
            // an end that Postgres has forgotten in a crash, and its transaction is recent enough for the homeserver to
            // know it.
            let ids: Vec<_> = page.iter().map(|event| event.event_id.clone()).collect();
            let sent_before = self.store.any_sent(claim.subject.id, &ids).await?;
            match next {
                Some(token) if !sent_before => from = Some(token),
                _ => return Ok(None),
            }
        }
    }
}

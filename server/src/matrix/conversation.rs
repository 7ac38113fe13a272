//! One conversation, whose session is locked, and whose events are taken in one by one.

mod changes;
mod commands;
mod not_shown;

use incoming::{
    event::RoomEvent,
    plan::{Step, Unchanged},
};
use uuid::Uuid;

use super::{room_name, rules::Rules};
use crate::{
    config::HistoryVisibility,
    relay::queue::{self, Task},
    storage::{
        Connection,
        mail::{addresses, outbox},
        matrix_events::{self, Internal, Taken},
        messages::{self, NewEntry},
        presence,
        sessions::{self, State},
        staff_told::{self, OnceInRoom},
    },
};

/// A session whose lock is held.
#[derive(Clone, Copy, Debug)]
pub(super) struct Conversation {
    session_id: Uuid,
    state: State,
    is_erased: bool,
}

/// The result of an event.
#[derive(Debug, Default)]
struct Outcome {
    /// The entry that was made from it.
    message_id: Option<Uuid>,
    /// Why no visitor may see it.
    internal: Option<Internal>,
}

impl Outcome {
    const fn internal(internal: Internal) -> Self {
        Self {
            message_id: None,
            internal: Some(internal),
        }
    }
}

impl From<Option<Uuid>> for Outcome {
    fn from(message_id: Option<Uuid>) -> Self {
        Self {
            message_id,
            internal: None,
        }
    }
}

/// An event that is being taken in, and the rules for it.
#[derive(Clone, Copy, Debug)]
struct Incoming<'a> {
    rules: &'a Rules,
    event: &'a RoomEvent,
}

impl Conversation {
    /// Locks the session; `None` when there is none.
    pub(super) async fn lock(
        db: &mut Connection,
        rules: &Rules,
        session_id: Uuid,
    ) -> Result<Option<Self>, sqlx::Error> {
        let session = sessions::lock(db, session_id, rules.session_ttl).await?;
        Ok(session.map(|session| Self {
            session_id,
            state: session.state,
            is_erased: session.is_erased(),
        }))
    }

    /// Takes an event in; returns whether the visitor is shown its text.
    pub(super) async fn take(
        &mut self,
        db: &mut Connection,
        rules: &Rules,
        event: &RoomEvent,
        step: &Step,
    ) -> Result<bool, sqlx::Error> {
        let incoming = Incoming { rules, event };
        let outcome = self.carry_out(db, incoming, step).await?;
        let edits = match step {
            Step::Change { of, .. } | Step::KeepUnchanged { of, .. } => Some(of.as_str()),
            _ => None,
        };
        let taken = Taken {
            event_id: &event.event_id,
            session_id: self.session_id,
            sender: &event.sender,
            message_id: outcome.message_id,
            edits,
            is_reply: event.is_reply(),
            internal: outcome.internal,
            thread_root: event.thread_root(),
        };
        matrix_events::insert(db, taken).await?;
        Ok(outcome.message_id.is_some())
    }

    async fn carry_out(
        &mut self,
        db: &mut Connection,
        incoming: Incoming<'_>,
        step: &Step,
    ) -> Result<Outcome, sqlx::Error> {
        let event = incoming.event;
        match step {
            Step::Show(body) => {
                if let Some(internal) = self.answered(db, event).await? {
                    return self.keep(db, incoming, internal).await;
                }
                let entry = Entry {
                    body,
                    ..Entry::default()
                };
                self.append(db, incoming, entry).await.map(Outcome::from)
            }
            Step::Change {
                of,
                text,
                text_of_reply,
            } => {
                if let Some(internal) = matrix_events::internal(db, of, self.session_id).await? {
                    return self.keep_edit(db, incoming, internal).await;
                }
                let texts = (text.as_str(), text_of_reply.as_deref());
                self.edit(db, incoming, of, texts).await.map(Outcome::from)
            }
            Step::KeepUnchanged { of, why } => self.keep_unchanged(db, incoming, of, *why).await,
            Step::TakeAway(of) => {
                self.redact(db, incoming, of).await?;
                Ok(Outcome::default())
            }
            Step::Recap(user_id) => {
                let is_archivist = incoming.rules.archivist.as_ref() == Some(user_id);
                if incoming.rules.history_visibility == HistoryVisibility::Joined && !is_archivist {
                    let recap = Task::Recap {
                        join_event_id: event.event_id.clone(),
                        user_id: user_id.clone(),
                    };
                    queue::push(db, self.session_id, &recap).await?;
                }
                Ok(Outcome::default())
            }
            Step::CheckName(name) => {
                let has_ended = self.state != State::Open;
                if room_name::marked(name, has_ended) != *name {
                    queue::push(db, self.session_id, &Task::Rename).await?;
                }
                Ok(Outcome::default())
            }
            Step::Internal => self.keep(db, incoming, Internal::Staff).await,
            Step::Command(command) => {
                let message_id = self.run(db, incoming, command).await?;
                Ok(Outcome {
                    message_id,
                    internal: Some(Internal::Command),
                })
            }
            Step::RefuseCommand(why) => {
                let refused = incoming.rules.texts.refused(*why);
                self.answer(db, incoming, refused).await?;
                Ok(Outcome::internal(Internal::Command))
            }
            Step::TellNotShown(unshown) => self.tell_not_shown(db, incoming, *unshown).await,
        }
    }

    /// Why no visitor may see what this event answers, and so not this event either.
    async fn answered(
        &self,
        db: &mut Connection,
        event: &RoomEvent,
    ) -> Result<Option<Internal>, sqlx::Error> {
        match event.refers_to() {
            Some(answered) => matrix_events::internal(db, answered, self.session_id).await,
            None => Ok(None),
        }
    }

    /// Answers an event, so that its sender gets a notification.
    async fn answer(
        &self,
        db: &mut Connection,
        incoming: Incoming<'_>,
        text: &str,
    ) -> Result<(), sqlx::Error> {
        let answer = Task::Answer {
            event_id: incoming.event.event_id.clone(),
            text: text.to_owned(),
        };
        queue::push(db, self.session_id, &answer).await
    }

    /// Keeps a message between staff: the visitor is not shown it.
    async fn keep(
        &self,
        db: &mut Connection,
        incoming: Incoming<'_>,
        internal: Internal,
    ) -> Result<Outcome, sqlx::Error> {
        let texts = incoming.rules.texts;
        if internal == Internal::Command {
            self.answer(db, incoming, texts.answers_command).await?;
        } else if staff_told::first_time(db, self.session_id, OnceInRoom::Internal).await? {
            self.answer(db, incoming, texts.internal).await?;
        }
        Ok(Outcome::internal(internal))
    }

    /// Keeps an edit of a message that is between staff.
    async fn keep_edit(
        &self,
        db: &mut Connection,
        incoming: Incoming<'_>,
        internal: Internal,
    ) -> Result<Outcome, sqlx::Error> {
        if internal == Internal::Command {
            let texts = incoming.rules.texts;
            self.answer(db, incoming, texts.edited_command).await?;
            return Ok(Outcome::internal(internal));
        }
        self.keep(db, incoming, internal).await
    }

    /// Leaves the visitor's text as it is, and tells the sender.
    async fn keep_unchanged(
        &self,
        db: &mut Connection,
        incoming: Incoming<'_>,
        of: &str,
        why: Unchanged,
    ) -> Result<Outcome, sqlx::Error> {
        if let Some(internal) = matrix_events::internal(db, of, self.session_id).await? {
            return self.keep_edit(db, incoming, internal).await;
        }
        let shown = matrix_events::shown(db, of, self.session_id).await?;
        // An edit by anyone except the author has no effect.
        let is_shown = shown.is_some_and(|it| it.author.as_deref() == Some(&incoming.event.sender));
        if is_shown {
            let unchanged = incoming.rules.texts.unchanged(why);
            self.answer(db, incoming, unchanged).await?;
        }
        Ok(match why {
            Unchanged::NotShown => Outcome::default(),
            Unchanged::Internal => Outcome::internal(Internal::Staff),
            Unchanged::Command => Outcome::internal(Internal::Command),
        })
    }

    /// Stores an entry for the visitor, and tells staff if the visitor is not there to see it; `None` when it is a new
    /// text and the chat has ended, which staff are told as well. The change of a text that was shown counts after the
    /// end, too: the visitor may save the conversation, and it may go on.
    async fn append(
        &self,
        db: &mut Connection,
        incoming: Incoming<'_>,
        entry: Entry<'_>,
    ) -> Result<Option<Uuid>, sqlx::Error> {
        let (session_id, texts) = (self.session_id, incoming.rules.texts);
        let is_open = self.state == State::Open;
        if !is_open && entry.replaces.is_none() {
            if staff_told::first_time_since_end(db, session_id).await? {
                self.answer(db, incoming, self.ended(incoming.rules))
                    .await?;
            }
            return Ok(None);
        }
        let is_gone = is_open
            && staff_told::first_time_since_gone(db, session_id, presence::GONE_AFTER).await?;
        // One event gets one answer.
        let gone = match incoming.rules.mail_after {
            _ if !is_gone => None,
            Some(after) if self.is_mailed(db).await? => Some(texts.gone_mailed(after)),
            _ => Some(texts.gone.to_owned()),
        };
        let told: Vec<_> = entry.outcome.into_iter().chain(gone.as_deref()).collect();
        if !told.is_empty() {
            self.answer(db, incoming, &told.join("\n")).await?;
        }
        let id = Uuid::new_v4();
        let new = NewEntry {
            id,
            session_id,
            body: entry.body,
            written_at: incoming.event.written_at(),
            replaces: entry.replaces,
            removed: entry.removed,
            prolongs: is_open,
        };
        messages::append(db, &new).await?;
        if incoming.rules.mail_after.is_some() && entry.replaces.is_none() {
            outbox::wait(db, session_id).await?;
        }
        let event_id = &incoming.event.event_id;
        tracing::info!(%session_id, message_id = %id, event_id, "staff message taken in");
        Ok(Some(id))
    }

    /// Whether replies that the visitor does not fetch are mailed.
    async fn is_mailed(&self, db: &mut Connection) -> Result<bool, sqlx::Error> {
        let address = addresses::find(db, self.session_id).await?;
        Ok(address.is_some_and(|address| !address.is_off))
    }

    /// The answer to a text that comes after the end.
    const fn ended(&self, rules: &Rules) -> &'static str {
        match self.state {
            _ if self.is_erased => rules.texts.erased,
            State::Expired => rules.texts.expired,
            State::Closed | State::Open => rules.texts.closed,
        }
    }
}

#[derive(Default)]
struct Entry<'a> {
    body: &'a str,
    /// The answer to the command that has caused the entry.
    outcome: Option<&'a str>,
    replaces: Option<Uuid>,
    removed: bool,
}

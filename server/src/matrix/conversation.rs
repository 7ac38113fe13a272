//! One conversation, locked: its events are taken in, one by one.

use incoming::{event::RoomEvent, plan::Step};
use uuid::Uuid;

use super::ingest::Rules;
use crate::{
    config::HistoryVisibility,
    storage::{
        Connection,
        matrix_events::{self, Taken},
        messages::{self, NewEntry},
        outbox::{self, Task},
        sessions::{self, State},
    },
};

/// A session whose lock is held.
#[derive(Clone, Copy, Debug)]
pub(super) struct Conversation {
    session_id: Uuid,
    history_visibility: HistoryVisibility,
    /// Why a text would not reach the visitor any more.
    unseen_because: Option<&'static str>,
}

impl Conversation {
    /// Locks the session; `None` when there is none.
    pub(super) async fn lock(
        db: &mut Connection,
        rules: &Rules,
        session_id: Uuid,
    ) -> Result<Option<Self>, sqlx::Error> {
        let Some(session) = sessions::lock(db, session_id, rules.session_ttl).await? else {
            return Ok(None);
        };
        let unseen_because = match session.state {
            State::Open => None,
            State::Expired => Some("their session has expired"),
            State::Closed => Some("they ended the chat"),
        };
        Ok(Some(Self {
            session_id,
            history_visibility: rules.history_visibility,
            unseen_because,
        }))
    }

    /// Takes an event in; `true` when the visitor is shown its text.
    pub(super) async fn take(
        &self,
        db: &mut Connection,
        event: &RoomEvent,
        step: &Step,
    ) -> Result<bool, sqlx::Error> {
        let session_id = self.session_id;
        let mut taken = Taken {
            event_id: &event.event_id,
            session_id,
            sender: &event.sender,
            message_id: None,
            edits: None,
            is_reply: event.is_reply(),
        };
        match step {
            Step::Show(body) => match self.unseen_because {
                None => {
                    let entry = Entry {
                        body,
                        replaces: None,
                        removed: false,
                    };
                    taken.message_id = Some(append(db, session_id, event, entry).await?);
                }
                Some(reason) => {
                    let notice = format!("The visitor does not see this: {reason}.");
                    tell_staff(db, session_id, notice).await?;
                }
            },
            Step::Change {
                of,
                text,
                text_of_reply,
            } => {
                taken.edits = Some(of);
                let texts = (text.as_str(), text_of_reply.as_deref());
                taken.message_id = edit(db, self, event, of, texts).await?;
            }
            Step::TakeAway(of) => redact(db, self, event, of).await?,
            Step::Recap(user_id) => {
                if self.history_visibility == HistoryVisibility::Joined {
                    let recap = Task::Recap {
                        join_event_id: event.event_id.clone(),
                        user_id: user_id.clone(),
                    };
                    outbox::push(db, session_id, &recap).await?;
                }
            }
            Step::TellNotShown => {
                let notice = "The visitor does not see this: only text messages are shown to them.";
                tell_staff(db, session_id, notice.to_owned()).await?;
            }
        }
        let is_shown = taken.message_id.is_some();
        matrix_events::insert(db, taken).await?;
        Ok(is_shown)
    }
}

async fn tell_staff(
    db: &mut Connection,
    session_id: Uuid,
    text: String,
) -> Result<(), sqlx::Error> {
    outbox::push(db, session_id, &Task::Notice(text)).await
}

/// Puts an edited text in the place of what is shown; answers with its entry.
async fn edit(
    db: &mut Connection,
    conversation: &Conversation,
    event: &RoomEvent,
    of: &str,
    (text, text_of_reply): (&str, Option<&str>),
) -> Result<Option<Uuid>, sqlx::Error> {
    let session_id = conversation.session_id;
    let Some(shown) = matrix_events::shown(db, of, session_id).await? else {
        return Ok(None);
    };
    // By anyone but the author an edit has no effect, in Matrix clients either.
    if shown.author.as_deref() != Some(&event.sender) {
        return Ok(None);
    }
    if is_too_late(db, conversation).await? {
        return Ok(None);
    }
    // Where it was not recorded, what looks like the quotation of a reply is one.
    let is_reply = shown.is_reply.unwrap_or(true);
    let entry = Entry {
        body: text_of_reply.filter(|_| is_reply).unwrap_or(text),
        replaces: Some(shown.message_id),
        removed: false,
    };
    append(db, session_id, event, entry).await.map(Some)
}

/// Takes a text away. When it was an edit that was redacted, the text before it is shown again, as
/// Matrix clients do. The homeserver decides whether somebody may redact.
async fn redact(
    db: &mut Connection,
    conversation: &Conversation,
    event: &RoomEvent,
    redacted: &str,
) -> Result<(), sqlx::Error> {
    let session_id = conversation.session_id;
    let edited = matrix_events::edited_by(db, redacted, session_id).await?;
    let original = edited.as_deref().unwrap_or(redacted);
    let Some(shown) = matrix_events::shown(db, original, session_id).await? else {
        return Ok(());
    };
    if edited.is_some() {
        matrix_events::point_to(db, redacted, None).await?;
        if shown.event_id != redacted {
            // A later edit is shown: nothing changes.
            return Ok(());
        }
    } else {
        matrix_events::forget_texts(db, original).await?;
    }
    if is_too_late(db, conversation).await? {
        return Ok(());
    }
    let before = matrix_events::shown(db, original, session_id).await?;
    let entry = Entry {
        body: before.as_ref().map_or("", |before| &before.body),
        replaces: Some(shown.message_id),
        removed: before.is_none(),
    };
    let id = append(db, session_id, event, entry).await?;
    if let Some(before) = before {
        matrix_events::point_to(db, &before.event_id, Some(id)).await?;
    }
    Ok(())
}

/// Whether a change of what was shown comes too late for the visitor. Staff are told then.
async fn is_too_late(
    db: &mut Connection,
    conversation: &Conversation,
) -> Result<bool, sqlx::Error> {
    let Some(reason) = conversation.unseen_because else {
        return Ok(false);
    };
    let notice = format!("The visitor does not see this change: {reason}.");
    tell_staff(db, conversation.session_id, notice).await?;
    Ok(true)
}

struct Entry<'a> {
    body: &'a str,
    replaces: Option<Uuid>,
    removed: bool,
}

async fn append(
    db: &mut Connection,
    session_id: Uuid,
    event: &RoomEvent,
    entry: Entry<'_>,
) -> Result<Uuid, sqlx::Error> {
    let id = Uuid::new_v4();
    let new = NewEntry {
        id,
        session_id,
        body: entry.body,
        written_at: event.written_at(),
        replaces: entry.replaces,
        removed: entry.removed,
    };
    messages::append(db, &new).await?;
    tracing::info!(%session_id, message_id = %id, event_id = event.event_id, "staff message taken in");
    Ok(id)
}

//! What a sync brought, stored with its position in one transaction.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::event::{Meaning, RoomEvent};
use crate::{
    config::HistoryVisibility,
    storage::{
        Connection, Db,
        matrix_events::{self, Taken},
        messages::{self, NewEntry},
        outbox::{self, Task},
        sessions::{self, State},
        sync_position,
    },
};

/// A conversation's new events, oldest first.
#[derive(Debug)]
pub(super) struct RoomBatch {
    pub(super) session_id: Uuid,
    pub(super) events: Vec<RoomEvent>,
}

/// By what rules events are taken in.
#[derive(Clone, Debug)]
pub(super) struct Rules {
    pub(super) bot: String,
    pub(super) history_visibility: HistoryVisibility,
    pub(super) session_ttl: std::time::Duration,
}

/// What came of a sync.
#[derive(Debug, Default)]
pub(super) struct TakenIn {
    /// The conversations that may show something new.
    pub(super) changed: Vec<Uuid>,
    /// When the texts, edits among them, were written that visitors are shown now.
    pub(super) staff_texts: Vec<DateTime<Utc>>,
}

/// Stores everything and moves on from `from` to `to`; `None`, storing nothing, when another server
/// did so first.
pub(super) async fn store(
    pool: &Db,
    rules: &Rules,
    batches: &[RoomBatch],
    from: Option<&str>,
    to: &str,
) -> Result<Option<TakenIn>, sqlx::Error> {
    let mut taken_in = TakenIn::default();
    let mut events = batches.iter().flat_map(|batch| &batch.events);
    // As when the homeserver waited in vain.
    if events.all(|event| event.meaning(&rules.bot) == Meaning::Nothing) {
        let moved = sync_position::advance(pool, from, to, &[]).await?;
        return Ok(moved.map(|_| taken_in));
    }
    let ids: Vec<_> = batches
        .iter()
        .flat_map(|batch| &batch.events)
        .map(|event| event.event_id.clone())
        .collect();
    let mut tx = pool.begin().await?;
    // First: two servers with the same answer wait for each other here, and one of them drops it.
    let Some(mut known) = sync_position::advance(&mut *tx, from, to, &ids).await? else {
        return Ok(None);
    };
    for batch in batches {
        // What means nothing, or was taken in before, is no reason to make a visitor wait.
        let mut new = Vec::new();
        for event in &batch.events {
            let meaning = event.meaning(&rules.bot);
            if meaning != Meaning::Nothing && known.insert(event.event_id.clone()) {
                new.push((event, meaning));
            }
        }
        if new.is_empty() {
            continue;
        }
        taken_in.changed.push(batch.session_id);
        let conversation = Conversation::lock(&mut tx, rules, batch.session_id).await?;
        for (event, meaning) in new {
            if take(&mut tx, rules, &conversation, event, meaning).await? {
                taken_in.staff_texts.extend(event.written_at());
            }
        }
    }
    tx.commit().await?;
    Ok(Some(taken_in))
}

/// A session whose lock is held.
#[derive(Clone, Copy, Debug)]
struct Conversation {
    session_id: Uuid,
    /// Why a text would not reach the visitor any more.
    unseen_because: Option<&'static str>,
}

impl Conversation {
    async fn lock(
        db: &mut Connection,
        rules: &Rules,
        session_id: Uuid,
    ) -> Result<Self, sqlx::Error> {
        let session = sessions::lock(db, session_id, rules.session_ttl).await?;
        let unseen_because = match session.map(|session| session.state) {
            Some(State::Open) => None,
            Some(State::Expired) => Some("their session has expired"),
            Some(State::Closed) | None => Some("they ended the chat"),
        };
        Ok(Self {
            session_id,
            unseen_because,
        })
    }
}

/// Takes an event in; `true` when the visitor is shown its text.
async fn take(
    db: &mut Connection,
    rules: &Rules,
    conversation: &Conversation,
    event: &RoomEvent,
    meaning: Meaning,
) -> Result<bool, sqlx::Error> {
    let session_id = conversation.session_id;
    let mut taken = Taken {
        event_id: &event.event_id,
        session_id,
        sender: &event.sender,
        message_id: None,
        edits: None,
    };
    match &meaning {
        Meaning::Text(body) => match conversation.unseen_because {
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
        Meaning::Edit { of, text } => {
            taken.edits = Some(of);
            taken.message_id = edit(db, conversation, event, of, text).await?;
        }
        Meaning::Redaction(of) => redact(db, conversation, event, of).await?,
        Meaning::Join(user_id) => {
            if rules.history_visibility == HistoryVisibility::Joined {
                let recap = Task::Recap {
                    join_event_id: event.event_id.clone(),
                    user_id: user_id.clone(),
                };
                outbox::push(db, session_id, &recap).await?;
            }
        }
        Meaning::NotShown => {
            let notice = "The visitor does not see this: only text messages are shown to them.";
            tell_staff(db, session_id, notice.to_owned()).await?;
        }
        Meaning::Nothing => {}
    }
    let is_shown = taken.message_id.is_some();
    matrix_events::insert(db, taken).await?;
    Ok(is_shown)
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
    text: &str,
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
    let entry = Entry {
        body: text,
        replaces: Some(shown.message_id),
        removed: false,
    };
    append(db, session_id, event, entry).await.map(Some)
}

/// Takes a text away. When it was an edit that was redacted, the text before it is shown again, as
/// Matrix clients do. The homeserver sees to who may redact.
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

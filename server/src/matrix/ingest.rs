//! What a sync brought, stored with its position in one transaction.

use app::contract::Sender;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::event::{Meaning, RoomEvent};
use crate::{
    config::HistoryVisibility,
    storage::{
        matrix_events,
        messages::{self, NewMessage},
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

/// Stores everything and moves on from `from` to `to`; `false`, storing nothing, when another server
/// did so first.
pub(super) async fn store(
    pool: &PgPool,
    rules: &Rules,
    batches: &[RoomBatch],
    from: Option<&str>,
    to: &str,
) -> Result<bool, sqlx::Error> {
    let mut tx = pool.begin().await?;
    // First: two servers with the same answer wait for each other here, and one of them drops it.
    if !sync_position::advance(&mut tx, from, to).await? {
        return Ok(false);
    }
    let ids: Vec<_> = batches
        .iter()
        .flat_map(|batch| &batch.events)
        .map(|event| event.event_id.clone())
        .collect();
    let mut known = matrix_events::known(&mut tx, &ids).await?;
    for batch in batches {
        // What means nothing, or was taken in before, is no reason to make a visitor wait.
        let mut new = Vec::new();
        for event in &batch.events {
            let meaning = event.meaning(&rules.bot);
            if meaning != Meaning::Nothing && known.insert(event.event_id.clone()) {
                new.push((event, meaning));
            }
        }
        if !new.is_empty() {
            sessions::lock(&mut tx, batch.session_id).await?;
        }
        for (event, meaning) in new {
            take(&mut tx, rules, batch.session_id, event, meaning).await?;
        }
    }
    tx.commit().await?;
    Ok(true)
}

async fn take(
    db: &mut PgConnection,
    rules: &Rules,
    session_id: Uuid,
    event: &RoomEvent,
    meaning: Meaning,
) -> Result<(), sqlx::Error> {
    let shown = match meaning {
        Meaning::Text(body) => match unseen_because(db, rules, session_id).await? {
            None => Some(append(db, session_id, event, &body, None, false).await?),
            Some(reason) => {
                tell_staff(db, session_id, reason).await?;
                None
            }
        },
        Meaning::Edit { of, text } => {
            replace(db, rules, session_id, event, &of, &text, false).await?;
            None
        }
        Meaning::Redaction(of) => {
            replace(db, rules, session_id, event, &of, "", true).await?;
            None
        }
        Meaning::Join(user_id) => {
            if rules.history_visibility == HistoryVisibility::Joined {
                let join_event_id = event.event_id.clone();
                let recap = Task::Recap {
                    join_event_id,
                    user_id,
                };
                outbox::push(db, session_id, &recap).await?;
                outbox::notify(db).await?;
            }
            None
        }
        Meaning::NotShown => {
            let reason = "The visitor does not see this: only text messages are shown to them.";
            tell_staff(db, session_id, reason).await?;
            None
        }
        Meaning::Nothing => None,
    };
    matrix_events::insert(db, &event.event_id, session_id, &event.sender, shown).await?;
    Ok(())
}

/// Why a text would not reach the visitor any more.
async fn unseen_because(
    db: &mut PgConnection,
    rules: &Rules,
    session_id: Uuid,
) -> Result<Option<&'static str>, sqlx::Error> {
    let session = sessions::find(db, session_id, rules.session_ttl).await?;
    Ok(match session.map(|session| session.state) {
        Some(State::Open) => None,
        Some(State::Expired) => Some("The visitor does not see this: their session has expired."),
        Some(State::Closed) | None => Some("The visitor does not see this: they ended the chat."),
    })
}

async fn tell_staff(
    db: &mut PgConnection,
    session_id: Uuid,
    text: &str,
) -> Result<(), sqlx::Error> {
    outbox::push(db, session_id, &Task::Notice(text.to_owned())).await?;
    outbox::notify(db).await
}

/// Puts an edited text, or its deletion, in the place of what is shown now.
async fn replace(
    db: &mut PgConnection,
    rules: &Rules,
    session_id: Uuid,
    event: &RoomEvent,
    of: &str,
    body: &str,
    removed: bool,
) -> Result<(), sqlx::Error> {
    let Some((shown, author)) = matrix_events::shown_by(db, of, session_id).await? else {
        return Ok(());
    };
    // The homeserver sees to who may redact; an edit by anyone but the author has no effect.
    let by_author = author.as_deref() == Some(event.sender.as_str());
    if (!removed && !by_author) || unseen_because(db, rules, session_id).await?.is_some() {
        return Ok(());
    }
    let id = append(db, session_id, event, body, Some(shown), removed).await?;
    matrix_events::point_to(db, of, id).await
}

async fn append(
    db: &mut PgConnection,
    session_id: Uuid,
    event: &RoomEvent,
    body: &str,
    replaces: Option<Uuid>,
    removed: bool,
) -> Result<Uuid, sqlx::Error> {
    let id = Uuid::new_v4();
    let new = NewMessage {
        id,
        session_id,
        sender: Sender::Staff,
        body,
        written_at: event.written_at(),
        replaces,
        removed,
    };
    messages::append(db, &new).await?;
    tracing::info!(%session_id, message_id = %id, event_id = event.event_id, "staff message taken in");
    Ok(id)
}

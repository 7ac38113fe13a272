//! `matrix_events`: the events that were sent or handled, and the entries with their texts.

use sqlx::PgExecutor;
use uuid::Uuid;

use super::Connection;

/// An event that was handled.
#[derive(Clone, Copy, Debug)]
pub struct Taken<'a> {
    /// The event.
    pub event_id: &'a str,
    /// Its conversation.
    pub session_id: Uuid,
    /// Who sent it.
    pub sender: &'a str,
    /// The entry that was made from it.
    pub message_id: Option<Uuid>,
    /// For an edit: the event whose text it has replaced.
    pub edits: Option<&'a str>,
    /// Whether it answers an event.
    pub is_reply: bool,
    /// Why no visitor may see it.
    pub internal: Option<Internal>,
    /// The first event of the thread that it is in.
    pub thread_root: Option<&'a str>,
}

/// Why no visitor may see an event, or anything that answers or edits it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Internal {
    /// It is between staff.
    Staff,
    /// It was a command, or the bot's answer to one.
    Command,
}

impl Internal {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Staff => "staff",
            Self::Command => "command",
        }
    }
}

/// Records an event.
pub async fn insert(db: &mut Connection, event: Taken<'_>) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO matrix_events (event_id, session_id, sender, message_id, edits, reply, internal, thread_root)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (event_id) DO NOTHING",
        event.event_id,
        event.session_id,
        event.sender,
        event.message_id,
        event.edits,
        event.is_reply,
        event.internal.map(Internal::as_str),
        event.thread_root,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Those of the events that are recorded.
pub async fn known(
    db: impl PgExecutor<'_>,
    event_ids: &[String],
) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar!(
        "SELECT event_id FROM matrix_events WHERE event_id = ANY($1)",
        event_ids,
    )
    .fetch_all(db)
    .await
}

/// Whether the relay is known to have sent one of these events for the session.
pub async fn any_sent(
    db: impl PgExecutor<'_>,
    session_id: Uuid,
    event_ids: &[String],
) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT EXISTS (
               SELECT FROM matrix_events
               WHERE event_id = ANY($2) AND session_id = $1 AND sender IS NULL
           ) AS "sent!""#,
        session_id,
        event_ids,
    )
    .fetch_one(db)
    .await
}

/// Those of the events that staff have sent and the visitor is not shown.
pub async fn not_shown(
    db: impl PgExecutor<'_>,
    session_id: Uuid,
    event_ids: &[String],
) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar!(
        "SELECT event_id FROM matrix_events
         WHERE event_id = ANY($2) AND session_id = $1 AND sender IS NOT NULL AND message_id IS NULL",
        session_id,
        event_ids,
    )
    .fetch_all(db)
    .await
}

/// Why no visitor may see this event of the session; `None` when they may, or the event is not known.
pub async fn internal(
    db: &mut Connection,
    event_id: &str,
    session_id: Uuid,
) -> Result<Option<Internal>, sqlx::Error> {
    let internal = sqlx::query_scalar!(
        "SELECT internal FROM matrix_events WHERE event_id = $1 AND session_id = $2",
        event_id,
        session_id,
    )
    .fetch_optional(db)
    .await?;
    Ok(internal.flatten().map(|internal| match internal.as_str() {
        "command" => Internal::Command,
        _ => Internal::Staff,
    }))
}

/// What an answer to an event needs to know about it.
#[derive(Clone, Debug, Default)]
pub struct Addressee {
    /// Who sent it.
    pub sender: Option<String>,
    /// The first event of the thread that it is in.
    pub thread_root: Option<String>,
}

/// The sender whom an answer to this event addresses, and the thread that it belongs in.
pub async fn addressee(db: impl PgExecutor<'_>, event_id: &str) -> Result<Addressee, sqlx::Error> {
    let addressee = sqlx::query_as!(
        Addressee,
        "SELECT sender, thread_root FROM matrix_events WHERE event_id = $1",
        event_id,
    )
    .fetch_optional(db)
    .await?;
    Ok(addressee.unwrap_or_default())
}

/// The event that an edit edits.
pub async fn edited_by(
    db: &mut Connection,
    event_id: &str,
    session_id: Uuid,
) -> Result<Option<String>, sqlx::Error> {
    let edits = sqlx::query_scalar!(
        "SELECT edits FROM matrix_events WHERE event_id = $1 AND session_id = $2",
        event_id,
        session_id,
    )
    .fetch_optional(db)
    .await?;
    Ok(edits.flatten())
}

/// The text that the visitor sees for an event of the staff.
#[derive(Debug)]
pub struct Shown {
    /// The entry.
    pub message_id: Uuid,
    /// Its text.
    pub body: String,
    /// The event with this text: the one that was asked for, or an edit of it.
    pub event_id: String,
    /// The sender of the event that was asked for.
    pub author: Option<String>,
    /// Whether that event answers another one; `None` when that was not recorded.
    pub is_reply: Option<bool>,
}

/// The text that the visitor sees for an event of the staff, with its newest edit that was not redacted; `None` when
/// they see none, or the event is an edit itself.
pub async fn shown(
    db: &mut Connection,
    event_id: &str,
    session_id: Uuid,
) -> Result<Option<Shown>, sqlx::Error> {
    sqlx::query_as!(
        Shown,
        "SELECT messages.id AS message_id, messages.body, version.event_id, original.sender AS author,
             original.reply AS is_reply
         FROM matrix_events original
              JOIN matrix_events version ON original.event_id IN (version.event_id, version.edits)
              JOIN messages ON messages.id = version.message_id
         WHERE original.event_id = $1 AND original.session_id = $2 AND original.edits IS NULL
           AND messages.sender = 'staff'
         ORDER BY messages.seq DESC LIMIT 1",
        event_id,
        session_id,
    )
    .fetch_optional(db)
    .await
}

/// Records the entry that has the event's text now, if there is one.
pub async fn point_to(
    db: &mut Connection,
    event_id: &str,
    message_id: Option<Uuid>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE matrix_events SET message_id = $2 WHERE event_id = $1",
        event_id,
        message_id,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Records that no entry has the event's text any more, nor that of its edits.
pub async fn forget_texts(db: &mut Connection, event_id: &str) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE matrix_events SET message_id = NULL WHERE event_id = $1 OR edits = $1",
        event_id,
    )
    .execute(db)
    .await?;
    Ok(())
}

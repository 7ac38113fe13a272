//! `matrix_events`: which events were sent or handled, and the entries that have their texts.

use sqlx::PgExecutor;
use uuid::Uuid;

use super::Connection;

/// An event that was taken in.
#[derive(Clone, Copy, Debug)]
pub struct Taken<'a> {
    /// The event.
    pub event_id: &'a str,
    /// Its conversation.
    pub session_id: Uuid,
    /// Who sent it.
    pub sender: &'a str,
    /// The entry that was made of it.
    pub message_id: Option<Uuid>,
    /// Of an edit: the event whose text it replaced.
    pub edits: Option<&'a str>,
    /// Whether it answers an event.
    pub is_reply: bool,
    /// Why no visitor may get it.
    pub internal: Option<Internal>,
    /// The first event of the thread that it is in.
    pub thread_root: Option<&'a str>,
}

/// Why no visitor may get an event, nor what answers or edits it.
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

/// Which of these events are recorded.
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

/// Whether the session's outbox is known to have sent one of these events.
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

/// Those of the events that staff sent and the visitor is not shown.
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

/// Why no visitor may get this event of the session; `None` where nothing is against it, or it is not known.
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

/// What an answer to an event has to say about it.
#[derive(Clone, Debug, Default)]
pub struct Addressee {
    /// Who sent it.
    pub sender: Option<String>,
    /// The first event of the thread that it is in.
    pub thread_root: Option<String>,
}

/// Whom an answer to this event is for, and where it belongs.
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

/// What the visitor is shown of a staff event.
#[derive(Debug)]
pub struct Shown {
    /// The entry.
    pub message_id: Uuid,
    /// Its text.
    pub body: String,
    /// The event that the text is from: the one asked for, or an edit of it.
    pub event_id: String,
    /// Who sent the event asked for.
    pub author: Option<String>,
    /// Whether that event answers another; `None` when that was not recorded.
    pub is_reply: Option<bool>,
}

/// What the visitor is shown of a staff event, by its newest edit that was not redacted; `None` when
/// they are shown nothing of it, or it is an edit itself.
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

/// The event's text is to be found in another entry now, or nowhere any more.
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

/// Neither the event's text nor that of its edits is to be found any more.
pub async fn forget_texts(db: &mut Connection, event_id: &str) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE matrix_events SET message_id = NULL WHERE event_id = $1 OR edits = $1",
        event_id,
    )
    .execute(db)
    .await?;
    Ok(())
}

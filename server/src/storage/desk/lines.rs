//! `desk_lines`: the line of each conversation, and the edits of it.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;
use uuid::Uuid;

use super::room::DeskRoom;

/// A conversation's line.
#[derive(Clone, Debug)]
pub struct Line {
    /// The desk that it is in, which may be a former one.
    pub room_id: String,
    /// Its event; `None` until the homeserver has accepted it.
    pub event_id: Option<String>,
    /// A digest of what it shows, if that is certain.
    pub shown: Option<Vec<u8>>,
    /// Whether it is known to show that the conversation is over.
    pub is_over: bool,
    /// The number of the last edit that was begun.
    pub edits: i32,
    /// A digest of that edit's content, while it is not known whether the homeserver has accepted
    /// it.
    pub sending: Option<Vec<u8>>,
    /// The last waiting period for which an alert was posted.
    pub rung: Option<i64>,
}

/// Begins a conversation's line in this desk, unless it has one there: queues the message that
/// makes it, under the session's own id. A line in a former desk is abandoned.
pub async fn begin(
    db: impl PgExecutor<'_>,
    session_id: Uuid,
    desk: &DeskRoom,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "WITH line AS (
             -- A line in a former desk is replaced, and everything that is known of its event is
             -- reset. A line in this desk is left alone, and `line` is then empty.
             INSERT INTO desk_lines (session_id, room_id) VALUES ($1, $2)
             ON CONFLICT (session_id) DO UPDATE SET room_id = excluded.room_id, event_id = NULL, shown = NULL,
                 is_over = false, edits = 0, rung = NULL, sending = NULL, shown_at = NULL
             WHERE desk_lines.room_id <> excluded.room_id
             RETURNING *
         )
         -- The message that makes the line has the session's id, so it cannot be queued twice.
         INSERT INTO desk_messages (id, room_id, kind, session_id)
         SELECT session_id, room_id, 'line', session_id FROM line
         ON CONFLICT DO NOTHING",
        session_id,
        desk.room_id,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Records that staff have ended the conversation, in the transaction that ends it.
pub async fn closed_by_staff(db: impl PgExecutor<'_>, session_id: Uuid) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE sessions SET closed_by_staff_at = closed_at WHERE id = $1",
        session_id,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Records that an edit is about to be sent, so that no server takes the line for unchanged if this
/// one crashes. Returns the edit's number; `None` if another server has begun an edit after edit
/// `last`.
pub async fn begin_edit(
    db: impl PgExecutor<'_>,
    session_id: Uuid,
    last: i32,
    says: &[u8],
) -> Result<Option<i32>, sqlx::Error> {
    sqlx::query_scalar!(
        // While the edit is under way, nobody knows what the line shows. The number in `edits`
        // makes sure that only one server begins the next edit.
        "UPDATE desk_lines SET edits = edits + 1, sending = $3, shown = NULL, is_over = false
         WHERE session_id = $1 AND edits = $2
         RETURNING edits",
        session_id,
        last,
        says,
    )
    .fetch_optional(db)
    .await
}

/// Records that the homeserver has refused an edit, so the line shows what it showed before.
pub async fn refused(
    db: impl PgExecutor<'_>,
    session_id: Uuid,
    before: &Line,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE desk_lines SET sending = NULL, shown = $2, is_over = $3 WHERE session_id = $1",
        session_id,
        before.shown,
        before.is_over,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Records an edit that the homeserver has accepted, and when the facts in it were read.
pub async fn edited(
    db: impl PgExecutor<'_>,
    session_id: Uuid,
    shown: &[u8],
    is_over: bool,
    at: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE desk_lines SET shown = $2, is_over = $3, sending = NULL, shown_at = $4 WHERE session_id = $1",
        session_id,
        shown,
        is_over,
        at,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Records whether a line that is up to date says that the conversation is over.
pub async fn set_over(
    db: impl PgExecutor<'_>,
    session_id: Uuid,
    is_over: bool,
    at: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE desk_lines SET is_over = $2, shown_at = $3 WHERE session_id = $1",
        session_id,
        is_over,
        at,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Queues the alert that nobody answers a conversation, once in each waiting period.
pub async fn ring(
    db: impl PgExecutor<'_>,
    session_id: Uuid,
    period: i64,
    desk: &DeskRoom,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "WITH line AS (
             -- `rung` names the waiting period, so the alert is posted once in each. It replies to
             -- the line and has to wait for it.
             UPDATE desk_lines SET rung = $2
             WHERE session_id = $1 AND event_id IS NOT NULL AND rung IS DISTINCT FROM $2 AND room_id = $3
             RETURNING *
         )
         INSERT INTO desk_messages (room_id, kind, session_id, period, reply_to)
         SELECT room_id, 'ring', session_id, rung, event_id FROM line",
        session_id,
        period,
        desk.room_id,
    )
    .execute(db)
    .await?;
    Ok(())
}

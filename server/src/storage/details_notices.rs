//! `details_notices`: the event in each conversation's room that says who the visitor is and which page they are on,
//! and whether it has to be edited.

use std::time::Duration;

use sqlx::PgExecutor;
use uuid::Uuid;

use super::Connection;

/// How long to wait for further changes of the page before staff are told, so they are told no more often than that.
const GATHER: Duration = Duration::from_secs(10);

/// The notice of a room.
#[derive(Debug)]
pub struct DetailsNotice {
    /// The event that is edited.
    pub event_id: String,
    /// A digest of its text; `None` when that is not known.
    pub told: Option<Vec<u8>>,
}

/// Stores the page that the visitor is on. If it is a different one, staff have to be told. The caller holds the
/// session's lock.
pub async fn set_page(
    db: &mut Connection,
    session_id: Uuid,
    source_url: &str,
    page_title: Option<&str>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE sessions SET source_url = $2, page_title = $3,
             details_due_at = coalesce(details_due_at, clock_timestamp() + make_interval(secs => $4))
         WHERE id = $1 AND (source_url, page_title) IS DISTINCT FROM ($2, $3)",
        session_id,
        source_url,
        page_title,
        GATHER.as_secs_f64(),
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Has staff told that something else is known of the visitor. The caller holds the session's lock.
pub async fn set_due(db: &mut Connection, session_id: Uuid) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE sessions SET details_due_at = coalesce(details_due_at, clock_timestamp() + make_interval(secs => $2))
         WHERE id = $1",
        session_id,
        GATHER.as_secs_f64(),
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Up to `limit` conversations whose staff have to be told of a new page now. A time that lies too far ahead was set by
/// a wrong clock, and delays nothing.
pub async fn due(db: impl PgExecutor<'_>, limit: i64) -> Result<Vec<Uuid>, sqlx::Error> {
    sqlx::query_scalar!(
        "SELECT id FROM sessions
         WHERE details_due_at IS NOT NULL
           AND (details_due_at <= now() OR details_due_at > now() + make_interval(secs => $2))
         ORDER BY details_due_at LIMIT $1",
        limit,
        (2 * GATHER).as_secs_f64(),
    )
    .fetch_all(db)
    .await
}

/// Records that staff are being told; `false` when another server does so. The caller holds the session's lock.
pub async fn take_due(db: &mut Connection, session_id: Uuid) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "UPDATE sessions SET details_due_at = NULL WHERE id = $1 AND details_due_at IS NOT NULL",
        session_id,
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// The notice of the session's room; `None` when there is none in this room.
pub async fn find(
    db: impl PgExecutor<'_>,
    session_id: Uuid,
    room_id: &str,
) -> Result<Option<DetailsNotice>, sqlx::Error> {
    sqlx::query_as!(
        DetailsNotice,
        "SELECT event_id, told FROM details_notices WHERE session_id = $1 AND room_id = $2",
        session_id,
        room_id,
    )
    .fetch_optional(db)
    .await
}

/// Records what the room was told. Later edits refer to the room's first event.
pub async fn record(
    db: impl PgExecutor<'_>,
    session_id: Uuid,
    room_id: &str,
    event_id: &str,
    told: Option<&[u8]>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO details_notices (session_id, room_id, event_id, told) VALUES ($1, $2, $3, $4)
         ON CONFLICT (session_id) DO UPDATE SET room_id = excluded.room_id, told = excluded.told,
             event_id = CASE WHEN details_notices.room_id = excluded.room_id
                             THEN details_notices.event_id ELSE excluded.event_id END",
        session_id,
        room_id,
        event_id,
        told,
    )
    .execute(db)
    .await?;
    Ok(())
}

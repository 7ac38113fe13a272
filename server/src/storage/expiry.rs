//! Conversations that have expired, and whose rooms have yet to be told.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;
use uuid::Uuid;

use super::Connection;

/// Conversations that expired longer ago are not announced. After a long outage, or in a database of an older release,
/// they are no news, and each notice makes its room the newest one in everybody's list.
const NEWS: Duration = Duration::from_hours(24 * 7);

/// Up to `limit` conversations that have expired by Postgres' clock and by the caller's, `own`.
pub async fn untold(
    db: impl PgExecutor<'_>,
    ttl: Duration,
    own: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<Uuid>, sqlx::Error> {
    sqlx::query_scalar!(
        "SELECT id FROM sessions
         WHERE closed_at IS NULL AND NOT emptied AND (expiry_told_at IS NULL OR expiry_told_at < active_at)
           AND active_at < least(now(), $2) - make_interval(secs => $1)
           AND active_at > least(now(), $2) - make_interval(secs => $1 + $3)
           AND (room_id IS NOT NULL OR EXISTS (SELECT FROM outbox WHERE session_id = sessions.id))
         ORDER BY active_at LIMIT $4",
        ttl.as_secs_f64(),
        own,
        NEWS.as_secs_f64(),
        limit,
    )
    .fetch_all(db)
    .await
}

/// Records that the room is told; `false` when another server has told it. The caller holds the session's lock.
pub async fn set_told(db: &mut Connection, id: Uuid) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "UPDATE sessions SET expiry_told_at = clock_timestamp()
         WHERE id = $1 AND (expiry_told_at IS NULL OR expiry_told_at < active_at)",
        id,
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() > 0)
}

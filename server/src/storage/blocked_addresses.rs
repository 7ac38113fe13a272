//! `blocked_addresses`: the client addresses from which no conversation can be begun, as keyed hashes.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;
use uuid::Uuid;

use super::Connection;

/// Whether conversations from this address are blocked now, by both clocks.
pub async fn is_blocked(
    db: impl PgExecutor<'_>,
    address_digest: &[u8],
) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT EXISTS (
               SELECT FROM blocked_addresses
               WHERE address_digest = $1 AND blocked_until > greatest(now(), $2)
           ) AS "blocked!""#,
        address_digest,
        Utc::now(),
    )
    .fetch_one(db)
    .await
}

/// Blocks the address from which the session was begun for this long, or lifts the block if the time is zero. Returns
/// the end of the block, or `None` when the address is not known.
pub async fn block(
    db: &mut Connection,
    session_id: Uuid,
    time: Duration,
) -> Result<Option<DateTime<Utc>>, sqlx::Error> {
    sqlx::query_scalar!(
        "INSERT INTO blocked_addresses (address_digest, blocked_until)
         SELECT address_digest, clock_timestamp() + make_interval(secs => $2)
         FROM sessions WHERE id = $1 AND address_digest IS NOT NULL
         ON CONFLICT (address_digest) DO UPDATE SET blocked_until = excluded.blocked_until
         RETURNING blocked_until",
        session_id,
        time.as_secs_f64(),
    )
    .fetch_optional(db)
    .await
}

/// Deletes blocks that ended long ago, by both clocks; `own` is the server's.
pub async fn delete_ended(
    db: impl PgExecutor<'_>,
    own: DateTime<Utc>,
    limit: i64,
) -> Result<u64, sqlx::Error> {
    let done = sqlx::query!(
        "DELETE FROM blocked_addresses WHERE address_digest IN (
             SELECT address_digest FROM blocked_addresses
             WHERE blocked_until < least(now(), $1) - interval '1 day' LIMIT $2
         )",
        own,
        limit,
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected())
}

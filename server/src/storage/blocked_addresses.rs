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

/// A block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// The keyed hash of the address.
    pub address_digest: Vec<u8>,
    /// Its end.
    pub until: DateTime<Utc>,
    /// Conversations that were begun from there, the newest first, as staff name them.
    pub codes: Vec<String>,
}

/// The blocks that have not ended, the one that lasts longest first.
pub async fn list(db: impl PgExecutor<'_>) -> Result<Vec<Block>, sqlx::Error> {
    sqlx::query_as!(
        Block,
        r#"SELECT address_digest, blocked_until AS until, ARRAY(
               SELECT code FROM sessions
               WHERE sessions.address_digest = blocked_addresses.address_digest AND code IS NOT NULL
               ORDER BY created_at DESC LIMIT 5
           ) AS "codes!"
           FROM blocked_addresses WHERE blocked_until > now() ORDER BY blocked_until DESC"#
    )
    .fetch_all(db)
    .await
}

/// Blocks an address for this long; returns the end of the block.
pub async fn block_address(
    db: impl PgExecutor<'_>,
    address_digest: &[u8],
    time: Duration,
) -> Result<DateTime<Utc>, sqlx::Error> {
    sqlx::query_scalar!(
        "INSERT INTO blocked_addresses (address_digest, blocked_until)
         VALUES ($1, clock_timestamp() + make_interval(secs => $2))
         ON CONFLICT (address_digest) DO UPDATE SET blocked_until = excluded.blocked_until
         RETURNING blocked_until",
        address_digest,
        time.as_secs_f64(),
    )
    .fetch_one(db)
    .await
}

/// Lifts the blocks of addresses whose keyed hash begins like this, in hexadecimal digits; returns their number.
pub async fn lift(db: impl PgExecutor<'_>, digest_begins: &str) -> Result<u64, sqlx::Error> {
    let done = sqlx::query!(
        "DELETE FROM blocked_addresses WHERE starts_with(encode(address_digest, 'hex'), lower($1))",
        digest_begins,
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected())
}

/// The keyed hash of the address that the conversation was begun from; `None` when it is not known any more.
pub async fn digest_of_session(
    db: impl PgExecutor<'_>,
    session_id: Uuid,
) -> Result<Option<Vec<u8>>, sqlx::Error> {
    let digest = sqlx::query_scalar!(
        "SELECT address_digest FROM sessions WHERE id = $1",
        session_id
    )
    .fetch_optional(db)
    .await?;
    Ok(digest.flatten())
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

//! `session_identities`: visitors for whom their website vouches.

use std::time::Duration;

use chrono::Utc;
use sqlx::PgExecutor;
use uuid::Uuid;

use super::Connection;
use crate::model::{Identity, Verified};

/// Stores the visitor for whom the website vouches. Returns whether that changes what was stored
/// before.
pub async fn set(
    db: &mut Connection,
    session_id: Uuid,
    identity: &Identity,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "INSERT INTO session_identities AS earlier (session_id, digest, name, email) VALUES ($1, $2, $3, $4)
         ON CONFLICT (session_id) DO UPDATE SET name = excluded.name, email = excluded.email
         WHERE (earlier.name, earlier.email) IS DISTINCT FROM (excluded.name, excluded.email)",
        session_id,
        identity.digest.as_slice(),
        identity.verified.name,
        identity.verified.email,
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// The visitor for whom the website vouches in this session.
pub async fn find(
    db: impl PgExecutor<'_>,
    session_id: Uuid,
) -> Result<Option<Verified>, sqlx::Error> {
    sqlx::query_as!(
        Verified,
        "SELECT name, email FROM session_identities WHERE session_id = $1",
        session_id,
    )
    .fetch_optional(db)
    .await
}

/// Waits until no other transaction looks for or begins a conversation of this visitor, so that two
/// concurrent requests do not begin one each.
pub async fn lock(db: &mut Connection, digest: &[u8; 32]) -> Result<(), sqlx::Error> {
    let number = digest.iter().take(8);
    let number = number.fold(0_i64, |sum, byte| sum << 8 | i64::from(*byte));
    sqlx::query!("SELECT pg_advisory_xact_lock($1)", number)
        .fetch_one(db)
        .await?;
    Ok(())
}

/// The visitor's newest open conversation.
pub async fn open_session(
    db: impl PgExecutor<'_>,
    digest: &[u8; 32],
    ttl: Duration,
) -> Result<Option<Uuid>, sqlx::Error> {
    sqlx::query_scalar!(
        "SELECT id FROM session_identities JOIN sessions ON id = session_id
         WHERE digest = $1 AND closed_at IS NULL AND NOT emptied
           AND active_at >= least(now(), $3) - make_interval(secs => $2)
         ORDER BY created_at DESC LIMIT 1",
        digest.as_slice(),
        ttl.as_secs_f64(),
        Utc::now(),
    )
    .fetch_optional(db)
    .await
}

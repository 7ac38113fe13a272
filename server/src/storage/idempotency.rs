//! `idempotency_keys`: the requests that came with each key.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;
use uuid::Uuid;

use super::Connection;

/// A key, and the request that it stands for.
#[derive(Debug)]
pub struct Entry<'a> {
    /// The session, or the nil UUID for creations.
    pub scope: Uuid,
    /// `create_session` or `send_message`.
    pub operation: &'static str,
    /// SHA-256 of the key.
    pub key_digest: &'a [u8],
    /// SHA-256 of the request.
    pub request_digest: &'a [u8],
    /// The session that the request has begun or written to.
    pub session_id: Uuid,
    /// The message that the request has stored.
    pub message_id: Uuid,
}

/// The result of an earlier request with the same key.
#[derive(Debug)]
pub struct Earlier {
    /// SHA-256 of the earlier request; empty when the session was erased.
    pub request_digest: Vec<u8>,
    /// The session.
    pub session_id: Uuid,
    /// The message.
    pub message_id: Uuid,
}

/// Looks a key up. A creation's key counts for 24 hours by both clocks, Postgres' and this server's.
pub async fn find(
    db: impl PgExecutor<'_>,
    scope: Uuid,
    operation: &str,
    key_digest: &[u8],
) -> Result<Option<Earlier>, sqlx::Error> {
    sqlx::query_as!(
        Earlier,
        "SELECT request_digest, session_id, message_id FROM idempotency_keys
         WHERE scope = $1 AND operation = $2 AND key_digest = $3
           AND (operation <> 'create_session' OR created_at > least(now(), $4) - interval '24 hours')",
        scope,
        operation,
        key_digest,
        Utc::now(),
    )
    .fetch_optional(db)
    .await
}

/// Takes a key; `false` when a request that committed first has it. Waits for a request with the same key that is under
/// way.
pub async fn insert(db: &mut Connection, entry: &Entry<'_>) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "INSERT INTO idempotency_keys (scope, operation, key_digest, request_digest, session_id, message_id)
         VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (scope, operation, key_digest) DO UPDATE
         SET request_digest = excluded.request_digest, session_id = excluded.session_id,
             message_id = excluded.message_id, created_at = now()
         WHERE idempotency_keys.operation = 'create_session'
           AND idempotency_keys.created_at <= least(now(), $7) - interval '24 hours'",
        entry.scope,
        entry.operation,
        entry.key_digest,
        entry.request_digest,
        entry.session_id,
        entry.message_id,
        Utc::now(),
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Deletes keys of creations that are older than 24 hours by all clocks, of which `own` is the server's, and returns
/// their number. A message's key is deleted with the message. The empty message that an erasure has left for a key is
/// deleted with the key.
pub async fn delete_expired(
    db: impl PgExecutor<'_>,
    own: DateTime<Utc>,
    limit: i64,
) -> Result<u64, sqlx::Error> {
    let deleted = sqlx::query_scalar!(
        r#"WITH deleted AS (
             DELETE FROM idempotency_keys WHERE ctid IN (
                 SELECT ctid FROM idempotency_keys
                 WHERE operation = 'create_session'
                   AND created_at <= least(now(), $2, (SELECT newest FROM clock)) - interval '24 hours'
                 LIMIT $1
             ) RETURNING session_id, message_id
         ), emptied AS (
             DELETE FROM messages USING deleted JOIN sessions ON sessions.id = deleted.session_id
             WHERE messages.id = deleted.message_id AND sessions.emptied
         )
         SELECT count(*) AS "deleted!" FROM deleted"#,
        limit,
        own,
    )
    .fetch_one(db)
    .await?;
    Ok(deleted.unsigned_abs())
}

//! `resume_codes`: the codes in mails, each of which is valid once and for a week.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;
use uuid::Uuid;

use crate::storage::Connection;

/// Stores a code that is about to be mailed to the address with this id.
pub async fn insert(
    db: &mut Connection,
    code_digest: &[u8],
    address_id: Uuid,
    session_id: Uuid,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO resume_codes (code_digest, address_id, session_id) VALUES ($1, $2, $3)",
        code_digest,
        address_id,
        session_id,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Deletes a code whose mail was not sent.
pub async fn delete(db: &mut Connection, code_digest: &[u8]) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "DELETE FROM resume_codes WHERE code_digest = $1",
        code_digest
    )
    .execute(db)
    .await?;
    Ok(())
}

/// A code that is not too old.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code {
    /// Its conversation.
    pub session_id: Uuid,
    /// Whether it was used.
    pub was_used: bool,
    /// Whether it was used without this key, or too long ago for the request to be a repetition.
    pub is_used: bool,
}

/// Looks up a code that is at most a week old by both clocks. If the request with `key_digest` has
/// used it within the last day, a repetition of that request may use it again.
pub async fn find(
    db: impl PgExecutor<'_>,
    code_digest: &[u8],
    key_digest: Option<&[u8]>,
) -> Result<Option<Code>, sqlx::Error> {
    sqlx::query_as!(
        Code,
        r#"SELECT session_id, used_at IS NOT NULL AS "was_used!",
               used_at IS NOT NULL AND NOT coalesce(
                   key_digest = $2 AND used_at > least(now(), $3) - interval '24 hours', false
               ) AS "is_used!"
           FROM resume_codes
           WHERE code_digest = $1 AND created_at > least(now(), $3) - interval '7 days'"#,
        code_digest,
        key_digest,
        Utc::now(),
    )
    .fetch_optional(db)
    .await
}

/// Whether a request with this key has used another code within the last day.
pub async fn is_key_of_another(
    db: impl PgExecutor<'_>,
    code_digest: &[u8],
    key_digest: &[u8],
) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT EXISTS (
               SELECT FROM resume_codes
               WHERE key_digest = $2 AND code_digest <> $1 AND used_at > now() - interval '24 hours'
           ) AS "other!""#,
        code_digest,
        key_digest,
    )
    .fetch_one(db)
    .await
}

/// Records that the code is used now. The caller holds the session's lock.
pub async fn set_used(
    db: &mut Connection,
    code_digest: &[u8],
    key_digest: Option<&[u8]>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE resume_codes SET used_at = coalesce(used_at, clock_timestamp()), key_digest = $2 WHERE code_digest = $1",
        code_digest,
        key_digest,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Deletes codes that have expired by all clocks, of which `own` is the server's.
pub async fn delete_old(
    db: impl PgExecutor<'_>,
    own: DateTime<Utc>,
    limit: i64,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "DELETE FROM resume_codes WHERE ctid IN (
             SELECT ctid FROM resume_codes
             WHERE created_at < least(now(), $2, (SELECT newest FROM clock)) - interval '8 days' LIMIT $1
         )",
        limit,
        own,
    )
    .execute(db)
    .await?;
    Ok(())
}

//! `resume_codes`: the codes from mails, each good once and for a week.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;
use uuid::Uuid;

use crate::storage::Connection;

/// Stores a code that is about to be mailed to the address of this name.
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

/// Deletes a code that no mail has brought to anybody.
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
    /// The conversation that it leads to.
    pub session_id: Uuid,
    /// It was used.
    pub was_used: bool,
    /// It was used, under another key or none, or too long ago for a replay.
    pub is_used: bool,
}

/// Looks a code up that is at most a week old by both clocks. Used under `key_digest` within the last day, it is not
/// used for whoever shows that key.
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

/// Whether the key has brought somebody back by another code within the last day.
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

/// Notes that the code is used now. The caller holds the session's lock.
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

/// Deletes codes that are of no use any more by all clocks, of which `own` is the server's.
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

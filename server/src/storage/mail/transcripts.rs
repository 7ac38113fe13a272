//! `transcript_mails`: the conversations that their visitors have asked to be mailed to them.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;
use uuid::Uuid;

use super::outbox::LONGEST_DELAY;
use crate::storage::{Connection, claimable::CLOCK_MARGIN};

/// A mail that this server is to send.
#[derive(Clone, Debug)]
pub struct Claim {
    /// Its id, which is also its Message-ID.
    pub id: Uuid,
    /// The conversation.
    pub session_id: Uuid,
    /// The IANA name of the zone in which times are written.
    pub time_zone: String,
    /// How many attempts have failed.
    pub failures: i32,
    /// How long ago the first of them was.
    pub failing_seconds: f64,
}

/// Whether such a mail waits already, or was asked for with this key within the last day.
pub async fn is_asked(
    db: impl PgExecutor<'_>,
    session_id: Uuid,
    key_digest: Option<&[u8]>,
) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT EXISTS (
               SELECT FROM transcript_mails
               WHERE session_id = $1
                 AND (done_at IS NULL OR key_digest = $2 AND asked_at > now() - interval '1 day')
           ) AS "asked!""#,
        session_id,
        key_digest,
    )
    .fetch_one(db)
    .await
}

/// For how long no more are taken of this conversation, when so many were asked for within the last day.
pub async fn seconds_until_allowed(
    db: impl PgExecutor<'_>,
    session_id: Uuid,
    limit: i64,
) -> Result<Option<f64>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT extract(epoch FROM asked_at + interval '1 day' - now())::float8 AS "seconds!"
           FROM transcript_mails
           WHERE session_id = $1 AND asked_at > now() - interval '1 day'
           ORDER BY asked_at DESC OFFSET $2::int8 - 1 LIMIT 1"#,
        session_id,
        limit,
    )
    .fetch_optional(db)
    .await
}

/// Stores that the conversation is to be mailed. The caller holds the session's lock.
pub async fn ask(
    db: &mut Connection,
    session_id: Uuid,
    time_zone: &str,
    key_digest: Option<&[u8]>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO transcript_mails (session_id, time_zone, key_digest) VALUES ($1, $2, $3)",
        session_id,
        time_zone,
        key_digest,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Claims up to `limit` mails for `lease`.
pub async fn claim(
    db: impl PgExecutor<'_>,
    lease: Duration,
    limit: i64,
) -> Result<Vec<Claim>, sqlx::Error> {
    sqlx::query_as!(
        Claim,
        r#"UPDATE transcript_mails SET leased_until = now() + make_interval(secs => $1)
           WHERE id IN (
               SELECT id FROM transcript_mails
               WHERE done_at IS NULL
                 AND is_claimable(due_at, delayed_at, leased_until,
                                  make_interval(secs => $2), make_interval(secs => $3))
               ORDER BY asked_at LIMIT $4 FOR UPDATE SKIP LOCKED
           )
           RETURNING id, session_id, time_zone, attempts AS failures,
               coalesce(extract(epoch FROM now() - first_tried_at), 0)::float8 AS "failing_seconds!""#,
        lease.as_secs_f64(),
        (LONGEST_DELAY + CLOCK_MARGIN).as_secs_f64(),
        (lease + CLOCK_MARGIN).as_secs_f64(),
        limit,
    )
    .fetch_all(db)
    .await
}

/// Keeps a claim for another `lease` from now on.
pub async fn renew(db: impl PgExecutor<'_>, id: Uuid, lease: Duration) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE transcript_mails SET leased_until = now() + make_interval(secs => $2)
         WHERE id = $1 AND leased_until IS NOT NULL",
        id,
        lease.as_secs_f64(),
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Gives a claim back that is to be looked at again after `delay`; it `has_failed` unless something else kept it.
pub async fn postpone(
    db: &mut Connection,
    id: Uuid,
    delay: Duration,
    has_failed: bool,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE transcript_mails SET leased_until = NULL, delayed_at = now(),
             due_at = now() + make_interval(secs => $2), attempts = attempts + $3::bool::int,
             first_tried_at = CASE WHEN $3 THEN coalesce(first_tried_at, now()) ELSE first_tried_at END
         WHERE id = $1",
        id,
        delay.min(LONGEST_DELAY).as_secs_f64(),
        has_failed,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Records that nothing more is to be sent.
pub async fn set_done(db: &mut Connection, id: Uuid) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE transcript_mails SET done_at = clock_timestamp(), leased_until = NULL WHERE id = $1",
        id,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Deletes what no limit and no key counts any more by all clocks, of which `own` is the server's.
pub async fn delete_old(
    db: impl PgExecutor<'_>,
    own: DateTime<Utc>,
    limit: i64,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "DELETE FROM transcript_mails WHERE ctid IN (
             SELECT ctid FROM transcript_mails
             WHERE done_at IS NOT NULL
               AND asked_at < least(now(), $2, (SELECT newest FROM clock)) - interval '1 day' LIMIT $1
         )",
        limit,
        own,
    )
    .execute(db)
    .await?;
    Ok(())
}

//! `mails` and `mails_sent`: the mails that are queued, and a record of those that were sent.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;
use uuid::Uuid;

use crate::storage::{Connection, claimable::CLOCK_MARGIN};

/// The longest delay before another attempt.
pub const LONGEST_DELAY: Duration = Duration::from_hours(1);

/// A mail that this server has claimed.
#[derive(Clone, Copy, Debug)]
pub struct Claim {
    /// Its id, which is also its Message-ID.
    pub id: Uuid,
    /// The conversation.
    pub session_id: Uuid,
    /// The number of attempts that have failed.
    pub failures: i32,
    /// How long ago the first attempt failed.
    pub failing_seconds: f64,
}

/// An entry of staff that the visitor has neither fetched nor been mailed.
#[derive(Clone, Debug)]
pub struct Unfetched {
    /// The entry.
    pub id: Uuid,
    /// Its place in the conversation.
    pub seq: i64,
    /// Its text.
    pub body: String,
    /// The entry that it replaces.
    pub replaces: Option<Uuid>,
    /// Whether that entry was deleted.
    pub removed: bool,
}

/// Queues a mail about the conversation, if it has an address.
pub async fn wait(db: &mut Connection, session_id: Uuid) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO mails (session_id)
         -- No mail is queued if the server has refused the address or its owner has stopped the
         -- mails. One that is queued already is enough.
         SELECT session_id FROM mail_addresses address
         WHERE session_id = $1 AND NOT is_refused
           AND NOT EXISTS (SELECT FROM mail_stops
                           WHERE session_id = $1 AND address_digest = address.address_digest)
         ON CONFLICT DO NOTHING",
        session_id,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Up to `limit` entries of staff that are neither fetched nor mailed, oldest first.
pub async fn unfetched(
    db: impl PgExecutor<'_>,
    session_id: Uuid,
    limit: i64,
) -> Result<Vec<Unfetched>, sqlx::Error> {
    sqlx::query_as!(
        Unfetched,
        "SELECT id, seq, body, replaces, removed FROM messages
         WHERE session_id = $1 AND sender = 'staff' AND seq > (
             -- The visitor knows everything up to the later of the two marks.
             SELECT greatest(coalesce(fetched_seq, 0), coalesce(mailed_seq, 0))
             FROM sessions LEFT JOIN mail_addresses address ON address.session_id = sessions.id
             WHERE sessions.id = $1
         )
         ORDER BY seq LIMIT $2",
        session_id,
        limit,
    )
    .fetch_all(db)
    .await
}

/// Claims up to `limit` mails for `lease` whose replies have been waiting for at least `after`.
pub async fn claim(
    db: impl PgExecutor<'_>,
    after: Duration,
    lease: Duration,
    limit: i64,
) -> Result<Vec<Claim>, sqlx::Error> {
    sqlx::query_as!(
        Claim,
        r#"UPDATE mails SET leased_until = now() + make_interval(secs => $2)
           WHERE id IN (
               -- Mails whose replies have waited long enough for the visitor to fetch them.
               SELECT id FROM mails
               WHERE (waiting_since <= now() - make_interval(secs => $1)
                      -- A time in the future was set by a wrong clock, and must not delay a mail.
                      OR waiting_since > now() + interval '1 minute')
                 -- A mail that waits for its next attempt, or that another server has claimed, is
                 -- not claimable.
                 AND is_claimable(due_at, delayed_at, leased_until,
                                  make_interval(secs => $3), make_interval(secs => $4))
               -- Servers that claim at the same time get different rows.
               ORDER BY waiting_since LIMIT $5 FOR UPDATE SKIP LOCKED
           )
           RETURNING id, session_id, attempts AS failures,
               coalesce(extract(epoch FROM now() - first_tried_at), 0)::float8 AS "failing_seconds!""#,
        after.as_secs_f64(),
        lease.as_secs_f64(),
        (LONGEST_DELAY + CLOCK_MARGIN).as_secs_f64(),
        (lease + CLOCK_MARGIN).as_secs_f64(),
        limit,
    )
    .fetch_all(db)
    .await
}

/// Extends a claim by another `lease` from now.
pub async fn renew(db: impl PgExecutor<'_>, id: Uuid, lease: Duration) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE mails SET leased_until = now() + make_interval(secs => $2) WHERE id = $1 AND leased_until IS NOT NULL",
        id,
        lease.as_secs_f64(),
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Gives back a claim, to be tried again after `delay`. `has_failed` counts the attempt as a
/// failure.
pub async fn postpone(
    db: &mut Connection,
    id: Uuid,
    delay: Duration,
    has_failed: bool,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE mails SET leased_until = NULL, delayed_at = now(), due_at = now() + make_interval(secs => $2),
             attempts = attempts + $3::bool::int,
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

/// Deletes a mail that will not be sent.
pub async fn delete(db: &mut Connection, id: Uuid) -> Result<(), sqlx::Error> {
    sqlx::query!("DELETE FROM mails WHERE id = $1", id)
        .execute(db)
        .await?;
    Ok(())
}

/// Records that a mail about all entries up to `up_to` was accepted. Replies that came meanwhile wait for a mail of their
/// own.
pub async fn set_sent(
    db: &mut Connection,
    claim: Claim,
    address_id: Uuid,
    address_digest: &[u8],
    up_to: i64,
) -> Result<(), sqlx::Error> {
    delete(&mut *db, claim.id).await?;
    count(&mut *db, claim.session_id, address_digest).await?;
    sqlx::query!(
        "UPDATE mail_addresses SET mailed_seq = greatest(mailed_seq, $2), failed_at = NULL WHERE id = $1",
        address_id,
        up_to,
    )
    .execute(&mut *db)
    .await?;
    if !unfetched(&mut *db, claim.session_id, 1).await?.is_empty() {
        wait(&mut *db, claim.session_id).await?;
    }
    Ok(())
}

/// Counts a mail that was accepted, whatever it is about, in the limits.
pub async fn count(
    db: &mut Connection,
    session_id: Uuid,
    address_digest: &[u8],
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO mails_sent (session_id, address_digest) VALUES ($1, $2)",
        session_id,
        address_digest,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Mails a day of one conversation, whatever its address is.
const MAX_OF_CONVERSATION: i64 = 5;
/// Mails a day to one address, of all conversations.
const MAX_TO_ADDRESS: i64 = 10;

/// For how long no more mails are sent, when so many were sent within the last day.
pub async fn seconds_until_allowed(
    db: impl PgExecutor<'_>,
    session_id: Uuid,
    address_digest: &[u8],
) -> Result<Option<f64>, sqlx::Error> {
    let seconds = sqlx::query_scalar!(
        r#"SELECT extract(epoch FROM max(sent_at) + interval '1 day' - now())::float8
           FROM (
               -- The oldest of the last $3 mails of this conversation: while it is less than a day
               -- old, the limit is reached.
               (SELECT sent_at FROM mails_sent
                WHERE session_id = $1 AND sent_at BETWEEN now() - interval '1 day' AND now() + interval '1 minute'
                ORDER BY sent_at DESC OFFSET $3::int8 - 1 LIMIT 1)
               UNION ALL
               -- The same for the $4 mails to this address.
               (SELECT sent_at FROM mails_sent
                WHERE address_digest = $2 AND sent_at BETWEEN now() - interval '1 day' AND now() + interval '1 minute'
                ORDER BY sent_at DESC OFFSET $4::int8 - 1 LIMIT 1)
           ) full_day"#,
        session_id,
        address_digest,
        MAX_OF_CONVERSATION,
        MAX_TO_ADDRESS,
    )
    .fetch_one(db)
    .await?;
    Ok(seconds)
}

/// The number of mails of which an attempt has failed and that are still to be sent.
pub async fn failing(db: impl PgExecutor<'_>) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT (SELECT count(*) FROM mails WHERE attempts > 0)
               + (SELECT count(*) FROM transcript_mails WHERE done_at IS NULL AND attempts > 0) AS "failing!""#
    )
        .fetch_one(db)
        .await
}

/// Deletes records that no limit counts any more by all clocks, of which `own` is the server's.
pub async fn delete_old(
    db: impl PgExecutor<'_>,
    own: DateTime<Utc>,
    limit: i64,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "DELETE FROM mails_sent WHERE ctid IN (
             SELECT ctid FROM mails_sent
             WHERE sent_at < least(now(), $2, (SELECT newest FROM clock)) - interval '1 day' LIMIT $1
         )",
        limit,
        own,
    )
    .execute(db)
    .await?;
    Ok(())
}

//! What housekeeping changes in `sessions`, and deletes with them, by all clocks.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;

/// Brings conversations back to now whose last message a wrong clock has dated far into the future; otherwise they would
/// never end. The future is what lies ahead of all clocks, of which `own` is the server's.
pub async fn end_futures(
    db: impl PgExecutor<'_>,
    own: DateTime<Utc>,
    limit: i64,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE sessions SET active_at = greatest(now(), $1)
         WHERE id IN (
             SELECT id FROM sessions
             WHERE active_at > greatest(now(), $1, (SELECT newest FROM clock)) + interval '1 hour' AND NOT emptied
             ORDER BY active_at DESC LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED
         )",
        own,
        limit,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Deletes the messages, and who the visitor was, of sessions that have been quiet for `age` by all clocks, of which
/// `own` is the server's. Returns the number of sessions. The row stays, because staff may still write, and a late
/// visitor is told that the session has ended. Messages that the homeserver has yet to get are kept.
pub async fn empty_older_than(
    db: impl PgExecutor<'_>,
    own: DateTime<Utc>,
    age: Duration,
    limit: i64,
) -> Result<u64, sqlx::Error> {
    let done = sqlx::query!(
        "WITH old AS (
             SELECT id FROM sessions
             WHERE active_at < least(now(), $3, (SELECT newest FROM clock)) - make_interval(secs => $1)
               AND NOT emptied
               AND NOT EXISTS (SELECT FROM outbox WHERE session_id = sessions.id)
             ORDER BY active_at LIMIT $2 FOR UPDATE SKIP LOCKED
         ), gone AS (
             DELETE FROM messages USING old WHERE session_id = old.id
         ), identity AS (
             DELETE FROM session_identities USING old WHERE session_id = old.id
         ), comment AS (
             UPDATE ratings SET comment = NULL, told = NULL FROM old WHERE session_id = old.id
         ), unaddressed AS (
             DELETE FROM mail_addresses USING old WHERE session_id = old.id
         ), unstopped AS (
             DELETE FROM mail_stops USING old WHERE session_id = old.id
         ), unmailed AS (
             DELETE FROM mails USING old WHERE session_id = old.id
         )
         UPDATE sessions SET emptied = true, source_url = NULL, page_title = NULL,
                             visitor_name = NULL, visitor_email = NULL, address_digest = NULL,
                             homeserver_erasure_at = NULL
         FROM old WHERE sessions.id = old.id",
        age.as_secs_f64(),
        limit,
        own,
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected())
}

//! `sessions.fetched_seq`: how far each visitor is known to have fetched the entries of staff.

use sqlx::PgExecutor;
use uuid::Uuid;

/// Records up to which entries the visitors of these conversations have fetched, and deletes the
/// mails that are not needed any more. Sessions that another transaction has locked are skipped, so
/// that this never waits and cannot be part of a deadlock. Returns the sessions that were handled.
pub async fn record(
    db: impl PgExecutor<'_>,
    session_ids: &[Uuid],
    entries: &[Uuid],
) -> Result<Vec<Uuid>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"WITH fetched AS (
             -- The place of the newest entry that each visitor has fetched; NULL if none of them is
             -- an entry of the session.
             SELECT ask.session_id, max(entry.seq) AS seq
             FROM unnest($1::uuid[], $2::uuid[]) ask (session_id, entry)
             LEFT JOIN messages entry ON entry.id = ask.entry AND entry.session_id = ask.session_id
             GROUP BY ask.session_id
         ), free AS (
             -- Only the sessions that nobody else has locked.
             SELECT id FROM sessions WHERE id = ANY($1) FOR NO KEY UPDATE SKIP LOCKED
         ), moved AS (
             -- The mark moves only forward, and only past an entry of staff. A poll that fetched
             -- nothing of theirs writes nothing.
             UPDATE sessions SET fetched_seq = fetched.seq
             FROM fetched JOIN free ON free.id = fetched.session_id
             WHERE sessions.id = fetched.session_id AND fetched.seq > coalesce(fetched_seq, 0)
               AND EXISTS (SELECT FROM messages
                           WHERE session_id = fetched.session_id AND sender = 'staff'
                             AND seq > coalesce(fetched_seq, 0) AND seq <= fetched.seq)
             RETURNING sessions.id, sessions.fetched_seq
         ), unneeded AS (
             -- A mail is not needed if the visitor has fetched everything. A mail that a server is
             -- sending is left to that server.
             DELETE FROM mails USING moved
             WHERE mails.session_id = moved.id AND leased_until IS NULL
               AND NOT EXISTS (SELECT FROM messages
                               WHERE session_id = moved.id AND sender = 'staff' AND seq > moved.fetched_seq)
         )
         -- Sessions without such an entry are returned as well, since there is nothing to record
         -- for them.
         SELECT id AS "id!" FROM free
         UNION SELECT session_id FROM fetched WHERE seq IS NULL"#,
        session_ids,
        entries,
    )
    .fetch_all(db)
    .await
}

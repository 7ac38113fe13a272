//! The queue as an operator sees it, and what an operator may do to it.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;
use uuid::Uuid;

use super::CHANNEL;
use crate::storage::{Connection, sessions::CHANGES};

/// A task that waits.
#[derive(Clone, Debug)]
pub struct Queued {
    /// The task.
    pub id: Uuid,
    /// The conversation.
    pub session_id: Uuid,
    /// The code by which staff name it.
    pub code: Option<String>,
    /// What is to be done.
    pub kind: String,
    /// How often that was tried.
    pub attempts: i32,
    /// Not before this time.
    pub due_at: DateTime<Utc>,
    /// A server is at work on it.
    pub is_claimed: bool,
    /// Tasks of the same conversation come before it.
    pub is_behind: bool,
}

/// The tasks that wait, of one conversation or of all, in the order of each.
pub async fn list(
    db: impl PgExecutor<'_>,
    session_id: Option<Uuid>,
    limit: i64,
) -> Result<Vec<Queued>, sqlx::Error> {
    sqlx::query_as!(
        Queued,
        r#"SELECT outbox.id, session_id, code, kind, attempts, due_at,
               coalesce(leased_until > now(), false) AS "is_claimed!",
               EXISTS (
                   SELECT FROM outbox earlier
                   WHERE earlier.session_id = outbox.session_id AND earlier.position < outbox.position
               ) AS "is_behind!"
           FROM outbox JOIN sessions ON sessions.id = session_id
           WHERE $1::uuid IS NULL OR session_id = $1
           ORDER BY position LIMIT $2"#,
        session_id,
        limit,
    )
    .fetch_all(db)
    .await
}

/// Lets these tasks, or all, be tried at once, and wakes the servers; returns their number. What a server is at work on
/// stays as it is.
pub async fn try_now(db: impl PgExecutor<'_>, ids: Option<&[Uuid]>) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar!(
        r#"WITH due AS (
               UPDATE outbox SET due_at = now(), delayed_at = NULL
               WHERE $1::uuid[] IS NULL OR id = ANY($1) RETURNING session_id
           ), told AS MATERIALIZED (
               SELECT pg_notify($2, session_id::text) FROM (SELECT DISTINCT session_id FROM due) sessions
           )
           SELECT (SELECT count(*) FROM due) + 0 * (SELECT count(*) FROM told) AS "count!""#,
        ids,
        CHANNEL,
    )
    .fetch_one(db)
    .await
}

/// What became of a task that was to be dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dropped {
    /// It will not be done. If it was a message, its visitor is told that it has failed.
    Gone {
        /// Its conversation.
        session_id: Uuid,
    },
    /// A server is at work on it.
    Claimed,
    /// The conversation's other tasks need the room that it makes.
    NeededByOthers,
    /// There is no such task.
    Unknown,
}

/// Drops a task that no server is at work on.
pub async fn drop_task(db: &mut Connection, id: Uuid) -> Result<Dropped, sqlx::Error> {
    let gone = sqlx::query!(
        r#"WITH gone AS (
               DELETE FROM outbox
               WHERE id = $1 AND kind <> 'create_room' AND (leased_until IS NULL OR leased_until <= now())
               RETURNING session_id, message_id
           ), ended AS (
               UPDATE messages SET delivery = 'failed' FROM gone WHERE messages.id = gone.message_id
           ), failed AS (
               UPDATE sessions SET failed_seq = least(failed_seq, messages.seq)
               FROM gone JOIN messages ON messages.id = gone.message_id WHERE sessions.id = gone.session_id
           )
           SELECT session_id FROM gone
           WHERE pg_notify($2, session_id::text) IS NOT NULL AND pg_notify($3, session_id::text) IS NOT NULL"#,
        id,
        CHANGES,
        CHANNEL,
    )
    .fetch_optional(&mut *db)
    .await?;
    if let Some(gone) = gone {
        return Ok(Dropped::Gone {
            session_id: gone.session_id,
        });
    }
    let kind = sqlx::query_scalar!("SELECT kind FROM outbox WHERE id = $1", id)
        .fetch_optional(db)
        .await?;
    Ok(match kind.as_deref() {
        None => Dropped::Unknown,
        Some("create_room") => Dropped::NeededByOthers,
        Some(_) => Dropped::Claimed,
    })
}

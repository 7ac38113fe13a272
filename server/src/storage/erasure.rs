//! The erasure of a conversation: the deletion from Postgres, and where its texts may be at the
//! homeserver.

use std::time::Duration;

use sqlx::PgExecutor;
use uuid::Uuid;

use super::{Connection, sessions::CHANGES};

/// Deletes the conversation's texts and everything about the visitor. The row, the code and the ids
/// of events stay, so that the relay can erase the rooms. A session without tokens is an erased
/// one. The caller holds the session's lock.
pub async fn erase(db: &mut Connection, id: Uuid) -> Result<(), sqlx::Error> {
    sqlx::query!("DELETE FROM session_tokens WHERE session_id = $1", id)
        .execute(&mut *db)
        .await?;
    // A room that the homeserver may be creating has to be waited for, because the visitor's name
    // is in it.
    sqlx::query!(
        "DELETE FROM outbox WHERE session_id = $1 AND NOT (kind = 'create_room' AND attempts > 0)",
        id,
    )
    .execute(&mut *db)
    .await?;
    // The idempotency keys of messages are deleted with them. Those of creations are kept, so that a
    // repetition makes no second conversation; an empty message without its text keeps each.
    sqlx::query!(
        "DELETE FROM messages WHERE session_id = $1 AND id NOT IN (
             SELECT message_id FROM idempotency_keys WHERE session_id = $1 AND operation = 'create_session'
         )",
        id,
    )
    .execute(&mut *db)
    .await?;
    sqlx::query!(
        "UPDATE messages SET body = '', removed = true, delivery = 'delivered' WHERE session_id = $1",
        id,
    )
    .execute(&mut *db)
    .await?;
    sqlx::query!(
        "UPDATE idempotency_keys SET request_digest = '' WHERE session_id = $1",
        id,
    )
    .execute(&mut *db)
    .await?;
    sqlx::query!("DELETE FROM details_notices WHERE session_id = $1", id)
        .execute(&mut *db)
        .await?;
    sqlx::query!("DELETE FROM mail_addresses WHERE session_id = $1", id)
        .execute(&mut *db)
        .await?;
    sqlx::query!("DELETE FROM mail_stops WHERE session_id = $1", id)
        .execute(&mut *db)
        .await?;
    sqlx::query!("DELETE FROM mails WHERE session_id = $1", id)
        .execute(&mut *db)
        .await?;
    sqlx::query!("DELETE FROM transcript_mails WHERE session_id = $1", id)
        .execute(&mut *db)
        .await?;
    sqlx::query!("DELETE FROM resume_codes WHERE session_id = $1", id)
        .execute(&mut *db)
        .await?;
    sqlx::query!("DELETE FROM ratings WHERE session_id = $1", id)
        .execute(&mut *db)
        .await?;
    sqlx::query!("DELETE FROM session_identities WHERE session_id = $1", id)
        .execute(&mut *db)
        .await?;
    sqlx::query!("DELETE FROM quarantine WHERE session_id = $1", id)
        .execute(&mut *db)
        .await?;
    sqlx::query!("DELETE FROM desk_messages WHERE session_id = $1", id)
        .execute(&mut *db)
        .await?;
    sqlx::query!(
        "WITH erased AS (
             UPDATE sessions SET closed_at = coalesce(closed_at, clock_timestamp()),
                 emptied = true, source_url = NULL, page_title = NULL, visitor_name = NULL, visitor_email = NULL,
                 address_digest = NULL, details_due_at = NULL, homeserver_erasure_at = clock_timestamp()
             WHERE id = $1 RETURNING id
         )
         SELECT pg_notify($2, id::text) FROM erased",
        id,
        CHANGES,
    )
    .fetch_optional(db)
    .await?;
    Ok(())
}

/// Whether the conversation has, had or may be about to have a room.
pub async fn has_room(db: impl PgExecutor<'_>, id: Uuid) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM sessions WHERE id = $1 AND room_id IS NOT NULL)
               OR EXISTS (SELECT FROM former_rooms WHERE session_id = $1)
               OR EXISTS (SELECT FROM outbox WHERE session_id = $1) AS "has_room!""#,
        id,
    )
    .fetch_one(db)
    .await
}

/// Delays all tasks of the session.
pub async fn delay_queue(
    db: &mut Connection,
    id: Uuid,
    delay: Duration,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE outbox SET due_at = now() + make_interval(secs => $2), delayed_at = now() WHERE session_id = $1",
        id,
        delay.as_secs_f64(),
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Conversations that retention has emptied and that are still at the homeserver as they were, the oldest first, as many
/// as make up `at_once` erasures that are queued.
pub async fn due_at_homeserver(
    db: impl PgExecutor<'_>,
    at_once: i64,
) -> Result<Vec<Uuid>, sqlx::Error> {
    sqlx::query_scalar!(
        "SELECT id FROM sessions
         WHERE emptied AND homeserver_erasure_at IS NULL
           AND (room_id IS NOT NULL OR EXISTS (SELECT FROM former_rooms WHERE session_id = sessions.id))
         ORDER BY active_at
         LIMIT greatest($1 - (SELECT count(*) FROM outbox WHERE kind = 'erase'), 0)",
        at_once,
    )
    .fetch_all(db)
    .await
}

/// Records that a conversation that retention has emptied is about to be erased at the homeserver; `false` when that was
/// done before, or the conversation goes on. The caller holds the session's lock and queues the erasure.
pub async fn begin_at_homeserver(db: &mut Connection, id: Uuid) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "UPDATE sessions SET homeserver_erasure_at = clock_timestamp()
         WHERE id = $1 AND emptied AND homeserver_erasure_at IS NULL",
        id,
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Where the conversation's words may stand at the homeserver.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Traces {
    /// Its current and former rooms.
    pub rooms: Vec<String>,
    /// Its line at the desk.
    pub desk_line: Option<DeskLine>,
}

/// The line of a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeskLine {
    /// The desk that it stands in.
    pub room_id: String,
    /// Its event; `None` when the homeserver's answer is not known, and it may have accepted it.
    pub event_id: Option<String>,
}

/// Finds the places at the homeserver where texts of the conversation may be.
pub async fn traces(db: impl PgExecutor<'_>, id: Uuid) -> Result<Traces, sqlx::Error> {
    let row = sqlx::query!(
        r#"SELECT ARRAY(
                   SELECT room_id FROM sessions WHERE id = $1 AND room_id IS NOT NULL
                   UNION SELECT room_id FROM former_rooms WHERE session_id = $1
               ) AS "rooms!",
               line.room_id AS "desk_room?", line.event_id AS "line?"
           FROM (SELECT) none LEFT JOIN desk_lines line ON line.session_id = $1"#,
        id,
    )
    .fetch_one(db)
    .await?;
    Ok(Traces {
        rooms: row.rooms,
        desk_line: row.desk_room.map(|room_id| DeskLine {
            room_id,
            event_id: row.line,
        }),
    })
}

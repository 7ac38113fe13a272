//! The erasure of a conversation: what goes from Postgres, and what is known of its traces at the homeserver.

use std::time::Duration;

use sqlx::PgExecutor;
use uuid::Uuid;

use super::{Connection, sessions::CHANGES};

/// Removes from Postgres what was said in the conversation and who the visitor was. The row, the code and the ids of events
/// stay, so that the relay knows whose room it is. That no token is left marks the session as erased. The caller holds the
/// session's lock.
pub async fn erase(db: &mut Connection, id: Uuid) -> Result<(), sqlx::Error> {
    sqlx::query!("DELETE FROM session_tokens WHERE session_id = $1", id)
        .execute(&mut *db)
        .await?;
    // A room that the homeserver may be making is still awaited, because it bears the visitor's name.
    sqlx::query!(
        "DELETE FROM outbox WHERE session_id = $1 AND NOT (kind = 'create_room' AND attempts > 0)",
        id,
    )
    .execute(&mut *db)
    .await?;
    // Keys of idempotency go with the messages.
    sqlx::query!("DELETE FROM messages WHERE session_id = $1", id)
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
                 address_digest = NULL, details_due_at = NULL
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

/// Whether the conversation has, has had or may be about to have a room.
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

/// Lets nothing of the session's queue begin before `delay` is over.
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

/// Where the conversation's words may stand at the homeserver.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Traces {
    /// Its rooms, the former ones too.
    pub rooms: Vec<String>,
    /// The desk's room, and the conversation's line in it.
    pub desk_line: Option<(String, String)>,
}

/// Where the conversation's words may stand at the homeserver.
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
        desk_line: row.desk_room.zip(row.line),
    })
}

//! `sessions.room_id` and `former_rooms`: the room of each conversation, and the rooms that it had before.

use std::time::Duration;

use sqlx::PgExecutor;
use uuid::Uuid;

/// Gives the session this room, unless it has another one or had this one before. Returns the room that it has then.
pub async fn set_room(
    db: impl PgExecutor<'_>,
    id: Uuid,
    room_id: &str,
) -> Result<Option<String>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"UPDATE sessions SET room_id = coalesce(room_id, $2)
           WHERE id = $1 AND NOT EXISTS (SELECT FROM former_rooms WHERE room_id = $2)
           RETURNING room_id AS "room_id!""#,
        id,
        room_id,
    )
    .fetch_optional(db)
    .await
}

/// Those of the rooms that belong to a session, with the session.
pub async fn of_rooms(
    db: impl PgExecutor<'_>,
    rooms: &[String],
) -> Result<Vec<(String, Uuid)>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"SELECT room_id AS "room_id!", id FROM sessions WHERE room_id = ANY($1)"#,
        rooms,
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(|row| (row.room_id, row.id)).collect())
}

/// The open conversations that have had a room for a while, and their rooms.
pub async fn settled_rooms(
    db: impl PgExecutor<'_>,
    ttl: Duration,
) -> Result<Vec<(Uuid, String)>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"SELECT id, room_id AS "room_id!" FROM sessions
           WHERE closed_at IS NULL AND NOT emptied AND room_id IS NOT NULL
             AND active_at > now() - make_interval(secs => $1)
             AND created_at < now() - interval '5 seconds'"#,
        ttl.as_secs_f64(),
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(|row| (row.id, row.room_id)).collect())
}

/// Takes this room, in which nobody except the bot ever was, from the session for good.
pub async fn disown_room(
    db: impl PgExecutor<'_>,
    id: Uuid,
    room_id: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "WITH former AS (
             INSERT INTO former_rooms (room_id, session_id, was_seen) VALUES ($2, $1, false) ON CONFLICT DO NOTHING
         )
         UPDATE sessions SET room_id = NULL WHERE id = $1 AND room_id = $2",
        id,
        room_id,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Those of the rooms that some session no longer uses.
pub async fn former_rooms(
    db: impl PgExecutor<'_>,
    rooms: &[String],
) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar!(
        "SELECT room_id FROM former_rooms WHERE room_id = ANY($1)",
        rooms,
    )
    .fetch_all(db)
    .await
}

//! `desk_rooms` and `desk_request`: the room that is the desk, and whether a request to create one
//! may be under way.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;

use crate::storage::{Connection, room_asked::RoomAsked};

/// The desk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeskRoom {
    /// Its room.
    pub room_id: String,
    /// When this database first knew it.
    pub found_at: DateTime<Utc>,
}

/// The desk, if there is one.
pub async fn get(db: impl PgExecutor<'_>) -> Result<Option<DeskRoom>, sqlx::Error> {
    sqlx::query_as!(
        DeskRoom,
        "SELECT room_id, found_at FROM desk_rooms WHERE left_at IS NULL"
    )
    .fetch_optional(db)
    .await
}

/// Makes this room the desk, unless there is one already. Returns the desk that there is now.
/// Conversations that are not over will get their lines there.
pub async fn adopt(db: &mut Connection, room_id: &str) -> Result<Option<DeskRoom>, sqlx::Error> {
    let adopted = sqlx::query!(
        "INSERT INTO desk_rooms (room_id) VALUES ($1) ON CONFLICT DO NOTHING",
        room_id,
    )
    .execute(&mut *db)
    .await?;
    if adopted.rows_affected() > 0 {
        sqlx::query!(
            "WITH request AS (
                 -- The desk exists now, so no request is under way.
                 UPDATE desk_request SET asked_at = NULL, asked_own = NULL
             ), said_elsewhere AS (
                 -- What was queued for a former desk is of no use here.
                 DELETE FROM desk_messages WHERE room_id <> $1
             )
             -- Open conversations get a new line in this desk.
             DELETE FROM desk_lines WHERE room_id <> $1 AND NOT is_over",
            room_id,
        )
        .execute(&mut *db)
        .await?;
    }
    get(db).await
}

/// Records that this room is not the desk any more. It can never become the desk again.
pub async fn abandon(db: impl PgExecutor<'_>, room_id: &str) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO desk_rooms (room_id, left_at) VALUES ($1, now())
         ON CONFLICT (room_id) DO UPDATE SET left_at = now() WHERE desk_rooms.left_at IS NULL",
        room_id,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Those of the rooms that the database knows as a conversation's room or as a former desk.
pub async fn known(db: impl PgExecutor<'_>, rooms: &[String]) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT room_id AS "room_id!" FROM (
               SELECT room_id FROM sessions UNION ALL SELECT room_id FROM former_rooms
               UNION ALL SELECT room_id FROM desk_rooms WHERE left_at IS NOT NULL
           ) known
           WHERE room_id = ANY($1)"#,
        rooms,
    )
    .fetch_all(db)
    .await
}

/// How many desks were lost within the last hour, and how long ago the last one was.
pub async fn lost_lately(db: impl PgExecutor<'_>) -> Result<Option<(u32, Duration)>, sqlx::Error> {
    let lost = sqlx::query!(
        r#"SELECT count(*) AS "count!", extract(epoch FROM now() - max(left_at))::float8 AS seconds_ago
           FROM desk_rooms WHERE left_at BETWEEN now() - interval '1 hour' AND now()"#,
    )
    .fetch_one(db)
    .await?;
    Ok(lost.seconds_ago.map(|seconds| {
        let count = u32::try_from(lost.count).unwrap_or(u32::MAX);
        (
            count,
            Duration::try_from_secs_f64(seconds).unwrap_or_default(),
        )
    }))
}

/// How long ago the homeserver was asked to create a desk, if it has not answered.
pub async fn asked(db: impl PgExecutor<'_>) -> Result<Option<RoomAsked>, sqlx::Error> {
    let asked = sqlx::query!(
        r#"SELECT extract(epoch FROM now() - asked_at)::float8 AS "seconds_ago!", asked_own
           FROM desk_request WHERE asked_at IS NOT NULL"#,
    )
    .fetch_optional(db)
    .await?;
    Ok(asked.map(|asked| RoomAsked::new(asked.seconds_ago, asked.asked_own)))
}

/// Records when the homeserver was asked to create a desk, by the server's clock; or, with `None`,
/// that no request is under way.
pub async fn set_asked(
    db: impl PgExecutor<'_>,
    asked: Option<DateTime<Utc>>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE desk_request SET asked_at = CASE WHEN $1::timestamptz IS NOT NULL THEN now() END, asked_own = $1",
        asked,
    )
    .execute(db)
    .await?;
    Ok(())
}

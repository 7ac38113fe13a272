//! `desk_events` and `staff_absence`: the commands that were carried out in the desk, and the
//! absence that they set.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;
use uuid::Uuid;

use crate::storage::Connection;

/// Records a command; returns `false` if it was carried out before.
pub async fn take(db: &mut Connection, event_id: &str) -> Result<bool, sqlx::Error> {
    let taken = sqlx::query!(
        "INSERT INTO desk_events (event_id) VALUES ($1) ON CONFLICT DO NOTHING",
        event_id,
    )
    .execute(db)
    .await?;
    Ok(taken.rows_affected() > 0)
}

/// Deletes the records of commands that are too old to be carried out again.
pub async fn forget_old(db: impl PgExecutor<'_>) -> Result<(), sqlx::Error> {
    sqlx::query!("DELETE FROM desk_events WHERE taken_at < now() - interval '8 days'")
        .execute(db)
        .await?;
    Ok(())
}

/// The conversation with this code, whether it has a room or not.
pub async fn named(db: &mut Connection, code: &str) -> Result<Option<Uuid>, sqlx::Error> {
    sqlx::query_scalar!("SELECT id FROM sessions WHERE code = $1", code)
        .fetch_optional(db)
        .await
}

/// The room of a conversation.
pub async fn room_of(
    db: impl PgExecutor<'_>,
    session_id: Uuid,
) -> Result<Option<String>, sqlx::Error> {
    let room = sqlx::query_scalar!("SELECT room_id FROM sessions WHERE id = $1", session_id)
        .fetch_optional(db)
        .await?;
    Ok(room.flatten())
}

/// Records that staff are away until this time, or are back. Returns the time that was recorded
/// before.
pub async fn set_away(
    db: &mut Connection,
    until: Option<DateTime<Utc>>,
) -> Result<Option<DateTime<Utc>>, sqlx::Error> {
    sqlx::query_scalar!(
        "UPDATE staff_absence SET away_until = $1
         FROM (SELECT away_until FROM staff_absence FOR UPDATE) before
         RETURNING before.away_until",
        until,
    )
    .fetch_one(db)
    .await
}

/// The time until which staff are away, if it lies in the future.
pub async fn away_until(db: impl PgExecutor<'_>) -> Result<Option<DateTime<Utc>>, sqlx::Error> {
    let until =
        sqlx::query_scalar!("SELECT away_until FROM staff_absence WHERE away_until > now()")
            .fetch_optional(db)
            .await?;
    Ok(until.flatten())
}

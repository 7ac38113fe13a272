//! The room that a session is to get, and the one that it gets after it.

use std::time::Duration;

use chrono::Utc;
use sqlx::PgExecutor;
use uuid::Uuid;

use super::{CHANNEL, Claim, LONGEST_DELAY};
use crate::storage::{
    Connection,
    sessions::{self, State},
};

/// Notes that the homeserver is about to be asked for a room; or, after its answer, that it is not at
/// work on one.
pub async fn set_room_asked(
    db: impl PgExecutor<'_>,
    id: Uuid,
    asked: bool,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE outbox SET room_asked_at = CASE WHEN $2 THEN now() END,
             room_asked_own = CASE WHEN $2 THEN $3::timestamptz END
         WHERE id = $1",
        id,
        asked,
        Utc::now(),
    )
    .execute(db)
    .await?;
    Ok(())
}

/// What became of a session whose room is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replaced {
    /// It gets a new room, and what was said is told there before what is queued.
    ByNewRoom,
    /// Nothing of the visitor's is queued and the conversation has ended: what the bot had to say is dropped.
    ByNothing,
    /// Another server has dealt with it.
    Already,
}

/// Deals with a session whose room `room_id` the bot is not in any more, as whoever has this claim found out.
/// The caller commits.
pub async fn replace_room(
    db: &mut Connection,
    claim: &Claim,
    room_id: &str,
    session_ttl: Duration,
) -> Result<Replaced, sqlx::Error> {
    let session_id = claim.subject.id;
    // Positions are given under this lock.
    let session = sessions::lock(db, session_id, session_ttl).await?;
    let is_open = session.is_some_and(|session| session.state == State::Open);
    let found = sqlx::query!(
        r#"SELECT EXISTS (
                 SELECT FROM outbox JOIN sessions ON sessions.id = session_id
                 WHERE outbox.id = $2 AND attempts = $3 AND room_id = $4
             ) AS "claimed!",
             EXISTS (SELECT FROM outbox WHERE session_id = $1 AND kind = 'message') AS "owed!""#,
        session_id,
        claim.id,
        claim.attempts,
        room_id,
    )
    .fetch_one(&mut *db)
    .await?;
    if !found.claimed {
        return Ok(Replaced::Already);
    }
    if !is_open && !found.owed {
        sqlx::query!("DELETE FROM outbox WHERE session_id = $1", session_id)
            .execute(db)
            .await?;
        return Ok(Replaced::ByNothing);
    }
    // A bot that is put out of each room at once must not make them one after the other.
    sqlx::query!(
        "WITH lately AS (
             SELECT count(*) FROM former_rooms
             WHERE session_id = $1 AND left_at > now() - interval '1 hour'
         ), gone AS (
             DELETE FROM outbox WHERE session_id = $1 AND kind IN ('create_room', 'details', 'recap')
         ), first AS (
             SELECT min(position) AS position FROM outbox WHERE session_id = $1
         )
         INSERT INTO outbox (position, session_id, kind, join_event_id, joined_user_id, due_at, delayed_at)
             OVERRIDING SYSTEM VALUE
         SELECT first.position - task.before, $1, task.kind, task.nobody, task.nobody,
             now() + make_interval(secs => CASE WHEN count = 0 THEN 0
                                                ELSE least(5 * 2 ^ least(count, 10), $2) END), now()
         FROM first, lately,
             (VALUES (2, 'create_room', NULL), (1, 'recap', '')) task (before, kind, nobody)",
        session_id,
        LONGEST_DELAY.as_secs_f64(),
    )
    .execute(&mut *db)
    .await?;
    sqlx::query!(
        "WITH free AS (
             UPDATE outbox SET leased_until = NULL, due_at = now(), delayed_at = NULL
             WHERE session_id = $1 AND kind NOT IN ('create_room', 'recap')
         ), staff AS (
             DELETE FROM staff_members WHERE session_id = $1
         ), former AS (
             INSERT INTO former_rooms (room_id, session_id) VALUES ($2, $1) ON CONFLICT DO NOTHING
         ), session AS (
             UPDATE sessions SET room_id = NULL WHERE id = $1
         )
         SELECT pg_notify($3, $1::text)",
        session_id,
        room_id,
        CHANNEL,
    )
    .fetch_one(db)
    .await?;
    Ok(Replaced::ByNewRoom)
}

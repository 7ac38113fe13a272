//! The tasks of a session whose room is lost.

use std::time::Duration;

use uuid::Uuid;

use super::{CHANNEL, Claim};
use crate::storage::{
    Connection, archived_rooms,
    claimable::LONGEST_DELAY,
    sessions::{self, State},
};

/// What happens to a session whose room is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replaced {
    /// The session gets a new room, which is first told the conversation so far.
    ByNewRoom,
    /// Nothing of the visitor's is queued and the conversation has ended, so the bot's own messages are dropped.
    ByNothing,
    /// The room is archived, and the bot is brought back to it.
    ByReturn,
    /// Another server has already handled it.
    Already,
}

/// Handles a session whose room `room_id` the bot has left, as the server that holds this claim has found out. The
/// caller commits.
pub async fn replace_room(
    db: &mut Connection,
    claim: &Claim,
    room_id: &str,
    session_ttl: Duration,
) -> Result<Replaced, sqlx::Error> {
    let session_id = claim.subject.id;
    // This lock also orders the positions.
    let session = sessions::lock(db, session_id, session_ttl).await?;
    let is_open = session.is_some_and(|session| session.state == State::Open);
    let found = sqlx::query!(
        r#"SELECT
             -- The claim still counts, and the room is still the session's: nobody else has dealt with it.
             EXISTS (
                 SELECT FROM outbox JOIN sessions ON sessions.id = session_id
                 WHERE outbox.id = $2 AND attempts = $3 AND room_id = $4
             ) AS "claimed!",
             -- A visitor's message was accepted, so it has to be relayed even if the conversation
             -- is over.
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
    if archived_rooms::request_return(db, room_id).await? {
        return Ok(Replaced::ByReturn);
    }
    if !is_open && !found.owed {
        sqlx::query!("DELETE FROM outbox WHERE session_id = $1", session_id)
            .execute(db)
            .await?;
        return Ok(Replaced::ByNothing);
    }
    begin_new_room(db, session_id, room_id).await?;
    Ok(Replaced::ByNewRoom)
}

/// Takes its room from a session for good: it gets another one, which is told what was said. The caller holds the session's
/// lock.
pub async fn begin_new_room(
    db: &mut Connection,
    session_id: Uuid,
    room_id: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "WITH lately AS (
             SELECT count(*) FROM former_rooms
             WHERE session_id = $1 AND left_at > now() - interval '1 hour'
         ), gone AS (
             -- What the new room gets anyway, or what concerned the old one only.
             DELETE FROM outbox WHERE session_id = $1 AND kind IN ('create_room', 'details', 'recap')
         ), first AS (
             -- This sees the rows that `gone` deletes, too.
             SELECT coalesce(min(position), nextval(pg_get_serial_sequence('outbox', 'position'))) AS position
             FROM outbox WHERE session_id = $1
         )
         -- The new room and the recap come before everything that is queued.
         INSERT INTO outbox (position, session_id, kind, join_event_id, joined_user_id, due_at, delayed_at)
             OVERRIDING SYSTEM VALUE
         SELECT first.position - task.before, $1, task.kind, task.nobody, task.nobody,
             -- If the bot is removed from each new room at once, it must not create one after
             -- another. So the wait grows with each room that was lost within the hour.
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
             -- The queued tasks only wait for the room now. Claims on them end here.
             UPDATE outbox SET leased_until = NULL, due_at = now(), delayed_at = NULL
             WHERE session_id = $1 AND kind NOT IN ('create_room', 'recap')
         ), staff AS (
             -- The members of the lost room say nothing about those of the new one.
             DELETE FROM staff_members WHERE session_id = $1
         ), former AS (
             -- A lost room never becomes the session's again, whatever its marker says.
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
    Ok(())
}

//! `archived_rooms`: the rooms of ended conversations that the bot leaves, has left, or is brought back to.

use std::time::Duration;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{Connection, Db};

/// Another server may go on with a room whose work is not recorded for this long.
const LEASE: Duration = Duration::from_mins(1);
/// The longest wait before a room is tried again.
pub(crate) const LONGEST_DELAY: Duration = Duration::from_mins(10);
/// How much further ahead than any delay a time may lie before it counts as set by a wrong clock.
const CLOCK_MARGIN: Duration = Duration::from_secs(10);
/// The number of conversations that are looked at in one statement, so that each takes the same time however many there
/// are.
const CHUNK: i64 = 2_000;
/// The end of a conversation that expired longer ago is announced to nobody any more.
const NEWS: Duration = Duration::from_hours(24 * 8);

/// The work on a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// Everybody is to leave it.
    Archive,
    /// The bot is to come back.
    BringBack,
}

/// A room on which work is due.
#[derive(Clone, Debug)]
pub struct Claimed {
    /// The room.
    pub room_id: String,
    /// Its conversation.
    pub session_id: Uuid,
    /// What is to be done.
    pub work: Work,
    /// The number of attempts that failed.
    pub attempts: i32,
}

/// The place in the list of conversations from which the search goes on; `None` at the beginning.
pub type Cursor = Option<Uuid>;

/// Looks through some conversations for those that ended longer than `after` ago by Postgres' clock and by the caller's,
/// `own`, and records that their rooms are to be archived. Returns from where to go on.
pub async fn find(
    db: &Db,
    cursor: Cursor,
    after: Duration,
    ttl: Duration,
    own: DateTime<Utc>,
) -> Result<Cursor, sqlx::Error> {
    sqlx::query_scalar!(
        r#"WITH chunk AS MATERIALIZED (
             SELECT id, room_id, closed_at, active_at, expiry_told_at,
                 coalesce(closed_at, active_at + make_interval(secs => $3)) AS ended_at
             FROM sessions WHERE id > coalesce($1, '00000000-0000-0000-0000-000000000000'::uuid)
             ORDER BY id LIMIT $6
         ), found AS (
             INSERT INTO archived_rooms AS archived (room_id, session_id)
             SELECT room_id, id FROM chunk
             WHERE room_id IS NOT NULL
               AND ended_at < least(now(), $4) - make_interval(secs => $2)
               -- Whatever the room is still to be told comes first, the end of a conversation that has expired included.
               AND NOT EXISTS (SELECT FROM outbox WHERE session_id = chunk.id)
               AND (closed_at IS NOT NULL OR expiry_told_at >= active_at
                    OR ended_at < least(now(), $4) - make_interval(secs => $5))
             ON CONFLICT (room_id) DO UPDATE
                 SET state = 'leaving', changed_at = clock_timestamp(), attempts = 0, last_error = NULL,
                     due_at = now(), delayed_at = NULL
                 -- A room to which the bot came back is left alone for as long as one that has just ended.
                 WHERE archived.state = 'back'
                   AND archived.changed_at < least(now(), $4) - make_interval(secs => $2)
         )
         -- Fewer conversations than asked for are the last ones: the next search begins with the first again.
         SELECT CASE WHEN count(*) = $6 THEN max(id::text)::uuid END AS "next" FROM chunk"#,
        cursor,
        after.as_secs_f64(),
        ttl.as_secs_f64(),
        own,
        NEWS.as_secs_f64(),
        CHUNK,
    )
    .fetch_one(db)
    .await
}

/// Claims up to `limit` rooms on which work is due. Nobody is kept waiting longer than a visitor whose words are owed: rooms
/// to which the bot returns come first.
pub async fn claim(db: &Db, limit: i64) -> Result<Vec<Claimed>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"WITH due AS MATERIALIZED (
             SELECT room_id FROM archived_rooms
             WHERE state IN ('leaving', 'returning')
               AND is_claimable(due_at, delayed_at, leased_until,
                                make_interval(secs => $3), make_interval(secs => $4))
             ORDER BY state = 'leaving', due_at LIMIT $1 FOR UPDATE SKIP LOCKED
         )
         UPDATE archived_rooms archived SET leased_until = now() + make_interval(secs => $2)
         FROM due WHERE archived.room_id = due.room_id
         RETURNING archived.room_id, session_id, state = 'returning' AS "returning!", attempts"#,
        limit,
        LEASE.as_secs_f64(),
        (LONGEST_DELAY + CLOCK_MARGIN).as_secs_f64(),
        (LEASE + CLOCK_MARGIN).as_secs_f64(),
    )
    .fetch_all(db)
    .await?;
    let claimed = rows.into_iter().map(|row| Claimed {
        room_id: row.room_id,
        session_id: row.session_id,
        work: if row.returning {
            Work::BringBack
        } else {
            Work::Archive
        },
        attempts: row.attempts,
    });
    Ok(claimed.collect())
}

/// Records that the archivist is in the room.
pub async fn set_archivist(db: &Db, room_id: &str) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE archived_rooms SET has_archivist = true WHERE room_id = $1",
        room_id,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Whether the room is still to be archived: since it was claimed, somebody may have gone on with the conversation.
pub async fn is_still_over(
    db: &Db,
    claimed: &Claimed,
    ttl: Duration,
    own: DateTime<Utc>,
) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT EXISTS (
             SELECT FROM sessions JOIN archived_rooms ON archived_rooms.room_id = sessions.room_id
             WHERE sessions.id = $1 AND sessions.room_id = $2 AND state = 'leaving'
               AND coalesce(closed_at, active_at + make_interval(secs => $3)) < least(now(), $4)
               AND NOT EXISTS (SELECT FROM outbox WHERE session_id = $1)
         ) AS "is_over!""#,
        claimed.session_id,
        claimed.room_id,
        ttl.as_secs_f64(),
        own,
    )
    .fetch_one(db)
    .await
}

/// Records that the bot has left the room, and that nobody of the staff is there any more if `everybody` has left it.
pub async fn set_archived(db: &Db, claimed: &Claimed, everybody: bool) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "WITH gone AS (
             UPDATE staff_members SET membership = 'left' WHERE session_id = $2 AND $3
         )
         UPDATE archived_rooms SET state = 'archived', changed_at = clock_timestamp(), leased_until = NULL,
             attempts = 0, last_error = NULL
         WHERE room_id = $1 AND state = 'leaving'",
        claimed.room_id,
        claimed.session_id,
        everybody,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Records that the bot is in the room again.
pub async fn set_back(db: &Db, room_id: &str) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE archived_rooms SET state = 'back', changed_at = clock_timestamp(), leased_until = NULL,
             attempts = 0, last_error = NULL
         WHERE room_id = $1",
        room_id,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Forgets that the room was to be archived.
pub async fn keep(db: &Db, room_id: &str) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "DELETE FROM archived_rooms WHERE room_id = $1 AND state = 'leaving'",
        room_id,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Records that an attempt has failed, and when the next one is due.
pub async fn postpone(
    db: &Db,
    room_id: &str,
    errcode: &str,
    delay: Duration,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE archived_rooms SET attempts = attempts + 1, last_error = $2, leased_until = NULL,
             due_at = now() + make_interval(secs => $3), delayed_at = now()
         WHERE room_id = $1",
        room_id,
        errcode,
        delay.as_secs_f64(),
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Asks for the bot's return to a room from which an archivist can call it; `false` if there is none in the room.
pub async fn request_return(db: &mut Connection, room_id: &str) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "UPDATE archived_rooms
         SET state = 'returning', changed_at = clock_timestamp(),
             due_at = CASE state WHEN 'returning' THEN due_at ELSE now() END,
             delayed_at = CASE state WHEN 'returning' THEN delayed_at END,
             leased_until = CASE state WHEN 'returning' THEN leased_until END
         WHERE room_id = $1 AND has_archivist AND state <> 'back'",
        room_id,
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() > 0)
}

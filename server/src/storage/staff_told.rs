//! `staff_told`: hints that staff get once in a room.

use std::time::Duration;

use uuid::Uuid;

use super::Connection;

/// A hint that is given once in a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnceInRoom {
    /// That a message stays between staff.
    Internal,
    /// That reactions are not shown.
    Reactions,
    /// That a call reaches nobody outside.
    Calls,
    /// That a position on the map is not shown.
    Places,
}

/// Whether staff get this hint in the session's room now, because they have not had it there.
pub async fn first_time(
    db: &mut Connection,
    session_id: Uuid,
    what: OnceInRoom,
) -> Result<bool, sqlx::Error> {
    let what = match what {
        OnceInRoom::Internal => "internal",
        OnceInRoom::Reactions => "reactions",
        OnceInRoom::Calls => "calls",
        OnceInRoom::Places => "places",
    };
    let done = sqlx::query!(
        "INSERT INTO staff_told (session_id, room_id, what)
         SELECT id, coalesce(room_id, ''), $2 FROM sessions WHERE id = $1
         ON CONFLICT DO NOTHING",
        session_id,
        what,
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Whether staff are told now that the session has ended, because they were not told since it did.
pub async fn first_time_since_end(
    db: &mut Connection,
    session_id: Uuid,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "INSERT INTO staff_told (session_id, room_id, what)
         SELECT id, coalesce(room_id, ''), 'ended' FROM sessions WHERE id = $1
         ON CONFLICT (session_id, room_id, what) DO UPDATE SET told_at = clock_timestamp()
         WHERE staff_told.told_at < (SELECT coalesce(closed_at, active_at) FROM sessions WHERE id = $1)",
        session_id,
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Whether staff are told now that the visitor has gone, because the visitor has sent no request for this long and
/// staff were not told since.
pub async fn first_time_since_gone(
    db: &mut Connection,
    session_id: Uuid,
    gone_after: Duration,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "INSERT INTO staff_told (session_id, room_id, what)
         SELECT id, coalesce(room_id, ''), 'gone'
         FROM sessions
         WHERE id = $1 AND coalesce(seen_at, created_at) < clock_timestamp() - make_interval(secs => $2)
         ON CONFLICT (session_id, room_id, what) DO UPDATE SET told_at = clock_timestamp()
         WHERE staff_told.told_at < (SELECT coalesce(seen_at, created_at) FROM sessions WHERE id = $1)",
        session_id,
        gone_after.as_secs_f64(),
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() > 0)
}

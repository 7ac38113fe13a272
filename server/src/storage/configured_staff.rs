//! `configured_staff`: whom the configuration names, and what follows from it for open conversations.

use std::time::Duration;

use chrono::Utc;
use sqlx::PgExecutor;

use super::{
    Connection, Db,
    staff_members::{CLOCK_MARGIN, LEASE, LONGEST_DELAY, Wanted},
};

/// Makes these people the staff, as a server does when it starts.
pub async fn set(db: &Db, staff: &[&str]) -> Result<(), sqlx::Error> {
    let mut tx = db.begin().await?;
    // Of two servers that start at the same moment, one comes last.
    sqlx::query!("LOCK TABLE configured_staff IN EXCLUSIVE MODE")
        .execute(&mut *tx)
        .await?;
    sqlx::query!(
        "WITH gone AS (DELETE FROM configured_staff WHERE user_id <> ALL($1))
         INSERT INTO configured_staff SELECT DISTINCT unnest($1::text[]) ON CONFLICT DO NOTHING",
        staff as &[&str],
    )
    .execute(&mut *tx)
    .await?;
    tx.commit().await
}

/// The staff; nobody before a server has started.
pub async fn list(db: impl PgExecutor<'_>) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar!("SELECT user_id FROM configured_staff ORDER BY user_id")
        .fetch_all(db)
        .await
}

/// Whose conversations are none of the staff's.
#[derive(Clone, Copy, Debug)]
pub struct Canary<'a> {
    /// The account that is invited instead of the staff.
    pub user_id: &'a str,
    /// The page that its conversations begin on.
    pub page: &'a str,
}

/// Compares who is in the rooms of open conversations with the staff: who is missing is wanted, and who was on the staff
/// and is not any more is unwanted. Nobody else in a room is known here.
pub async fn apply(
    db: &mut Connection,
    canary: Option<Canary<'_>>,
    session_ttl: Duration,
) -> Result<(), sqlx::Error> {
    let (canary, page) = canary.map(|canary| (canary.user_id, canary.page)).unzip();
    // A room that has just been made gets its staff from whoever made it.
    sqlx::query!(
        "INSERT INTO staff_members (session_id, user_id, membership)
         SELECT id, user_id, 'wanted' FROM sessions CROSS JOIN configured_staff
         WHERE closed_at IS NULL AND NOT emptied AND room_id IS NOT NULL
           AND active_at > least(now(), $2) - make_interval(secs => $1)
           AND ($3::text IS NULL OR source_url IS DISTINCT FROM $3)
           AND (created_at < now() - interval '1 minute'
                OR EXISTS (SELECT FROM staff_members WHERE session_id = sessions.id))
         ON CONFLICT DO NOTHING",
        session_ttl.as_secs_f64(),
        Utc::now(),
        page,
    )
    .execute(&mut *db)
    .await?;
    sqlx::query!(
        "UPDATE staff_members SET unwanted = NOT unwanted, attempts = 0, last_error = NULL,
             due_at = now(), delayed_at = now(), leased_until = NULL
         FROM sessions
         WHERE id = session_id AND closed_at IS NULL AND NOT emptied
           AND active_at > least(now(), $2) - make_interval(secs => $1)
           AND membership IN ('invited', 'joined') AND user_id IS DISTINCT FROM $3
           AND unwanted = EXISTS (
               SELECT FROM configured_staff WHERE configured_staff.user_id = staff_members.user_id
           )",
        session_ttl.as_secs_f64(),
        Utc::now(),
        canary,
    )
    .execute(&mut *db)
    .await?;
    // Whoever brings them back by hand may do so.
    sqlx::query!(
        "DELETE FROM staff_members USING sessions
         WHERE id = session_id AND closed_at IS NULL AND NOT emptied
           AND active_at > least(now(), $2) - make_interval(secs => $1)
           AND membership = 'left' AND user_id IS DISTINCT FROM $3
           AND user_id NOT IN (SELECT user_id FROM configured_staff)",
        session_ttl.as_secs_f64(),
        Utc::now(),
        canary,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Claims up to `limit` of those who are to be removed from open conversations.
pub async fn claim_unwanted(
    db: impl PgExecutor<'_>,
    session_ttl: Duration,
    limit: i64,
) -> Result<Vec<Wanted>, sqlx::Error> {
    sqlx::query_as!(
        Wanted,
        r#"WITH due AS MATERIALIZED (
             SELECT session_id, user_id, room_id
             FROM staff_members member JOIN sessions ON sessions.id = session_id
             WHERE unwanted AND membership IN ('invited', 'joined')
               AND is_claimable(due_at, delayed_at, leased_until,
                                make_interval(secs => $4), make_interval(secs => $5))
               AND closed_at IS NULL AND active_at > least(now(), $6) - make_interval(secs => $1)
               AND room_id IS NOT NULL
             ORDER BY due_at LIMIT $2 FOR UPDATE OF member SKIP LOCKED
         )
         UPDATE staff_members SET leased_until = now() + make_interval(secs => $3)
         FROM due
         WHERE staff_members.session_id = due.session_id AND staff_members.user_id = due.user_id
         RETURNING staff_members.session_id, room_id AS "room_id!", staff_members.user_id, attempts"#,
        session_ttl.as_secs_f64(),
        limit,
        LEASE.as_secs_f64(),
        (LONGEST_DELAY + CLOCK_MARGIN).as_secs_f64(),
        (LEASE + CLOCK_MARGIN).as_secs_f64(),
        Utc::now(),
    )
    .fetch_all(db)
    .await
}

/// Records that somebody was removed. They are not known here from then on: a colleague may bring them back.
pub async fn record_removed(db: impl PgExecutor<'_>, removed: &Wanted) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "DELETE FROM staff_members WHERE session_id = $1 AND user_id = $2 AND unwanted",
        removed.session_id,
        removed.user_id,
    )
    .execute(db)
    .await?;
    Ok(())
}

//! `configured_staff`: the staff in the configuration, and what follows from it for open conversations.

use std::time::Duration;

use chrono::Utc;
use sqlx::PgExecutor;

use super::{Connection, Db, staff_members::Wanted};

/// Makes these people the staff, as a server does when it starts.
pub async fn set(db: &Db, staff: &[&str]) -> Result<(), sqlx::Error> {
    let mut tx = db.begin().await?;
    // If two servers start at the same moment, one of them is the last.
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

/// The staff; empty before a server has started.
pub async fn list(db: impl PgExecutor<'_>) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar!("SELECT user_id FROM configured_staff ORDER BY user_id")
        .fetch_all(db)
        .await
}

/// The canary, whose conversations are not for the staff.
#[derive(Clone, Copy, Debug)]
pub struct Canary<'a> {
    /// The account that is invited instead of the staff.
    pub user_id: &'a str,
    /// The page that its conversations begin on.
    pub page: &'a str,
}

/// Compares the people in the rooms of open conversations with the staff. A member of the staff who is missing is
/// wanted, and a person who was on the staff and no longer is becomes unwanted. Other people in the rooms are not
/// recorded here.
pub async fn apply(
    db: &mut Connection,
    canary: Option<Canary<'_>>,
    session_ttl: Duration,
) -> Result<(), sqlx::Error> {
    let (canary, page) = canary.map(|canary| (canary.user_id, canary.page)).unzip();
    // The server that has made a room invites the staff to it.
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
        // Members of open rooms change sides if the configuration has changed: those who are no
        // longer on the staff become unwanted, and those who are on it again stop being so.
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
    // A colleague may still bring them back by hand.
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

/// Records that a person was removed, and forgets them, so that a colleague may bring them back.
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

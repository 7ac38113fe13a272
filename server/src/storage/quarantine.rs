//! `quarantine`: events of rooms that could not be stored.
//!
//! While a row of a room waits, everything else that comes from the room waits behind it, so that the visitor gets
//! everything in order.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;
use uuid::Uuid;

use super::Connection;

/// The most rows of a room that may wait. Further events stay in the room's history, to be read from there.
const MAX_WAITING: i64 = 1000;
/// The longest delay. A row that is due later was delayed by a wrong clock.
pub const LONGEST_WAIT: Duration = Duration::from_mins(5);

/// Whether Postgres refused the data, so that it will refuse the same data again. A connection that broke, a conflict
/// with another transaction or a lack of resources says nothing about the data.
#[must_use]
pub fn is_refusal(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Database(error) => error.code().is_some_and(|code| {
            // Cardinality, data, integrity, a trigger's exception, a limit such as an index's, and damage on the disk.
            let classes = ["21", "22", "23", "P0", "54", "XX"];
            classes.iter().any(|class| code.starts_with(class))
        }),
        sqlx::Error::RowNotFound
        | sqlx::Error::Encode(_)
        | sqlx::Error::Decode(_)
        | sqlx::Error::ColumnDecode { .. } => true,
        _ => false,
    }
}

/// An event in quarantine.
#[derive(Debug)]
pub struct KeptEvent {
    /// Its id.
    pub event_id: String,
    /// The whole event.
    pub json: String,
}

/// The news of a room that are to be set aside.
#[derive(Debug)]
pub struct News<'a> {
    /// The room.
    pub room_id: &'a str,
    /// The session of the room, if that is known.
    pub session_id: Option<Uuid>,
    /// Why it is set aside.
    pub reason: &'a str,
    /// The end of the history that the sync has left out, if it was not read.
    pub gap_from: Option<&'a str>,
    /// The events after it, oldest first.
    pub events: Vec<KeptEvent>,
    /// Where the sync began.
    pub from: Option<&'a str>,
    /// Where the sync ended.
    pub to: &'a str,
}

/// Sets a room's news aside, behind what is waiting there.
pub async fn set_aside(db: &mut Connection, news: &News<'_>) -> Result<(), sqlx::Error> {
    let waiting = sqlx::query!(
        r#"SELECT count(*) AS "rows!", max(id) FILTER (WHERE gap_from IS NOT NULL) AS gap, max(id) AS last
           FROM quarantine WHERE room_id = $1 AND given_up_at IS NULL"#,
        news.room_id,
    )
    .fetch_one(&mut *db)
    .await?;
    if waiting.rows >= MAX_WAITING {
        return leave_in_history(
            db,
            news,
            waiting.gap.filter(|gap| Some(*gap) == waiting.last),
        )
        .await;
    }
    if let Some(gap_from) = news.gap_from {
        insert_gap(db, news, gap_from).await?;
    }
    let (ids, events): (Vec<_>, Vec<_>) = news
        .events
        .iter()
        .map(|event| (event.event_id.clone(), event.json.clone()))
        .unzip();
    sqlx::query!(
        "INSERT INTO quarantine (room_id, session_id, reason, event_id, event)
         SELECT $1, $2, $3, event_id, event
         FROM unnest($4::text[], $5::text[]) WITH ORDINALITY AS events (event_id, event, n) ORDER BY n",
        news.room_id,
        news.session_id,
        news.reason,
        &ids,
        &events,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Records that the room's history has more events; in the last row, if that says so already.
async fn leave_in_history(
    db: &mut Connection,
    news: &News<'_>,
    last_gap: Option<i64>,
) -> Result<(), sqlx::Error> {
    let Some(gap) = last_gap else {
        return insert_gap(db, news, news.to).await;
    };
    sqlx::query!(
        "UPDATE quarantine SET gap_from = $2 WHERE id = $1",
        gap,
        news.to
    )
    .execute(db)
    .await?;
    Ok(())
}

async fn insert_gap(
    db: &mut Connection,
    news: &News<'_>,
    gap_from: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO quarantine (room_id, session_id, reason, gap_from, gap_to)
         VALUES ($1, $2, $3, $4, $5)",
        news.room_id,
        news.session_id,
        news.reason,
        gap_from,
        news.from,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Which of these rooms have something waiting.
pub async fn waiting(
    db: impl PgExecutor<'_>,
    rooms: &[String],
) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar!(
        "SELECT DISTINCT room_id FROM quarantine WHERE room_id = ANY($1) AND given_up_at IS NULL",
        rooms,
    )
    .fetch_all(db)
    .await
}

/// The rooms whose first waiting row is due.
pub async fn due(db: impl PgExecutor<'_>, limit: i64) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar!(
        "SELECT room_id FROM (
             SELECT DISTINCT ON (room_id) room_id, due_at FROM quarantine
             WHERE given_up_at IS NULL ORDER BY room_id, id
         ) first
         WHERE due_at <= now() OR due_at > now() + make_interval(secs => $2)
         ORDER BY due_at LIMIT $1",
        limit,
        LONGEST_WAIT.as_secs_f64(),
    )
    .fetch_all(db)
    .await
}

/// A row that waits.
#[derive(Clone, Debug)]
pub struct Row {
    /// Its place in the order.
    pub id: i64,
    /// The session of the room, if that is known.
    pub session_id: Option<Uuid>,
    /// An event.
    pub event: Option<String>,
    /// Or a part of the history, from here,
    pub gap_from: Option<String>,
    /// back to here.
    pub gap_to: Option<String>,
    /// The number of attempts.
    pub attempts: i32,
}

/// The room's waiting rows, in order.
pub async fn of_room(
    db: impl PgExecutor<'_>,
    room_id: &str,
    limit: i64,
) -> Result<Vec<Row>, sqlx::Error> {
    sqlx::query_as!(
        Row,
        "SELECT id, session_id, event, gap_from, gap_to, attempts FROM quarantine
         WHERE room_id = $1 AND given_up_at IS NULL ORDER BY id LIMIT $2",
        room_id,
        limit,
    )
    .fetch_all(db)
    .await
}

/// Locks rows that are to be tried again; `false` when one of them was stored or given up meanwhile.
pub async fn lock(db: &mut Connection, ids: &[i64]) -> Result<bool, sqlx::Error> {
    let locked = sqlx::query_scalar!(
        "SELECT id FROM quarantine WHERE id = ANY($1) AND given_up_at IS NULL ORDER BY id FOR UPDATE",
        ids,
    )
    .fetch_all(db)
    .await?;
    Ok(locked.len() == ids.len())
}

/// Removes rows that are stored now.
pub async fn remove(db: impl PgExecutor<'_>, ids: &[i64]) -> Result<u64, sqlx::Error> {
    let done = sqlx::query!("DELETE FROM quarantine WHERE id = ANY($1)", ids)
        .execute(db)
        .await?;
    Ok(done.rows_affected())
}

/// Removes the row's part of the history, which is stored now, back from `gap_from`. If more of it was recorded
/// meanwhile, the row stays for that.
pub async fn close_gap(
    db: impl PgExecutor<'_>,
    id: i64,
    gap_from: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "WITH closed AS (DELETE FROM quarantine WHERE id = $1 AND gap_from = $2)
         UPDATE quarantine SET gap_to = $2, attempts = 0, due_at = now()
         WHERE id = $1 AND gap_from <> $2",
        id,
        gap_from,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Removes everything of a room that turned out not to belong to a conversation.
pub async fn remove_room(db: impl PgExecutor<'_>, room_id: &str) -> Result<(), sqlx::Error> {
    sqlx::query!("DELETE FROM quarantine WHERE room_id = $1", room_id)
        .execute(db)
        .await?;
    Ok(())
}

/// Puts a row off: it is tried again after `wait`. `attempts` is the number of attempts so far.
pub async fn put_off(
    db: impl PgExecutor<'_>,
    id: i64,
    attempts: i32,
    wait: Duration,
    reason: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE quarantine SET attempts = $2, due_at = now() + make_interval(secs => $3), reason = $4
         WHERE id = $1",
        id,
        attempts,
        wait.as_secs_f64(),
        reason,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Gives rows up: they are not tried again.
pub async fn give_up(
    db: impl PgExecutor<'_>,
    ids: &[i64],
    reason: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE quarantine SET given_up_at = now(), attempts = attempts + 1, reason = $2
         WHERE id = ANY($1)",
        ids,
        reason,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Gives up one event of a part of the history; the others go on.
pub async fn insert_given_up(
    db: &mut Connection,
    room_id: &str,
    session_id: Uuid,
    event: &KeptEvent,
    reason: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO quarantine (room_id, session_id, event_id, event, reason, given_up_at)
         SELECT $1, $2, $3, $4, $5, now()
         WHERE NOT EXISTS (SELECT FROM quarantine WHERE room_id = $1 AND event_id = $3)",
        room_id,
        session_id,
        event.event_id,
        event.json,
        reason,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Deletes rows that were given up, if their conversation is gone or its texts were deleted by retention.
pub async fn forget_old(db: impl PgExecutor<'_>) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "DELETE FROM quarantine WHERE given_up_at IS NOT NULL AND session_id IS NOT NULL AND NOT EXISTS (
             SELECT FROM sessions WHERE sessions.id = quarantine.session_id AND NOT emptied
         )"
    )
    .execute(db)
    .await?;
    Ok(())
}

/// How much is set aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Totals {
    /// Rooms that have rows that wait.
    pub rooms: i64,
    /// Rows that wait.
    pub waiting: i64,
    /// Rows that were given up.
    pub given_up: i64,
}

/// How much is set aside.
pub async fn totals(db: impl PgExecutor<'_>) -> Result<Totals, sqlx::Error> {
    sqlx::query_as!(
        Totals,
        r#"SELECT count(DISTINCT room_id) FILTER (WHERE given_up_at IS NULL) AS "rooms!",
               count(*) FILTER (WHERE given_up_at IS NULL) AS "waiting!",
               count(*) FILTER (WHERE given_up_at IS NOT NULL) AS "given_up!"
           FROM quarantine"#
    )
    .fetch_one(db)
    .await
}

/// A row as an operator sees it.
#[derive(Debug)]
pub struct Entry {
    /// The id by which the operator names it.
    pub id: i64,
    /// The conversation.
    pub session_id: Option<Uuid>,
    /// The room.
    pub room_id: String,
    /// The event; `None` for a part of the history.
    pub event_id: Option<String>,
    /// Why it was set aside.
    pub reason: String,
    /// The number of attempts.
    pub attempts: i32,
    /// When it was set aside.
    pub set_aside_at: DateTime<Utc>,
    /// Whether it was given up.
    pub given_up: bool,
}

/// Every row, oldest first.
pub async fn list(db: impl PgExecutor<'_>) -> Result<Vec<Entry>, sqlx::Error> {
    sqlx::query_as!(
        Entry,
        r#"SELECT id, session_id, room_id, event_id, reason, attempts, set_aside_at,
               given_up_at IS NOT NULL AS "given_up!"
           FROM quarantine ORDER BY id"#
    )
    .fetch_all(db)
    .await
}

/// Lets these rows, or all, be tried again at once; returns their number.
pub async fn retry(db: impl PgExecutor<'_>, ids: Option<&[i64]>) -> Result<u64, sqlx::Error> {
    let done = sqlx::query!(
        "UPDATE quarantine SET given_up_at = NULL, attempts = 0, due_at = now()
         WHERE $1::bigint[] IS NULL OR id = ANY($1)",
        ids,
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected())
}

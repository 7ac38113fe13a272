//! `quarantine`: what came from a room and could not be taken in.
//!
//! While a room has a row that waits, whatever else comes from it waits behind that, so that a visitor
//! reads everything in order.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;
use uuid::Uuid;

use super::Connection;

/// As many rows of a room wait at most. What comes then is left in the room's history, to be read from there.
const MAX_WAITING: i64 = 1000;
/// Nothing is put off for longer: what is due later is so by a clock that was wrong.
pub const LONGEST_WAIT: Duration = Duration::from_mins(5);

/// Whether Postgres refused the data, so that the same data will be refused again. A connection that broke, a
/// conflict with another transaction or a lack of resources says nothing about the data.
#[must_use]
pub fn is_refusal(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Database(error) => error.code().is_some_and(|code| {
            // Cardinality, data, integrity, a trigger's exception, a limit such as an index's, and what is
            // broken on the disk.
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

/// An event as it is kept.
#[derive(Debug)]
pub struct KeptEvent {
    /// Its id.
    pub event_id: String,
    /// The whole of it.
    pub json: String,
}

/// What a sync brought of a room and is set aside.
#[derive(Debug)]
pub struct News<'a> {
    /// The room.
    pub room_id: &'a str,
    /// Whose it is, where that is known.
    pub session_id: Option<Uuid>,
    /// Why it is set aside.
    pub reason: &'a str,
    /// Where the history ends that the sync left out, when it was not read.
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

/// Notes that the room's history holds more; in the row that says so already, if it is the last.
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
    /// Whose room it is, where that is known.
    pub session_id: Option<Uuid>,
    /// An event.
    pub event: Option<String>,
    /// Or a part of the history: from here,
    pub gap_from: Option<String>,
    /// back to there.
    pub gap_to: Option<String>,
    /// How often it was tried.
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

/// Locks rows that are to be taken up; `false` when one of them has been taken up or given up meanwhile.
pub async fn lock(db: &mut Connection, ids: &[i64]) -> Result<bool, sqlx::Error> {
    let locked = sqlx::query_scalar!(
        "SELECT id FROM quarantine WHERE id = ANY($1) AND given_up_at IS NULL ORDER BY id FOR UPDATE",
        ids,
    )
    .fetch_all(db)
    .await?;
    Ok(locked.len() == ids.len())
}

/// What was set aside as these rows is taken in.
pub async fn remove(db: impl PgExecutor<'_>, ids: &[i64]) -> Result<u64, sqlx::Error> {
    let done = sqlx::query!("DELETE FROM quarantine WHERE id = ANY($1)", ids)
        .execute(db)
        .await?;
    Ok(done.rows_affected())
}

/// The history of this row is taken in, back from `gap_from`. If more of it was noted meanwhile, that stays.
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

/// Nothing of the room is of any use.
pub async fn remove_room(db: impl PgExecutor<'_>, room_id: &str) -> Result<(), sqlx::Error> {
    sqlx::query!("DELETE FROM quarantine WHERE room_id = $1", room_id)
        .execute(db)
        .await?;
    Ok(())
}

/// It is to be tried again after `wait`. `attempts` is how often it has been tried.
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

/// They are tried no more.
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

/// An event of a part of the history is given up; the others go on.
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

/// Deletes what was given up of conversations that are gone, or whose texts retention has deleted.
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
    /// Rooms that wait.
    pub rooms: i64,
    /// What waits in them.
    pub waiting: i64,
    /// What was given up.
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
    /// By which it is named.
    pub id: i64,
    /// The conversation.
    pub session_id: Option<Uuid>,
    /// The room.
    pub room_id: String,
    /// The event; none where it is a part of the history.
    pub event_id: Option<String>,
    /// Why it is here.
    pub reason: String,
    /// How often it was tried.
    pub attempts: i32,
    /// Since when it is here.
    pub set_aside_at: DateTime<Utc>,
    /// Whether it is tried no more.
    pub given_up: bool,
}

/// Everything, oldest first.
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

/// Has these rows, or all, tried again at once; answers with how many that were.
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

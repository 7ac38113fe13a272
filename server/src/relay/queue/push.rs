//! Queues tasks, in the transactions that they follow from.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{CHANNEL, Claim, LEASE, Task, task::Columns};
use crate::storage::{
    Connection,
    sessions::{CHANGES, Subject},
};

/// Queues a task behind what its session has queued, and wakes the workers when the transaction commits.
/// The caller holds the session's lock.
pub async fn push(db: &mut Connection, session_id: Uuid, task: &Task) -> Result<(), sqlx::Error> {
    push_or_claim(db, session_id, task, false).await.map(drop)
}

/// Queues a notice for a session that has this room and nothing queued.
pub async fn push_if_idle(
    db: &mut Connection,
    session_id: Uuid,
    room_id: &str,
    notice: &str,
) -> Result<(), sqlx::Error> {
    let idle = sqlx::query_scalar!(
        r#"SELECT NOT EXISTS (SELECT FROM outbox WHERE session_id = $1) AS "idle!"
           FROM sessions WHERE id = $1 AND room_id = $2 FOR NO KEY UPDATE"#,
        session_id,
        room_id,
    )
    .fetch_optional(&mut *db)
    .await?;
    if idle == Some(true) {
        push(db, session_id, &Task::Notice(notice.to_owned())).await?;
    }
    Ok(())
}

/// Queues a task. When the caller `may_claim` it and the session has nothing else queued, it is claimed at once, and the
/// caller is to send it when the transaction has committed. A [`Task::Message`] is never claimed here, since only
/// [`push_message`] has its text.
pub async fn push_or_claim(
    db: &mut Connection,
    session_id: Uuid,
    task: &Task,
    may_claim: bool,
) -> Result<Option<Claim>, sqlx::Error> {
    let Columns {
        kind,
        message_id,
        body,
        join_event_id,
        joined_user_id,
        answers_event_id,
    } = task.columns();
    let queued = sqlx::query_as!(
        Inserted,
        r#"WITH task AS (
             INSERT INTO outbox (session_id, kind, message_id, body, join_event_id, joined_user_id,
                                 attempts, leased_until, answers_event_id)
             -- A claim is an attempt. Its lease counts from clock_timestamp(), because now() is when the
             -- transaction began, which may have waited for the session's lock since.
             SELECT $1, $2, $3, $4, $5, $6, claims::int,
                 CASE WHEN claims THEN clock_timestamp() + make_interval(secs => $8) END, $10
             -- If tasks are queued already, their sender will also send this one; two senders of
             -- one session could overtake each other. The session's lock keeps this true until the
             -- commit.
             FROM (SELECT $7 AND NOT EXISTS (SELECT FROM outbox WHERE session_id = $1)) first (claims)
             RETURNING id, position, attempts, session_id
         )
         SELECT task.id, position, attempts, clock_timestamp() AS "queued_at!", room_id, source_url, page_title,
             visitor_name, visitor_email
         FROM task JOIN sessions ON sessions.id = task.session_id
         -- What is claimed is handed over in memory, so only the others are announced. Postgres delivers
         -- the announcement when the transaction commits.
         WHERE CASE WHEN attempts = 0 THEN pg_notify($9, task.session_id::text) IS NOT NULL ELSE true END"#,
        session_id,
        kind,
        message_id,
        body,
        join_event_id,
        joined_user_id,
        may_claim && message_id.is_none(),
        LEASE.as_secs_f64(),
        CHANNEL,
        answers_event_id,
    )
    .fetch_one(db)
    .await?;
    Ok(queued.claim(session_id, task.clone(), None))
}

/// A task that was queued, with what a [`Claim`] on it needs.
struct Inserted {
    id: Uuid,
    position: i64,
    /// 1 if the task was claimed at once, and otherwise 0.
    attempts: i32,
    queued_at: DateTime<Utc>,
    room_id: Option<String>,
    source_url: Option<String>,
    page_title: Option<String>,
    visitor_name: Option<String>,
    visitor_email: Option<String>,
}

impl Inserted {
    fn claim(self, session_id: Uuid, task: Task, text: Option<String>) -> Option<Claim> {
        (self.attempts > 0).then_some(Claim {
            id: self.id,
            position: self.position,
            attempts: self.attempts,
            room_asked: None,
            task,
            text,
            subject: Subject {
                id: session_id,
                room_id: self.room_id,
                source_url: self.source_url,
                page_title: self.page_title,
                visitor_name: self.visitor_name,
                visitor_email: self.visitor_email,
            },
        })
    }
}

/// A visitor's message that was stored.
#[derive(Debug)]
pub struct Pushed {
    /// When it was stored.
    pub created_at: DateTime<Utc>,
    /// Its task, if it was claimed.
    pub claim: Option<Claim>,
}

/// Appends a visitor's message to the conversation, as [`crate::storage::messages::append`] does for staff, and queues
/// it for the room, as [`push_or_claim`] does. Both are one statement, because each round trip delays every message.
pub async fn push_message(
    db: &mut Connection,
    session_id: Uuid,
    message_id: Uuid,
    body: &str,
    may_claim: bool,
) -> Result<Pushed, sqlx::Error> {
    let queued = sqlx::query_as!(
        Inserted,
        r#"WITH session AS (
             -- The caller holds the lock of this row, so `last_seq` gives each message the next place, and
             -- a poll's cursor skips nothing. clock_timestamp() is the time now, with the lock in hand;
             -- now() is when the transaction began.
             UPDATE sessions SET last_seq = last_seq + 1, active_at = clock_timestamp(), seen_at = clock_timestamp()
             WHERE id = $1 RETURNING *
         ), message AS (
             -- The API tells times in milliseconds.
             INSERT INTO messages (id, session_id, seq, sender, body, created_at, delivery)
             SELECT $2, id, last_seq, 'visitor', $3, date_trunc('milliseconds', clock_timestamp()), 'pending'
             FROM session RETURNING *
         ), task AS (
             -- Claimed on the same terms as in push_or_claim.
             INSERT INTO outbox (session_id, kind, message_id, attempts, leased_until)
             SELECT session_id, 'message', id, claims::int,
                 CASE WHEN claims THEN clock_timestamp() + make_interval(secs => $5) END
             FROM message,
                 (SELECT $4 AND NOT EXISTS (SELECT FROM outbox WHERE session_id = $1)) first (claims)
             RETURNING *
         ), invited_again AS (
             -- Where nobody of the staff is in the room or invited, nobody would read the message. Those
             -- who have left are invited again.
             UPDATE staff_members SET membership = 'wanted', attempts = 0, due_at = now(), delayed_at = now(),
                 wanted_again_at = now()
             WHERE session_id = $1 AND membership = 'left' AND NOT EXISTS (
                 SELECT FROM staff_members WHERE session_id = $1 AND membership IN ('joined', 'invited')
             )
         )
         SELECT task.id, position, attempts, message.created_at AS queued_at, room_id, source_url, page_title, visitor_name,
             visitor_email
         -- Every server learns that polls of this session have something new.
         FROM task, message, session, pg_notify($6, message.session_id::text)
         -- As in push_or_claim: what is claimed is handed over in memory, the others are announced.
         WHERE CASE WHEN attempts = 0 THEN pg_notify($7, task.session_id::text) IS NOT NULL ELSE true END"#,
        session_id,
        message_id,
        body,
        may_claim,
        LEASE.as_secs_f64(),
        CHANGES,
        CHANNEL,
    )
    .fetch_one(db)
    .await?;
    Ok(Pushed {
        created_at: queued.queued_at,
        claim: queued.claim(session_id, Task::Message(message_id), Some(body.to_owned())),
    })
}

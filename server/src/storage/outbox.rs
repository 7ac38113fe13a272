//! `outbox`: what the homeserver has yet to be told.
//!
//! Only the first row of a session can be claimed, and it goes when it has been sent: that keeps a
//! session's order. A claim is a lease, not a lock, so nothing is held across the network. It is short
//! and renewed while the send is under way, so what a server that died was at is soon taken up; a lease
//! that ran out nevertheless is harmless, since the row's id is the transaction id.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use super::sessions::{CHANGES, Subject};

/// A claim that is not renewed for so long may be taken over.
const LEASE: Duration = Duration::from_secs(6);
/// How often a claim is to be renewed: a renewal may fail, and the next one still comes in time.
pub const RENEWAL: Duration = Duration::from_millis(1500);

/// The channel that says which session has something to send.
pub const CHANNEL: &str = "support_chat_outbox";

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Task {
    /// Make the session's room.
    CreateRoom,
    /// Say who the visitor is.
    Details,
    /// Relay the visitor's message.
    Message(Uuid),
    /// Say something of the bot's own.
    Notice(String),
    /// Show someone who joined what was said before.
    Recap {
        /// The `m.room.member` event.
        join_event_id: String,
        /// Who joined.
        user_id: String,
    },
}

impl Task {
    /// An attempt that takes longer is given up, and made again later.
    #[must_use]
    pub const fn time_limit(&self) -> Duration {
        match self {
            // Synapse takes seconds to make a room when it is busy; a recap reads history.
            Self::CreateRoom | Self::Recap { .. } => Duration::from_secs(55),
            Self::Details | Self::Message(_) | Self::Notice(_) => Duration::from_secs(10),
        }
    }
}

/// A task that this server has claimed.
#[derive(Clone, Debug)]
pub struct Claim {
    /// The row, and the Matrix transaction.
    pub id: Uuid,
    /// How often it was claimed, this time included.
    pub attempts: i32,
    /// How long ago the homeserver was asked for the room, when it did not answer.
    pub room_asked: Option<Duration>,
    /// What is to be done.
    pub task: Task,
    /// The text of a [`Task::Message`].
    pub text: Option<String>,
    /// The conversation that it is for.
    pub subject: Subject,
}

/// Queues a task behind what its session has queued, and wakes the senders when the transaction commits.
/// The caller holds the session's lock.
pub async fn push(db: &mut PgConnection, session_id: Uuid, task: &Task) -> Result<(), sqlx::Error> {
    push_or_claim(db, session_id, task, false).await.map(drop)
}

/// Queues a task; or, when the caller `may_claim` it and nothing that its session has queued comes before
/// it, claims it at once: the caller is to send it when the transaction has committed.
pub async fn push_or_claim(
    db: &mut PgConnection,
    session_id: Uuid,
    task: &Task,
    may_claim: bool,
) -> Result<Option<Claim>, sqlx::Error> {
    let (mut message_id, mut body, mut join, mut joined) = (None, None, None, None);
    let kind = match task {
        Task::CreateRoom => "create_room",
        Task::Details => "details",
        Task::Message(id) => {
            message_id = Some(*id);
            "message"
        }
        Task::Notice(text) => {
            body = Some(text.as_str());
            "notice"
        }
        Task::Recap {
            join_event_id,
            user_id,
        } => {
            join = Some(join_event_id.as_str());
            joined = Some(user_id.as_str());
            "recap"
        }
    };
    // clock_timestamp(): the transaction may have waited for the lock.
    let row = sqlx::query_as!(
        Row,
        r#"WITH task AS (
             INSERT INTO outbox (session_id, kind, message_id, body, join_event_id, joined_user_id,
                                 attempts, leased_until)
             SELECT $1, $2, $3, $4, $5, $6, claims::int,
                 CASE WHEN claims THEN clock_timestamp() + make_interval(secs => $8) END
             FROM (SELECT $7 AND NOT EXISTS (SELECT FROM outbox WHERE session_id = $1)) first (claims)
             RETURNING *
         )
         SELECT task.id, task.session_id, attempts, kind, task.message_id, task.body, join_event_id,
             joined_user_id, NULL::float8 AS room_asked_seconds_ago, messages.body AS "text?",
             sessions.created_at, room_id, source_url, page_title, visitor_name, visitor_email
         FROM task
             JOIN sessions ON sessions.id = task.session_id
             LEFT JOIN messages ON messages.id = task.message_id
         WHERE CASE WHEN attempts = 0 THEN pg_notify($9, task.session_id::text) IS NOT NULL ELSE true END"#,
        session_id,
        kind,
        message_id,
        body,
        join,
        joined,
        may_claim,
        LEASE.as_secs_f64(),
        CHANNEL,
    )
    .fetch_one(db)
    .await?;
    let claim = Claim::try_from(row)?;
    Ok((claim.attempts > 0).then_some(claim))
}

/// A visitor's message that was stored.
#[derive(Debug)]
pub struct Pushed {
    /// When.
    pub created_at: DateTime<Utc>,
    /// Its task, when it was claimed.
    pub claim: Option<Claim>,
}

/// Appends a visitor's message to the conversation, as [`super::messages::append`] does, and queues it for the
/// room, as [`push_or_claim`] does.
pub async fn push_message(
    db: &mut PgConnection,
    session_id: Uuid,
    message_id: Uuid,
    body: &str,
    may_claim: bool,
) -> Result<Pushed, sqlx::Error> {
    let row = sqlx::query!(
        r#"WITH session AS (
             UPDATE sessions SET last_seq = last_seq + 1, active_at = clock_timestamp()
             WHERE id = $1 RETURNING *
         ), message AS (
             INSERT INTO messages (id, session_id, seq, sender, body, created_at, delivery)
             SELECT $2, id, last_seq, 'visitor', $3, date_trunc('milliseconds', clock_timestamp()), 'pending'
             FROM session RETURNING *
         ), task AS (
             INSERT INTO outbox (session_id, kind, message_id, attempts, leased_until)
             SELECT session_id, 'message', id, claims::int,
                 CASE WHEN claims THEN clock_timestamp() + make_interval(secs => $5) END
             FROM message,
                 (SELECT $4 AND NOT EXISTS (SELECT FROM outbox WHERE session_id = $1)) first (claims)
             RETURNING *
         )
         SELECT task.id, attempts, message.created_at, session.created_at AS session_created_at,
             room_id, source_url, page_title, visitor_name, visitor_email
         FROM task, message, session, pg_notify($6, message.session_id::text)
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
    let claim = Claim {
        id: row.id,
        attempts: row.attempts,
        room_asked: None,
        task: Task::Message(message_id),
        text: Some(body.to_owned()),
        subject: Subject {
            id: session_id,
            created_at: row.session_created_at,
            room_id: row.room_id,
            source_url: row.source_url,
            page_title: row.page_title,
            visitor_name: row.visitor_name,
            visitor_email: row.visitor_email,
        },
    };
    Ok(Pushed {
        created_at: row.created_at,
        claim: (claim.attempts > 0).then_some(claim),
    })
}

struct Row {
    id: Uuid,
    session_id: Uuid,
    attempts: i32,
    room_asked_seconds_ago: Option<f64>,
    kind: String,
    message_id: Option<Uuid>,
    body: Option<String>,
    join_event_id: Option<String>,
    joined_user_id: Option<String>,
    text: Option<String>,
    created_at: DateTime<Utc>,
    room_id: Option<String>,
    source_url: Option<String>,
    page_title: Option<String>,
    visitor_name: Option<String>,
    visitor_email: Option<String>,
}

impl TryFrom<Row> for Claim {
    type Error = sqlx::Error;

    fn try_from(row: Row) -> Result<Self, Self::Error> {
        let task = match (row.kind.as_str(), row.message_id, row.body) {
            ("create_room", ..) => Task::CreateRoom,
            ("details", ..) => Task::Details,
            ("message", Some(id), _) => Task::Message(id),
            ("notice", _, Some(text)) => Task::Notice(text),
            _ => match (row.join_event_id, row.joined_user_id) {
                (Some(join_event_id), Some(user_id)) => Task::Recap {
                    join_event_id,
                    user_id,
                },
                _ => return Err(sqlx::Error::Decode("an outbox row of no known kind".into())),
            },
        };
        Ok(Self {
            id: row.id,
            attempts: row.attempts,
            room_asked: row
                .room_asked_seconds_ago
                .map(|seconds| Duration::try_from_secs_f64(seconds).unwrap_or_default()),
            task,
            text: row.text,
            subject: Subject {
                id: row.session_id,
                created_at: row.created_at,
                room_id: row.room_id,
                source_url: row.source_url,
                page_title: row.page_title,
                visitor_name: row.visitor_name,
                visitor_email: row.visitor_email,
            },
        })
    }
}

/// Claims up to `limit` sessions' first tasks that are due.
pub async fn claim(db: impl PgExecutor<'_>, limit: i64) -> Result<Vec<Claim>, sqlx::Error> {
    let rows = sqlx::query_as!(
        Row,
        // MATERIALIZED: planned as a join, the choice could be made again for each row, and the limit
        // with it.
        r#"WITH heads AS MATERIALIZED (
             SELECT head.id, head.session_id, head.message_id FROM outbox head
             WHERE head.due_at <= now() AND (head.leased_until IS NULL OR head.leased_until <= now())
               AND NOT EXISTS (
                   SELECT FROM outbox earlier
                   WHERE earlier.session_id = head.session_id AND earlier.position < head.position
               )
             ORDER BY head.position LIMIT $1 FOR UPDATE SKIP LOCKED
         )
         UPDATE outbox SET attempts = attempts + 1,
             leased_until = now() + make_interval(secs => $2)
         FROM heads
             JOIN sessions ON sessions.id = heads.session_id
             LEFT JOIN messages ON messages.id = heads.message_id
         WHERE outbox.id = heads.id
         RETURNING outbox.id, outbox.session_id, attempts, kind, outbox.message_id, outbox.body,
             join_event_id, joined_user_id,
             extract(epoch FROM now() - room_asked_at)::float8 AS room_asked_seconds_ago,
             messages.body AS "text?", sessions.created_at, room_id, source_url, page_title,
             visitor_name, visitor_email"#,
        limit,
        LEASE.as_secs_f64(),
    )
    .fetch_all(db)
    .await?;
    rows.into_iter().map(Claim::try_from).collect()
}

/// Keeps the claim; `false` when it is another server's by now, or done.
pub async fn renew(db: impl PgExecutor<'_>, claim: &Claim) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "UPDATE outbox SET leased_until = now() + make_interval(secs => $3)
         WHERE id = $1 AND attempts = $2",
        claim.id,
        claim.attempts,
        LEASE.as_secs_f64(),
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Notes that the homeserver is about to be asked for a room; or, after its answer, that it is not at
/// work on one.
pub async fn set_room_asked(
    db: impl PgExecutor<'_>,
    id: Uuid,
    asked: bool,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE outbox SET room_asked_at = CASE WHEN $2 THEN now() END WHERE id = $1",
        id,
        asked,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// How a task ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome<'a> {
    /// It is this event in the room.
    Sent(&'a str),
    /// It left no event.
    Done,
    /// It will never be sent.
    Failed,
}

/// What follows from a task's end.
#[derive(Debug)]
pub struct Finished {
    /// A message's end was recorded just now.
    pub message_ended: bool,
    /// The session's next task, claimed.
    pub next: Option<Claim>,
}

/// Takes the task off the queue, with what follows from its end, and claims the session's next one, if it is due
/// and the caller wants to `go_on`. A task that is done stays done as it was.
pub async fn finish(
    db: impl PgExecutor<'_>,
    claim: &Claim,
    outcome: Outcome<'_>,
    go_on: bool,
) -> Result<Finished, sqlx::Error> {
    let message_id = match claim.task {
        Task::Message(id) => Some(id),
        _ => None,
    };
    let (event_id, delivery) = match outcome {
        Outcome::Sent(event_id) => (Some(event_id), "delivered"),
        Outcome::Done => (None, "delivered"),
        Outcome::Failed => (None, "failed"),
    };
    // Nobody waits for the disk but for a claim: an end that Postgres forgets in a crash is found in the
    // room again.
    let row = sqlx::query!(
        r#"WITH gone AS (
             DELETE FROM outbox WHERE id = $1 RETURNING id
         ), event AS (
             INSERT INTO matrix_events (event_id, session_id, message_id)
             SELECT $4, $2, $3 FROM gone WHERE $4::text IS NOT NULL
             ON CONFLICT (event_id) DO NOTHING
         ), ended AS (
             UPDATE messages SET delivery = $5 FROM gone WHERE messages.id = $3 RETURNING messages.id
         ), next AS (
             UPDATE outbox SET attempts = attempts + 1,
                 leased_until = now() + make_interval(secs => $7)
             FROM (SELECT id FROM outbox WHERE session_id = $2 AND id <> $1
                   ORDER BY position LIMIT 1) first
             WHERE $6 AND outbox.id = first.id
               AND due_at <= now() AND (leased_until IS NULL OR leased_until <= now())
             RETURNING outbox.*
         )
         SELECT EXISTS (SELECT FROM ended) AS "message_ended!",
             CASE WHEN next.id IS NULL
                  THEN set_config('synchronous_commit', 'off', true) END AS commit,
             next.id AS "id?", next.session_id AS "session_id?", attempts AS "attempts?",
             kind AS "kind?", next.message_id, next.body, join_event_id, joined_user_id,
             extract(epoch FROM now() - room_asked_at)::float8 AS room_asked_seconds_ago,
             messages.body AS "text?", sessions.created_at AS "created_at?", room_id, source_url,
             page_title, visitor_name, visitor_email
         FROM (VALUES (true)) always
             LEFT JOIN next ON true
             LEFT JOIN sessions ON sessions.id = next.session_id
             LEFT JOIN messages ON messages.id = next.message_id"#,
        claim.id,
        claim.subject.id,
        message_id,
        event_id,
        delivery,
        go_on,
        LEASE.as_secs_f64(),
    )
    .fetch_one(db)
    .await?;
    let next = match (
        row.id,
        row.session_id,
        row.attempts,
        row.kind,
        row.created_at,
    ) {
        (Some(id), Some(session_id), Some(attempts), Some(kind), Some(created_at)) => Some(Row {
            id,
            session_id,
            attempts,
            room_asked_seconds_ago: row.room_asked_seconds_ago,
            kind,
            message_id: row.message_id,
            body: row.body,
            join_event_id: row.join_event_id,
            joined_user_id: row.joined_user_id,
            text: row.text,
            created_at,
            room_id: row.room_id,
            source_url: row.source_url,
            page_title: row.page_title,
            visitor_name: row.visitor_name,
            visitor_email: row.visitor_email,
        }),
        _ => None,
    };
    Ok(Finished {
        message_ended: row.message_ended,
        next: next.map(Claim::try_from).transpose()?,
    })
}

/// Gives the task back, to be tried again after `delay`; unless it has been claimed anew meanwhile.
pub async fn retry(
    db: impl PgExecutor<'_>,
    claim: &Claim,
    delay: Duration,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE outbox SET leased_until = NULL, due_at = now() + make_interval(secs => $3)
         WHERE id = $1 AND attempts = $2",
        claim.id,
        claim.attempts,
        delay.as_secs_f64(),
    )
    .execute(db)
    .await?;
    Ok(())
}

/// How much waits, and for how long the oldest message has.
#[derive(Clone, Copy, Debug)]
pub struct Backlog {
    /// Tasks, of whatever kind.
    pub tasks: i64,
    /// The age of the oldest visitor's message among them; 0 when there is none.
    pub oldest_message_seconds: f64,
}

/// What the homeserver has yet to be told.
pub async fn backlog(db: impl PgExecutor<'_>) -> Result<Backlog, sqlx::Error> {
    sqlx::query_as!(
        Backlog,
        r#"SELECT count(*) AS "tasks!",
               coalesce(extract(epoch FROM now() - min(messages.created_at)), 0)::float8
                   AS "oldest_message_seconds!"
           FROM outbox LEFT JOIN messages ON messages.id = outbox.message_id"#
    )
    .fetch_one(db)
    .await
}

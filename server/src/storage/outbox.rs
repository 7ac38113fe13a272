//! `outbox`: what the homeserver has yet to be told.
//!
//! Only the first row of a session can be claimed, it goes when it has been sent, and only who ends it
//! can claim those behind it, which it sends one after the other: that keeps a session's order. A claim is
//! a lease, not a lock, so nothing is held across the network. It is short and renewed while the send is
//! under way, so what a server that died was at is soon taken up; a lease that ran out nevertheless is
//! harmless, since the row's id is the transaction id.

use std::{collections::HashMap, time::Duration};

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;
use uuid::Uuid;

use super::{
    Connection,
    sessions::{CHANGES, Subject},
};

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
    const fn message_id(&self) -> Option<Uuid> {
        match self {
            Self::Message(id) => Some(*id),
            _ => None,
        }
    }

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
    /// Its place in the session's order.
    pub position: i64,
    /// How often it was claimed and not given back unsent, this time included.
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
pub async fn push(db: &mut Connection, session_id: Uuid, task: &Task) -> Result<(), sqlx::Error> {
    push_or_claim(db, session_id, task, false).await.map(drop)
}

/// Queues a task; or, when the caller `may_claim` it and nothing that its session has queued comes before
/// it, claims it at once: the caller is to send it when the transaction has committed.
pub async fn push_or_claim(
    db: &mut Connection,
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
         SELECT task.id, position, task.session_id, attempts, kind, task.message_id, task.body, join_event_id,
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
    db: &mut Connection,
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
         SELECT task.id, position, attempts, message.created_at, session.created_at AS session_created_at,
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
        position: row.position,
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
    position: i64,
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
            position: row.position,
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
         RETURNING outbox.id, position, outbox.session_id, attempts, kind, outbox.message_id,
             outbox.body, join_event_id, joined_user_id,
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

/// Keeps the claim, and with it those behind it that have not run out; `false` when it is another server's by
/// now, or done.
pub async fn renew(db: impl PgExecutor<'_>, claim: &Claim) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "UPDATE outbox SET leased_until = now() + make_interval(secs => $4)
         WHERE session_id = $1 AND (id = $2 OR leased_until > now())
           AND EXISTS (SELECT FROM outbox WHERE id = $2 AND attempts = $3)",
        claim.subject.id,
        claim.id,
        claim.attempts,
        LEASE.as_secs_f64(),
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() > 0)
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is this event in the room.
    Sent(String),
    /// It left no event.
    Done,
    /// It will never be sent.
    Failed,
}

impl Outcome {
    fn event_id(&self) -> Option<&str> {
        match self {
            Self::Sent(event_id) => Some(event_id),
            Self::Done | Self::Failed => None,
        }
    }

    const fn delivery(&self) -> &'static str {
        match self {
            Self::Sent(_) | Self::Done => "delivered",
            Self::Failed => "failed",
        }
    }
}

/// A task's end.
#[derive(Debug)]
pub struct End {
    /// The task.
    pub claim: Claim,
    /// How it ended.
    pub outcome: Outcome,
    /// The position of the last of the session's tasks that the caller has claimed.
    pub after: i64,
    /// How many behind it are to be claimed, at most.
    pub limit: i64,
}

/// What follows from a task's end.
#[derive(Debug, Default)]
pub struct Finished {
    /// A message's end was recorded just now.
    pub message_ended: bool,
    /// What the session has queued next, claimed, in its order.
    pub next: Vec<Claim>,
}

/// Takes tasks off the queue, with what follows from their ends, and claims what comes behind them; answers in the
/// order of the ends. A task that is done stays done as it was, and who ended it goes on.
pub async fn finish(db: impl PgExecutor<'_>, ends: &[End]) -> Result<Vec<Finished>, sqlx::Error> {
    let column = |of: fn(&End) -> Uuid| ends.iter().map(of).collect::<Vec<_>>();
    let messages: Vec<_> = ends.iter().map(|end| end.claim.task.message_id()).collect();
    let events: Vec<_> = ends.iter().map(|end| end.outcome.event_id()).collect();
    let deliveries: Vec<_> = ends.iter().map(|end| end.outcome.delivery()).collect();
    let after: Vec<_> = ends.iter().map(|end| end.after).collect();
    let limits: Vec<_> = ends.iter().map(|end| end.limit).collect();
    // Nobody waits for the disk but for a claim: an end that Postgres forgets in a crash is found in the
    // room again.
    let rows = sqlx::query_as!(
        EndedRow,
        r#"WITH gone AS (
             DELETE FROM outbox USING unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[],
                                             $6::bigint[], $7::bigint[])
                 task_end (id, session_id, message_id, event_id, delivery, after, "limit")
             WHERE outbox.id = task_end.id RETURNING task_end.*
         ), event AS (
             INSERT INTO matrix_events (event_id, session_id, message_id)
             SELECT event_id, session_id, message_id FROM gone WHERE event_id IS NOT NULL
             ON CONFLICT (event_id) DO NOTHING
         ), ended AS (
             UPDATE messages SET delivery = gone.delivery FROM gone WHERE messages.id = gone.message_id
             RETURNING messages.id
         ), behind AS (
             SELECT gone.id AS before, queued.id, bool_and(
                     due_at <= now() AND (leased_until IS NULL OR leased_until <= now())
                 ) OVER (PARTITION BY gone.id ORDER BY position) AS free
             FROM gone CROSS JOIN LATERAL (
                 SELECT * FROM outbox WHERE session_id = gone.session_id AND position > after
                 ORDER BY position LIMIT gone.limit
             ) queued
         ), next AS (
             UPDATE outbox SET attempts = attempts + 1,
                 leased_until = now() + make_interval(secs => $8)
             FROM behind WHERE outbox.id = behind.id AND free
             RETURNING before, outbox.*
         )
         SELECT gone.id AS "ended_id!", ended.id IS NOT NULL AS "message_ended!",
             CASE WHEN NOT EXISTS (SELECT FROM next)
                  THEN set_config('synchronous_commit', 'off', true) END AS _commit,
             next.id AS "id?", position AS "position?", next.session_id AS "session_id?",
             attempts AS "attempts?", kind AS "kind?", next.message_id, next.body, join_event_id,
             joined_user_id, extract(epoch FROM now() - room_asked_at)::float8 AS room_asked_seconds_ago,
             messages.body AS "text?", sessions.created_at AS "created_at?", room_id, source_url,
             page_title, visitor_name, visitor_email
         FROM gone
             LEFT JOIN ended ON ended.id = gone.message_id
             LEFT JOIN next ON next.before = gone.id
             LEFT JOIN sessions ON sessions.id = next.session_id
             LEFT JOIN messages ON messages.id = next.message_id
         ORDER BY position"#,
        &column(|end| end.claim.id),
        &column(|end| end.claim.subject.id),
        &messages as &[Option<Uuid>],
        &events as &[Option<&str>],
        &deliveries as &[&str],
        &after,
        &limits,
        LEASE.as_secs_f64(),
    )
    .fetch_all(db)
    .await?;
    let mut finished: HashMap<_, Finished> = HashMap::new();
    for row in rows {
        let finished = finished.entry(row.ended_id).or_default();
        finished.message_ended = row.message_ended;
        if let Some(next) = row.next() {
            finished.next.push(Claim::try_from(next)?);
        }
    }
    let ids = ends.iter().map(|end| end.claim.id);
    Ok(ids
        .map(|id| finished.remove(&id).unwrap_or_default())
        .collect())
}

/// A task that ended, and one that was claimed with it, if any was.
struct EndedRow {
    ended_id: Uuid,
    message_ended: bool,
    _commit: Option<String>,
    id: Option<Uuid>,
    position: Option<i64>,
    session_id: Option<Uuid>,
    attempts: Option<i32>,
    room_asked_seconds_ago: Option<f64>,
    kind: Option<String>,
    message_id: Option<Uuid>,
    body: Option<String>,
    join_event_id: Option<String>,
    joined_user_id: Option<String>,
    text: Option<String>,
    created_at: Option<DateTime<Utc>>,
    room_id: Option<String>,
    source_url: Option<String>,
    page_title: Option<String>,
    visitor_name: Option<String>,
    visitor_email: Option<String>,
}

impl EndedRow {
    fn next(self) -> Option<Row> {
        Some(Row {
            id: self.id?,
            position: self.position?,
            session_id: self.session_id?,
            attempts: self.attempts?,
            room_asked_seconds_ago: self.room_asked_seconds_ago,
            kind: self.kind?,
            message_id: self.message_id,
            body: self.body,
            join_event_id: self.join_event_id,
            joined_user_id: self.joined_user_id,
            text: self.text,
            created_at: self.created_at?,
            room_id: self.room_id,
            source_url: self.source_url,
            page_title: self.page_title,
            visitor_name: self.visitor_name,
            visitor_email: self.visitor_email,
        })
    }
}

/// Gives tasks back as they were claimed, since they were not begun; but those that have been claimed anew
/// meanwhile.
pub async fn give_back(db: impl PgExecutor<'_>, claims: &[Claim]) -> Result<(), sqlx::Error> {
    let ids: Vec<_> = claims.iter().map(|claim| claim.id).collect();
    let attempts: Vec<_> = claims.iter().map(|claim| claim.attempts).collect();
    sqlx::query!(
        "UPDATE outbox SET attempts = outbox.attempts - 1, leased_until = NULL
         FROM unnest($1::uuid[], $2::int[]) unsent (id, attempts)
         WHERE outbox.id = unsent.id AND outbox.attempts = unsent.attempts",
        &ids,
        &attempts,
    )
    .execute(db)
    .await?;
    Ok(())
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

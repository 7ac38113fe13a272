//! How tasks end, and what is claimed behind them.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;
use uuid::Uuid;

use super::{
    CLOCK_MARGIN, Claim, LEASE, LONGEST_DELAY,
    claims::{self, Row},
};
use crate::storage::sessions::CHANGES;

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
/// order of the ends. A task that is done stays done as it was, and who ended it goes on. What was sent to a room
/// that the session no longer has is not done: it is to be in the room that the session has now.
pub async fn finish(db: impl PgExecutor<'_>, ends: &[End]) -> Result<Vec<Finished>, sqlx::Error> {
    let column = |of: fn(&End) -> Uuid| ends.iter().map(of).collect::<Vec<_>>();
    let messages: Vec<_> = ends.iter().map(|end| end.claim.task.message_id()).collect();
    let events: Vec<_> = ends.iter().map(|end| end.outcome.event_id()).collect();
    let deliveries: Vec<_> = ends.iter().map(|end| end.outcome.delivery()).collect();
    let after: Vec<_> = ends.iter().map(|end| end.after).collect();
    let limits: Vec<_> = ends.iter().map(|end| end.limit).collect();
    let rooms: Vec<_> = ends
        .iter()
        .map(|end| end.claim.subject.room_id.as_deref())
        .collect();
    // Only a claim waits for the disk: an end that Postgres forgets in a crash is found in the
    // room again.
    let rows = sqlx::query_as!(
        EndedRow,
        r#"WITH gone AS (
             DELETE FROM outbox USING unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[],
                                             $6::bigint[], $7::bigint[], $9::text[])
                 task_end (id, session_id, message_id, event_id, delivery, after, "limit", room_id)
             WHERE outbox.id = task_end.id AND (task_end.room_id IS NULL OR EXISTS (
                 SELECT FROM sessions WHERE id = task_end.session_id AND room_id = task_end.room_id
             ))
             RETURNING task_end.*, outbox.answers_event_id
         ), event AS (
             INSERT INTO matrix_events (event_id, session_id, message_id, internal)
             SELECT event_id, session_id, message_id,
                 (SELECT internal FROM matrix_events answered WHERE answered.event_id = answers_event_id)
             FROM gone WHERE event_id IS NOT NULL
             ON CONFLICT (event_id) DO NOTHING
         ), ended AS (
             UPDATE messages SET delivery = gone.delivery FROM gone WHERE messages.id = gone.message_id
             RETURNING messages.id
         ), failed AS (
             UPDATE sessions SET failed_seq = least(failed_seq, messages.seq)
             FROM gone JOIN messages ON messages.id = gone.message_id
             WHERE gone.delivery = 'failed' AND sessions.id = gone.session_id
         ), behind AS (
             SELECT gone.id AS before, queued.id, bool_and(
                     is_claimable(due_at, delayed_at, leased_until,
                                  make_interval(secs => $10), make_interval(secs => $11))
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
             CASE WHEN ended.id IS NOT NULL THEN pg_notify($12, gone.session_id::text)::text END AS _told,
             next.id AS "id?", position AS "position?", next.session_id AS "session_id?",
             attempts AS "attempts?", kind AS "kind?", next.message_id, next.body, join_event_id,
             joined_user_id, next.answers_event_id, extract(epoch FROM now() - room_asked_at)::float8 AS room_asked_seconds_ago,
             room_asked_own, messages.body AS "text?", sessions.room_id, source_url, page_title,
             visitor_name, visitor_email
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
        &rooms as &[Option<&str>],
        (LONGEST_DELAY + CLOCK_MARGIN).as_secs_f64(),
        (LEASE + CLOCK_MARGIN).as_secs_f64(),
        CHANGES,
    )
    .fetch_all(db)
    .await?;
    let mut finished: HashMap<_, Finished> = HashMap::new();
    for row in rows {
        let finished = finished.entry(row.ended_id).or_default();
        finished.message_ended = row.message_ended;
        finished.next.extend(claims::read(row.next()));
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
    _told: Option<String>,
    id: Option<Uuid>,
    position: Option<i64>,
    session_id: Option<Uuid>,
    attempts: Option<i32>,
    room_asked_seconds_ago: Option<f64>,
    room_asked_own: Option<DateTime<Utc>>,
    kind: Option<String>,
    message_id: Option<Uuid>,
    body: Option<String>,
    join_event_id: Option<String>,
    joined_user_id: Option<String>,
    answers_event_id: Option<String>,
    text: Option<String>,
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
            room_asked_own: self.room_asked_own,
            kind: self.kind?,
            message_id: self.message_id,
            body: self.body,
            join_event_id: self.join_event_id,
            joined_user_id: self.joined_user_id,
            answers_event_id: self.answers_event_id,
            text: self.text,
            room_id: self.room_id,
            source_url: self.source_url,
            page_title: self.page_title,
            visitor_name: self.visitor_name,
            visitor_email: self.visitor_email,
        })
    }
}

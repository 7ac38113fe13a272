//! Recording how tasks ended, and claiming what comes behind them.

use std::collections::{HashMap, HashSet};

use sqlx::PgExecutor;
use uuid::Uuid;

use super::{
    Claim, LATEST_DUE, LATEST_LEASE, LEASE,
    claim::{Row, read_claimed},
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

/// The end of a task.
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
    /// Whether the end of a message was recorded just now.
    pub message_ended: bool,
    /// The next tasks of the session, claimed, in their order.
    pub next: Vec<Claim>,
}

/// Removes tasks from the queue, records what follows from their ends, and claims the tasks behind them. It returns
/// results in the order of the ends. A task that another server has ended stays as that server left it, and that server
/// continues with the session. A task that was sent to a room that the session no longer has is not done: it has to be
/// sent to the room that the session has now.
///
/// A task ends only after those before it in its session. Postgres may forget the latest ends in a crash, while the
/// servers go on. If a server then recorded the next end, a message would count as delivered while earlier ones are
/// still queued, and a new room would be told of them in the wrong order. Such an end is not recorded: when the leases
/// have expired, the tasks are claimed again from the first one on, and the relay finds in the room what it has already
/// sent.
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
    let rows = read_claimed!(
        r#"WITH gone AS (
             -- Whoever deletes the row has ended the task, and everything below follows from these rows only.
             DELETE FROM outbox USING unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[],
                                             $6::bigint[], $7::bigint[], $9::text[])
                 task_end (id, session_id, message_id, event_id, delivery, after, "limit", room_id)
             WHERE outbox.id = task_end.id
               -- A session that lost its room while this was sent has to be told in its new room.
               AND (task_end.room_id IS NULL OR EXISTS (
                   SELECT FROM sessions WHERE id = task_end.session_id AND room_id = task_end.room_id
               ))
               -- Ends are recorded in the session's order. An earlier task is still queued only when Postgres forgot
               -- its end in a crash, or when another server took it over.
               AND NOT EXISTS (
                   SELECT FROM outbox earlier
                   WHERE earlier.session_id = outbox.session_id AND earlier.position < outbox.position
               )
             RETURNING task_end.*, outbox.answers_event_id
         ), event AS (
             -- Known events: a reply to one is understood, and the search for an earlier attempt ends at one.
             INSERT INTO matrix_events (event_id, session_id, message_id, internal)
             SELECT event_id, session_id, message_id,
                 -- What answers an event that no visitor may see is as internal as that one.
                 (SELECT internal FROM matrix_events answered WHERE answered.event_id = answers_event_id)
             FROM gone WHERE event_id IS NOT NULL
             -- The sync may have brought it first.
             ON CONFLICT (event_id) DO NOTHING
         ), ended AS (
             UPDATE messages SET delivery = gone.delivery FROM gone WHERE messages.id = gone.message_id
             RETURNING messages.id
         ), failed AS (
             -- Polls say up to which message all were delivered, so the first failure has to be known.
             UPDATE sessions SET failed_seq = least(failed_seq, messages.seq)
             FROM gone JOIN messages ON messages.id = gone.message_id
             WHERE gone.delivery = 'failed' AND sessions.id = gone.session_id
         ), behind AS (
             -- What comes next in each session, behind what the caller has claimed already. Tasks are claimed up to
             -- the first that is not free: those behind that one have to wait for it.
             SELECT gone.id AS ended_id, queued.id, bool_and(
                     is_claimable(due_at, delayed_at, leased_until,
                                  make_interval(secs => $10), make_interval(secs => $11))
                 ) OVER (PARTITION BY gone.id ORDER BY position) AS free
             FROM gone CROSS JOIN LATERAL (
                 SELECT * FROM outbox WHERE session_id = gone.session_id AND position > after
                 ORDER BY position LIMIT gone.limit
             ) queued
         ), claimed AS (
             UPDATE outbox SET attempts = attempts + 1,
                 leased_until = now() + make_interval(secs => $8)
             FROM behind WHERE outbox.id = behind.id AND free
             RETURNING ended_id, outbox.*
         )"#,
        r#"gone.id AS "ended_id?", ended.id IS NOT NULL AS "message_ended?""#,
        "gone
             LEFT JOIN ended ON ended.id = gone.message_id
             LEFT JOIN claimed ON claimed.ended_id = gone.id",
        // CASE, since the planner may evaluate the arms of AND and OR in any order.
        "WHERE
             -- A claim has to reach the disk before anything is sent under it. An end need not: one that Postgres
             -- forgets in a crash is found in the room again.
             CASE WHEN EXISTS (SELECT FROM claimed) THEN true
                  ELSE set_config('synchronous_commit', 'off', true) IS NOT NULL END
             -- Every server learns that polls of the session have news: the message's delivery.
             AND CASE WHEN ended.id IS NULL THEN true
                      ELSE pg_notify($12, gone.session_id::text) IS NOT NULL END
         ORDER BY claimed.position",
        &column(|end| end.claim.id),
        &column(|end| end.claim.subject.id),
        &messages as &[Option<Uuid>],
        &events as &[Option<&str>],
        &deliveries as &[&str],
        &after,
        &limits,
        LEASE.as_secs_f64(),
        &rooms as &[Option<&str>],
        LATEST_DUE.as_secs_f64(),
        LATEST_LEASE.as_secs_f64(),
        CHANGES,
    )
    .fetch_all(db)
    .await?;
    Ok(in_order_of(ends, rows))
}

/// The result for each end, from the rows of the statement.
fn in_order_of(ends: &[End], rows: Vec<Row>) -> Vec<Finished> {
    let mut finished: HashMap<_, Finished> = HashMap::new();
    let mut held_up = HashSet::new();
    for row in rows {
        let (ended_id, is_claimed) = (row.ended_id, row.id.is_some());
        let finished = finished.entry(ended_id).or_default();
        finished.message_ended = row.message_ended.unwrap_or_default();
        let claim = row.claim();
        if is_claimed && claim.is_none() {
            // Nothing may overtake a task that cannot be read.
            held_up.insert(ended_id);
        }
        let is_free = !held_up.contains(&ended_id);
        finished.next.extend(claim.filter(|_| is_free));
    }
    let ids = ends.iter().map(|end| Some(end.claim.id));
    ids.map(|id| finished.remove(&id).unwrap_or_default())
        .collect()
}

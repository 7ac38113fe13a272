//! Claiming tasks, keeping the claims, and giving them back: leases on rows of `outbox`.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;
use uuid::Uuid;

use super::{Claim, LATEST_DUE, LATEST_LEASE, LEASE, Lane, task::Columns};
use crate::storage::{RoomAsked, sessions::Subject};

/// A row that [`read_claimed`] gives: a task that was claimed, or a task that ended, or one that ended with one that
/// was claimed behind it.
#[derive(Debug)]
pub(super) struct Row {
    /// The task that ended.
    pub(super) ended_id: Option<Uuid>,
    /// Whether a message's end was recorded with it.
    pub(super) message_ended: Option<bool>,
    pub(super) id: Option<Uuid>,
    pub(super) position: Option<i64>,
    pub(super) session_id: Option<Uuid>,
    pub(super) attempts: Option<i32>,
    pub(super) kind: Option<String>,
    pub(super) message_id: Option<Uuid>,
    pub(super) body: Option<String>,
    pub(super) join_event_id: Option<String>,
    pub(super) joined_user_id: Option<String>,
    pub(super) answers_event_id: Option<String>,
    pub(super) room_asked_seconds_ago: Option<f64>,
    pub(super) room_asked_own: Option<DateTime<Utc>>,
    pub(super) text: Option<String>,
    pub(super) room_id: Option<String>,
    pub(super) source_url: Option<String>,
    pub(super) page_title: Option<String>,
    pub(super) visitor_name: Option<String>,
    pub(super) visitor_email: Option<String>,
}

impl Row {
    /// The task that was claimed, if any was. A task that this release cannot read is left to a server that can, and
    /// holds up its own session only.
    pub(super) fn claim(self) -> Option<Claim> {
        let (id, session_id) = (self.id?, self.session_id?);
        let columns = Columns {
            kind: self.kind?,
            message_id: self.message_id,
            body: self.body,
            join_event_id: self.join_event_id,
            joined_user_id: self.joined_user_id,
            answers_event_id: self.answers_event_id,
        };
        let Some(task) = columns.task() else {
            tracing::error!(%id, %session_id, "a task of a kind that this release does not know cannot be read");
            return None;
        };
        let asked_own = self.room_asked_own;
        Some(Claim {
            id,
            position: self.position?,
            attempts: self.attempts?,
            room_asked: self
                .room_asked_seconds_ago
                .map(|seconds| RoomAsked::new(seconds, asked_own)),
            task,
            text: self.text,
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

/// A statement that claims tasks and returns everything that a [`Claim`] needs as a [`Row`], so that no second
/// statement is necessary. Its first part ends with `claimed`, the rows that were claimed; the second part gives
/// `ended_id` and `message_ended`; the third is the beginning of `FROM`, and contains `claimed`; the fourth comes at
/// the end.
macro_rules! read_claimed {
    ($with:literal, $ended:literal, $from:literal, $end:literal, $($argument:expr),* $(,)?) => {
        sqlx::query_as!(
            Row,
            $with + "
         SELECT " + $ended + r#",
             claimed.id AS "id?", claimed.position AS "position?", claimed.session_id AS "session_id?",
             claimed.attempts AS "attempts?", claimed.kind AS "kind?", claimed.message_id, claimed.body,
             claimed.join_event_id, claimed.joined_user_id, claimed.answers_event_id,
             -- Postgres' clock counts the time since the question, and so does the server's that asked. Either may
             -- have been wrong.
             extract(epoch FROM now() - claimed.room_asked_at)::float8 AS room_asked_seconds_ago,
             claimed.room_asked_own, messages.body AS "text?", sessions.room_id AS "room_id?",
             sessions.source_url AS "source_url?", sessions.page_title AS "page_title?",
             sessions.visitor_name AS "visitor_name?", sessions.visitor_email AS "visitor_email?"
         FROM "# + $from + "
             LEFT JOIN sessions ON sessions.id = claimed.session_id
             LEFT JOIN messages ON messages.id = claimed.message_id
         " + $end,
            $($argument),*
        )
    };
}
pub(super) use read_claimed;

/// Claims up to `limit` sessions' first tasks that are due and take this lane. What has waited longest comes first.
pub async fn claim(
    db: impl PgExecutor<'_>,
    lane: Lane,
    limit: i64,
) -> Result<Vec<Claim>, sqlx::Error> {
    let rows = read_claimed!(
        // MATERIALIZED makes the choice once. Planned as a join, it could be made again for each row, and the limit
        // with it.
        "WITH heads AS MATERIALIZED (
             SELECT head.id FROM outbox head
             -- Neither waiting for its time nor claimed by another server.
             WHERE is_claimable(head.due_at, head.delayed_at, head.leased_until,
                                make_interval(secs => $3), make_interval(secs => $4))
               -- Each lane has its own places, and is asked for on its own.
               AND (head.kind = 'create_room') = $5
               -- Only a session's first task: what comes behind it waits, which keeps the order.
               AND NOT EXISTS (
                   SELECT FROM outbox earlier
                   WHERE earlier.session_id = head.session_id AND earlier.position < head.position
               )
             -- least(): what a wrong clock has put into the future counts as due now, and not as last.
             ORDER BY least(head.due_at, now()), head.position
             LIMIT $1
             -- Servers that look at the same moment share the rows, and none waits for another.
             FOR UPDATE SKIP LOCKED
         ), claimed AS (
             -- The number of attempts tells this claim from any other on the row: what renews or ends it names both.
             UPDATE outbox SET attempts = attempts + 1,
                 leased_until = now() + make_interval(secs => $2)
             FROM heads WHERE outbox.id = heads.id
             RETURNING outbox.*
         )",
        "NULL::uuid AS ended_id, NULL::boolean AS message_ended",
        "claimed",
        "",
        limit,
        LEASE.as_secs_f64(),
        LATEST_DUE.as_secs_f64(),
        LATEST_LEASE.as_secs_f64(),
        lane == Lane::Rooms,
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().filter_map(Row::claim).collect())
}

/// Renews the claim and those behind it that have not expired; `false` when another server has it by now, or it is
/// done.
pub async fn renew(db: impl PgExecutor<'_>, claim: &Claim) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "UPDATE outbox SET leased_until = now() + make_interval(secs => $4)
         -- Behind the session's first task only this server has claims, as long as it has that one.
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

/// Gives tasks that were not begun back as they were, except those that have been claimed again meanwhile.
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

/// Gives the task back, to be tried again after `delay`, unless it has been claimed again meanwhile.
pub async fn retry(
    db: impl PgExecutor<'_>,
    claim: &Claim,
    delay: Duration,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE outbox SET leased_until = NULL, due_at = now() + make_interval(secs => $3),
             delayed_at = now()
         WHERE id = $1 AND attempts = $2",
        claim.id,
        claim.attempts,
        delay.as_secs_f64(),
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Moves the session's tasks behind those of all other sessions. Returns `false` if there are none,
/// or they are being sent.
pub async fn yield_turn(db: impl PgExecutor<'_>, session_id: Uuid) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "UPDATE outbox SET due_at = now(), delayed_at = NULL
         WHERE id = (SELECT id FROM outbox WHERE session_id = $1 ORDER BY position LIMIT 1)
           AND leased_until IS NULL AND due_at <= now()",
        session_id,
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Records that the homeserver is asked for a room at this time, by the server's clock, or, after its answer, that it
/// is not making one. It returns `false` and records nothing when the task has been claimed again meanwhile: the new
/// owner does not know of this question, and may ask as well.
pub async fn set_room_asked(
    db: impl PgExecutor<'_>,
    claim: &Claim,
    asked: Option<DateTime<Utc>>,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "UPDATE outbox SET room_asked_at = CASE WHEN $2::timestamptz IS NOT NULL THEN now() END,
             room_asked_own = $2
         WHERE id = $1 AND attempts = $3",
        claim.id,
        asked,
        claim.attempts,
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() > 0)
}

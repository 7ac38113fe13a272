//! Which server is sending what: leases on rows of `outbox`.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;
use uuid::Uuid;

use super::{CLOCK_MARGIN, Claim, LEASE, LONGEST_DELAY, Lane, RoomAsked, Subject, Task};

/// A task as a statement gives it.
pub(super) struct Row {
    pub(super) id: Uuid,
    pub(super) position: i64,
    pub(super) session_id: Uuid,
    pub(super) attempts: i32,
    pub(super) room_asked_seconds_ago: Option<f64>,
    pub(super) room_asked_own: Option<DateTime<Utc>>,
    pub(super) kind: String,
    pub(super) message_id: Option<Uuid>,
    pub(super) body: Option<String>,
    pub(super) join_event_id: Option<String>,
    pub(super) joined_user_id: Option<String>,
    pub(super) answers_event_id: Option<String>,
    pub(super) text: Option<String>,
    pub(super) room_id: Option<String>,
    pub(super) source_url: Option<String>,
    pub(super) page_title: Option<String>,
    pub(super) visitor_name: Option<String>,
    pub(super) visitor_email: Option<String>,
}

impl TryFrom<Row> for Claim {
    type Error = sqlx::Error;

    fn try_from(row: Row) -> Result<Self, Self::Error> {
        let task = match (row.kind.as_str(), row.message_id, row.body) {
            ("create_room", ..) => Task::CreateRoom,
            ("details", ..) => Task::Details,
            ("rename", ..) => Task::Rename,
            ("message", Some(id), _) => Task::Message(id),
            ("notice", _, Some(text)) => match row.answers_event_id {
                Some(event_id) => Task::Answer { event_id, text },
                None => Task::Notice(text),
            },
            _ => match (row.join_event_id, row.joined_user_id) {
                (Some(join), Some(joined)) if join.is_empty() && joined.is_empty() => Task::Retell,
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
                .map(|seconds| RoomAsked::new(seconds, row.room_asked_own)),
            task,
            text: row.text,
            subject: Subject {
                id: row.session_id,
                room_id: row.room_id,
                source_url: row.source_url,
                page_title: row.page_title,
                visitor_name: row.visitor_name,
                visitor_email: row.visitor_email,
            },
        })
    }
}

/// The tasks of these rows. One that cannot be read is left to a server that can, and holds up its own session
/// only.
pub(super) fn read(rows: impl IntoIterator<Item = Row>) -> Vec<Claim> {
    let claims = rows.into_iter().map(|row| {
        let (id, session_id) = (row.id, row.session_id);
        Claim::try_from(row).inspect_err(|error| {
            tracing::error!(%id, %session_id, %error, "a task cannot be read");
        })
    });
    claims.filter_map(Result::ok).collect()
}

/// Claims up to `limit` sessions' first tasks that are due and take this lane. Who has waited longest comes
/// first.
pub async fn claim(
    db: impl PgExecutor<'_>,
    lane: Lane,
    limit: i64,
) -> Result<Vec<Claim>, sqlx::Error> {
    let rows = sqlx::query_as!(
        Row,
        // MATERIALIZED: planned as a join, the choice could be made again for each row, and the limit
        // with it.
        r#"WITH heads AS MATERIALIZED (
             SELECT head.id, head.session_id, head.message_id FROM outbox head
             WHERE is_claimable(head.due_at, head.delayed_at, head.leased_until,
                                make_interval(secs => $3), make_interval(secs => $4))
               AND (head.kind = 'create_room') = $5
               AND NOT EXISTS (
                   SELECT FROM outbox earlier
                   WHERE earlier.session_id = head.session_id AND earlier.position < head.position
               )
             ORDER BY least(head.due_at, now()), head.position LIMIT $1 FOR UPDATE SKIP LOCKED
         )
         UPDATE outbox SET attempts = attempts + 1,
             leased_until = now() + make_interval(secs => $2)
         FROM heads
             JOIN sessions ON sessions.id = heads.session_id
             LEFT JOIN messages ON messages.id = heads.message_id
         WHERE outbox.id = heads.id
         RETURNING outbox.id, position, outbox.session_id, attempts, kind, outbox.message_id,
             outbox.body, join_event_id, joined_user_id, answers_event_id,
             extract(epoch FROM now() - room_asked_at)::float8 AS room_asked_seconds_ago, room_asked_own,
             messages.body AS "text?", room_id, source_url, page_title,
             visitor_name, visitor_email"#,
        limit,
        LEASE.as_secs_f64(),
        (LONGEST_DELAY + CLOCK_MARGIN).as_secs_f64(),
        (LEASE + CLOCK_MARGIN).as_secs_f64(),
        lane == Lane::Rooms,
    )
    .fetch_all(db)
    .await?;
    Ok(read(rows))
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

/// Gives tasks back as they were claimed, since they were not begun; except those that have been claimed again
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

/// Gives the task back, to be tried again after `delay`; unless it has been claimed again meanwhile.
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

/// Puts what the session has queued behind all that others have waiting; `false` when there is nothing, or it
/// is being sent.
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

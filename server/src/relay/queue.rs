//! `outbox`: what the homeserver has yet to be told.
//!
//! Only the first row of a session can be claimed, it goes when it has been sent, and only who ends it
//! can claim those behind it, which it sends one after the other: that keeps a session's order. A claim is
//! a lease, not a lock, so nothing is held across the network. It is short and renewed while the send is
//! under way, so what a server that died was at is soon taken up; a lease that ran out nevertheless is
//! harmless, since the row's id is the transaction id.

mod claims;
mod ends;
mod rooms;

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;
use uuid::Uuid;

use crate::storage::{
    Connection, RoomAsked,
    sessions::{CHANGES, Subject},
};

use claims::Row;

pub use crate::storage::LONGEST_DELAY;
pub use claims::{claim, give_back, renew, retry, yield_turn};
pub use ends::{End, Finished, Outcome, finish};
pub use rooms::{Replaced, replace_room, set_room_asked};

/// A claim that is not renewed for so long may be taken over.
const LEASE: Duration = Duration::from_secs(6);
/// By how much more a time may lie ahead than any server sets it, before a wrong clock is to blame.
const CLOCK_MARGIN: Duration = Duration::from_secs(6);
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
    /// Answer an event of the room, so that it rings for its sender.
    Answer {
        /// The event.
        event_id: String,
        /// The answer.
        text: String,
    },
    /// Tell a new room what was said in the session's former ones.
    Retell,
    /// Make the room's name say whether the conversation has ended, whatever it is at that moment.
    Rename,
    /// Show someone who joined what was said before.
    Recap {
        /// The `m.room.member` event.
        join_event_id: String,
        /// Who joined.
        user_id: String,
    },
}

/// Rooms are made beside each other in a lane of their own: however many are to be made, messages of
/// conversations that have a room go ahead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// Making rooms.
    Rooms,
    /// Everything that is sent to a room.
    Messages,
}

impl Task {
    /// The lane that it takes.
    #[must_use]
    pub const fn lane(&self) -> Lane {
        match self {
            Self::CreateRoom => Lane::Rooms,
            _ => Lane::Messages,
        }
    }

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
            // Synapse takes seconds to make a room when it is busy, and staff are invited then; a recap
            // reads history.
            Self::CreateRoom | Self::Recap { .. } => Duration::from_secs(70),
            Self::Retell
            | Self::Details
            | Self::Message(_)
            | Self::Notice(_)
            | Self::Answer { .. }
            | Self::Rename => Duration::from_secs(10),
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
    pub room_asked: Option<RoomAsked>,
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

/// Queues a task; or, when the caller `may_claim` it and nothing that its session has queued comes before
/// it, claims it at once: the caller is to send it when the transaction has committed.
pub async fn push_or_claim(
    db: &mut Connection,
    session_id: Uuid,
    task: &Task,
    may_claim: bool,
) -> Result<Option<Claim>, sqlx::Error> {
    let (mut message_id, mut body, mut join, mut joined) = (None, None, None, None);
    let mut answers = None;
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
        Task::Rename => "rename",
        // A server of the release before sends it without the reference.
        Task::Answer { event_id, text } => {
            (body, answers) = (Some(text.as_str()), Some(event_id.as_str()));
            "notice"
        }
        Task::Retell => {
            (join, joined) = (Some(""), Some(""));
            "recap"
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
                                 attempts, leased_until, answers_event_id)
             SELECT $1, $2, $3, $4, $5, $6, claims::int,
                 CASE WHEN claims THEN clock_timestamp() + make_interval(secs => $8) END, $10
             FROM (SELECT $7 AND NOT EXISTS (SELECT FROM outbox WHERE session_id = $1)) first (claims)
             RETURNING *
         )
         SELECT task.id, position, task.session_id, attempts, kind, task.message_id, task.body, join_event_id,
             joined_user_id, answers_event_id, NULL::float8 AS room_asked_seconds_ago, NULL::timestamptz AS room_asked_own,
             messages.body AS "text?",
             room_id, source_url, page_title, visitor_name, visitor_email
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
        answers,
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

/// Appends a visitor's message to the conversation, as [`crate::storage::messages::append`] does, and queues it for the
/// room, as [`push_or_claim`] does. Where nobody of the staff is in the room or invited, those who left it are
/// to be invited again.
pub async fn push_message(
    db: &mut Connection,
    session_id: Uuid,
    message_id: Uuid,
    body: &str,
    may_claim: bool,
) -> Result<Pushed, sqlx::Error> {
    let row = sqlx::query!(
        r#"WITH session AS (
             UPDATE sessions SET last_seq = last_seq + 1, active_at = clock_timestamp(), seen_at = clock_timestamp()
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
         ), invited_again AS (
             UPDATE staff_members SET membership = 'wanted', attempts = 0, due_at = now(), delayed_at = now(),
                 wanted_again_at = now()
             WHERE session_id = $1 AND membership = 'left' AND NOT EXISTS (
                 SELECT FROM staff_members WHERE session_id = $1 AND membership IN ('joined', 'invited')
             )
         )
         SELECT task.id, position, attempts, message.created_at, room_id, source_url, page_title, visitor_name, visitor_email
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
               greatest(extract(epoch FROM now() - min(messages.created_at)), 0)::float8
                   AS "oldest_message_seconds!"
           FROM outbox LEFT JOIN messages ON messages.id = outbox.message_id"#
    )
    .fetch_one(db)
    .await
}

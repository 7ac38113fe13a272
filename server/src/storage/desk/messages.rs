//! `desk_messages`: the messages that the bot has yet to send to the desk. The one server that runs
//! the desk sends each of them with its row's id as the Matrix transaction id.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;
use uuid::Uuid;

use crate::storage::{
    Connection,
    claimable::{CLOCK_MARGIN, LONGEST_DELAY},
};

/// The maximum number of messages that are sent in one turn.
const BATCH: i64 = 50;

/// What a message says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Saying {
    /// The line of a conversation.
    Line(Uuid),
    /// That nobody answers a conversation.
    Ring {
        /// The conversation.
        session_id: Uuid,
        /// The waiting period.
        period: i64,
        /// The event of its line, to which this replies.
        line: String,
    },
    /// A fault that staff have to know about.
    Alert(String),
    /// The answer to a command.
    Answer(Asked, String),
    /// The answer to `!open`, sent after inviting its sender to the conversation's room.
    Open(Asked, Uuid),
    /// The answer to `!stats`.
    Stats(Asked),
}

/// A command to answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The command's event.
    pub event_id: String,
    /// Its sender.
    pub by: String,
}

/// A message that was claimed for sending.
#[derive(Clone, Debug)]
pub struct Claim {
    /// The id of the row and of the Matrix transaction.
    pub id: Uuid,
    /// The number of attempts, including this one.
    pub attempts: i32,
    /// When it was queued.
    pub created_at: DateTime<Utc>,
    /// The time from which on an earlier attempt may have sent it: for a line the beginning of its
    /// conversation, otherwise when it was queued.
    pub since: DateTime<Utc>,
    /// What it says.
    pub saying: Saying,
}

/// Queues a message.
pub async fn push(
    db: impl PgExecutor<'_>,
    room_id: &str,
    saying: &Saying,
) -> Result<(), sqlx::Error> {
    let (kind, session_id, period, body, asked) = match saying {
        Saying::Line(session_id) => ("line", Some(session_id), None, None, None),
        Saying::Ring {
            session_id, period, ..
        } => ("ring", Some(session_id), Some(period), None, None),
        Saying::Alert(text) => ("alert", None, None, Some(text), None),
        Saying::Answer(asked, text) => ("answer", None, None, Some(text), Some(asked)),
        Saying::Open(asked, session_id) => ("open", Some(session_id), None, None, Some(asked)),
        Saying::Stats(asked) => ("stats", None, None, None, Some(asked)),
    };
    let reply_to = match saying {
        Saying::Ring { line, .. } => Some(line),
        _ => asked.map(|asked| &asked.event_id),
    };
    sqlx::query!(
        "INSERT INTO desk_messages (room_id, kind, session_id, period, body, reply_to, asked_by)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        room_id,
        kind,
        session_id,
        period,
        body,
        reply_to,
        asked.map(|asked| &asked.by),
    )
    .execute(db)
    .await?;
    Ok(())
}

struct Row {
    id: Uuid,
    kind: String,
    session_id: Option<Uuid>,
    period: Option<i64>,
    body: Option<String>,
    reply_to: Option<String>,
    asked_by: Option<String>,
    attempts: i32,
    created_at: DateTime<Utc>,
    since: DateTime<Utc>,
}

impl TryFrom<Row> for Claim {
    type Error = sqlx::Error;

    fn try_from(row: Row) -> Result<Self, sqlx::Error> {
        let missing = || sqlx::Error::Decode("a message of the desk without its parts".into());
        let session_id = row.session_id.ok_or_else(missing);
        let reply_to = row.reply_to.ok_or_else(missing);
        let asked = || {
            Ok::<_, sqlx::Error>(Asked {
                event_id: reply_to.as_ref().map_err(|_| missing())?.clone(),
                by: row.asked_by.clone().ok_or_else(missing)?,
            })
        };
        let saying = match row.kind.as_str() {
            "line" => Saying::Line(session_id?),
            "ring" => Saying::Ring {
                session_id: session_id?,
                period: row.period.ok_or_else(missing)?,
                line: reply_to?,
            },
            "alert" => Saying::Alert(row.body.ok_or_else(missing)?),
            "answer" => Saying::Answer(asked()?, row.body.ok_or_else(missing)?),
            "open" => Saying::Open(asked()?, session_id?),
            "stats" => Saying::Stats(asked()?),
            _ => return Err(missing()),
        };
        Ok(Self {
            id: row.id,
            attempts: row.attempts,
            created_at: row.created_at,
            since: row.since,
            saying,
        })
    }
}

/// Claims the messages that are due in this desk, answers before lines. A claim counts as an
/// attempt and is never given back. Claims do not exclude each other, because only one server runs
/// the desk.
pub async fn claim(db: impl PgExecutor<'_>, room_id: &str) -> Result<Vec<Claim>, sqlx::Error> {
    let rows = sqlx::query_as!(
        Row,
        r#"WITH due AS MATERIALIZED (
             -- MATERIALIZED makes the choice once. Planned as a join, it could be made again for
             -- each row, and the limit with it.
             SELECT id FROM desk_messages
             -- Kinds that only a later release knows are left to it.
             WHERE room_id = $1 AND kind IN ('line', 'ring', 'alert', 'answer', 'open', 'stats')
               AND is_claimable(due_at, delayed_at, NULL, make_interval(secs => $3), interval '0')
             -- Answers and alerts come before lines, since somebody waits for them.
             ORDER BY kind = 'line', position LIMIT $2 FOR UPDATE SKIP LOCKED
         )
         UPDATE desk_messages SET attempts = attempts + 1 FROM due WHERE desk_messages.id = due.id
         RETURNING desk_messages.id, kind, session_id, period, body, reply_to, asked_by, attempts,
             desk_messages.created_at,
             -- The search for an earlier attempt goes back to this time. An earlier database may
             -- have sent a line at any time since the session began.
             CASE WHEN kind = 'line' THEN (SELECT created_at FROM sessions WHERE sessions.id = session_id)
                  ELSE desk_messages.created_at END AS "since!""#,
        room_id,
        BATCH,
        (LONGEST_DELAY + CLOCK_MARGIN).as_secs_f64(),
    )
    .fetch_all(db)
    .await?;
    rows.into_iter().map(Claim::try_from).collect()
}

/// Delays a message until it is tried again.
pub async fn postpone(
    db: impl PgExecutor<'_>,
    id: Uuid,
    delay: Duration,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE desk_messages SET due_at = now() + make_interval(secs => $2), delayed_at = now() WHERE id = $1",
        id,
        delay.as_secs_f64(),
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Deletes a message that was sent or is not needed any more.
pub async fn remove(db: impl PgExecutor<'_>, id: Uuid) -> Result<(), sqlx::Error> {
    sqlx::query!("DELETE FROM desk_messages WHERE id = $1", id)
        .execute(db)
        .await?;
    Ok(())
}

/// The content of a line that the homeserver has accepted.
#[derive(Clone, Copy, Debug)]
pub struct Shown<'a> {
    /// A digest of the content, if it is certain.
    pub digest: Option<&'a [u8]>,
    /// Whether it says that the conversation is over.
    pub is_over: bool,
    /// When the facts in it were read.
    pub at: DateTime<Utc>,
}

/// Records the event of a line that the homeserver has accepted.
pub async fn line_accepted(
    db: &mut Connection,
    session_id: Uuid,
    event_id: &str,
    shown: Shown<'_>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        // The row and the line change together, so the line is not sent a second time.
        "WITH said AS (DELETE FROM desk_messages WHERE id = $1)
         UPDATE desk_lines SET event_id = $2, shown = $3, is_over = $4, shown_at = $5 WHERE session_id = $1",
        session_id,
        event_id,
        shown.digest,
        shown.is_over,
        shown.at,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// The number of queued messages.
pub async fn waiting(db: impl PgExecutor<'_>) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar!(r#"SELECT count(*) AS "waiting!" FROM desk_messages"#)
        .fetch_one(db)
        .await
}

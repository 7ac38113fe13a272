//! The facts that the line of each conversation has to show. They are read from the conversation
//! itself each time, so nothing that changes a conversation has to know about the desk.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;
use uuid::Uuid;

use super::{lines::Line, room::DeskRoom};
use crate::{
    model::Rating,
    storage::{Connection, sessions::Naming},
};

/// The maximum number of lines for conversations that began before the desk and are still open.
const EARLIER: i64 = 100;
/// The maximum number of conversations in one query.
const BATCH: i64 = 500;
/// A conversation that ended longer ago than this gets no line any more.
const LATEST: Duration = Duration::from_hours(7 * 24);
/// How far back a query for recent changes looks. A transaction commits at most this long after its
/// statement.
const RECENT: Duration = Duration::from_secs(30);

/// A selection of conversations.
#[derive(Clone, Copy, Debug)]
pub enum Which<'a> {
    /// Conversations that have changed within the last half minute.
    Recent,
    /// All conversations whose line may be missing or out of date.
    All,
    /// The conversations with these ids.
    These(&'a [Uuid]),
}

/// What a conversation's line has to show, and what it shows now.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The conversation.
    pub session_id: Uuid,
    /// Its room, if it has one.
    pub room_id: Option<String>,
    /// What its room was named after. The code is empty if an older release has made the room.
    pub naming: Naming,
    /// How it has ended, if it has.
    pub ended: Option<Ended>,
    /// The seq of the last text of staff, or 0 without one. It identifies the waiting period that
    /// follows it.
    pub answered: i64,
    /// The author of that text, if known. If the text was deleted, this is the author of the one
    /// before it.
    pub answered_by: Option<String>,
    /// When the visitor began to wait for an answer, and how long ago that is by both clocks.
    pub waiting: Option<(DateTime<Utc>, Duration)>,
    /// How long ago the conversation ended; if it is open, how long ago staff last wrote.
    pub unchanged: Duration,
    /// When the facts were read, by Postgres' clock.
    pub read_at: DateTime<Utc>,
    /// The visitor's rating.
    pub rating: Option<Rating>,
    /// Its line.
    pub line: Option<Line>,
}

/// How a conversation has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The visitor has ended it.
    ByVisitor,
    /// Staff have ended it.
    ByStaff,
    /// Nobody has written for the lifetime of a session, by both clocks.
    ByItself,
}

struct Row {
    id: Uuid,
    room_id: Option<String>,
    source_url: Option<String>,
    visitor_name: Option<String>,
    is_verified: bool,
    code: String,
    rooms_before: i64,
    first_words: String,
    /// NULL unless somebody has ended it.
    is_closed_by_staff: Option<bool>,
    is_expired: bool,
    answered: Option<i64>,
    answered_by: Option<String>,
    waiting_since: Option<DateTime<Utc>>,
    waiting_seconds: Option<f64>,
    unchanged_seconds: f64,
    read_at: DateTime<Utc>,
    line_room_id: Option<String>,
    rating: Option<String>,
    event_id: Option<String>,
    shown: Option<Vec<u8>>,
    is_over: Option<bool>,
    edits: Option<i32>,
    sending: Option<Vec<u8>>,
    rung: Option<i64>,
}

impl From<Row> for Facts {
    fn from(row: Row) -> Self {
        let ended = match row.is_closed_by_staff {
            Some(true) => Some(Ended::ByStaff),
            Some(false) => Some(Ended::ByVisitor),
            None => row.is_expired.then_some(Ended::ByItself),
        };
        let duration = |seconds| Duration::try_from_secs_f64(seconds).unwrap_or_default();
        let waited = duration(row.waiting_seconds.unwrap_or_default());
        Self {
            session_id: row.id,
            room_id: row.room_id,
            naming: Naming {
                visitor_name: row.visitor_name,
                is_verified: row.is_verified,
                first_message: Some(row.first_words),
                source_url: row.source_url,
                code: row.code,
                rooms_before: row.rooms_before,
            },
            ended,
            answered: row.answered.unwrap_or_default(),
            answered_by: row.answered_by,
            waiting: row.waiting_since.map(|since| (since, waited)),
            rating: row.rating.as_deref().map(Rating::read),
            unchanged: duration(row.unchanged_seconds),
            read_at: row.read_at,
            line: row.line_room_id.map(|room_id| Line {
                room_id,
                event_id: row.event_id,
                shown: row.shown,
                is_over: row.is_over.unwrap_or_default(),
                edits: row.edits.unwrap_or_default(),
                sending: row.sending,
                rung: row.rung,
            }),
        }
    }
}

/// Reads the facts for the lines of these conversations. Conversations whose texts retention has
/// deleted are omitted, so their lines stay as they are.
pub async fn read(
    db: &mut Connection,
    which: Which<'_>,
    desk: &DeskRoom,
    session_ttl: Duration,
) -> Result<Vec<Facts>, sqlx::Error> {
    let ids = match which {
        Which::Recent => recent(&mut *db).await?,
        Which::All => all(&mut *db, desk, session_ttl).await?,
        Which::These(ids) => ids.to_vec(),
    };
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT sessions.id, sessions.room_id, source_url,
               coalesce(identity.name, visitor_name) AS visitor_name,
               identity.session_id IS NOT NULL AS "is_verified!", coalesce(code, '') AS "code!",
               (SELECT count(*) FROM former_rooms
                WHERE former_rooms.session_id = sessions.id AND was_seen) AS "rooms_before!",
               left(first.body, 1000) AS "first_words!", CASE WHEN closed_at IS NOT NULL
                   THEN coalesce(closed_by_staff_at = closed_at, false) END AS is_closed_by_staff,
               -- A session has expired only if it has by both clocks, Postgres' and this server's.
               active_at < least(now(), $3) - make_interval(secs => $2) AS "is_expired!",
               -- The waiting period that a line shows is named after the answer before it.
               staff.seq AS "answered?", answer.sender AS answered_by,
               waiting.created_at AS "waiting_since?",
               extract(epoch FROM least(now(), $3) - waiting.created_at)::float8 AS waiting_seconds,
               -- The conversation's state began with its end, or with the last answer.
               extract(epoch FROM least(now(), $3) - CASE
                   WHEN closed_at IS NOT NULL THEN closed_at
                   WHEN active_at < least(now(), $3) - make_interval(secs => $2)
                       THEN active_at + make_interval(secs => $2)
                   ELSE coalesce(staff.created_at, sessions.created_at)
               END)::float8 AS "unchanged_seconds!",
               now() AS "read_at!",
               ratings.rating AS "rating?", line.room_id AS "line_room_id?", line.event_id AS "event_id?", line.shown AS "shown?",
               line.is_over AS "is_over?", line.edits AS "edits?", line.sending AS "sending?",
               line.rung AS "rung?"
           FROM sessions
               -- `first`: the visitor's first message, which the line quotes.
               JOIN LATERAL (
                   SELECT body FROM messages
                   WHERE session_id = sessions.id AND sender = 'visitor' ORDER BY seq LIMIT 1
               ) first ON true
               -- `staff`: the last answer. An edit of an older answer does not count as a new one.
               LEFT JOIN LATERAL (
                   SELECT seq, created_at FROM messages
                   WHERE session_id = sessions.id AND sender = 'staff' AND replaces IS NULL
                   ORDER BY seq DESC LIMIT 1
               ) staff ON true
               -- `answer`: the event of the last answer, which tells who wrote it.
               LEFT JOIN LATERAL (
                   -- The event of a deleted text is not known any more, so the author of the text
                   -- before it counts.
                   SELECT matrix_events.sender
                   FROM messages JOIN matrix_events ON matrix_events.message_id = messages.id
                   WHERE messages.session_id = sessions.id AND messages.sender = 'staff'
                   ORDER BY messages.seq DESC LIMIT 1
               ) answer ON true
               -- `waiting`: the first message that nobody has answered, with which the wait began.
               LEFT JOIN LATERAL (
                   SELECT created_at FROM messages
                   WHERE session_id = sessions.id AND sender = 'visitor' AND seq > coalesce(staff.seq, 0)
                   ORDER BY seq LIMIT 1
               ) waiting ON true
               LEFT JOIN session_identities identity ON identity.session_id = sessions.id
               LEFT JOIN ratings ON ratings.session_id = sessions.id
               LEFT JOIN desk_lines line ON line.session_id = sessions.id
           WHERE sessions.id = ANY($1) AND NOT emptied
           ORDER BY sessions.created_at"#,
        &ids,
        session_ttl.as_secs_f64(),
        Utc::now(),
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(Facts::from).collect())
}

async fn recent(db: impl PgExecutor<'_>) -> Result<Vec<Uuid>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT id AS "id!" FROM (
               -- A message or a resumption sets `active_at`; an end sets `closed_at`.
               SELECT id, active_at AS changed_at FROM sessions
               WHERE active_at > now() - make_interval(secs => $1) AND NOT emptied
               UNION ALL
               SELECT id, closed_at FROM sessions WHERE closed_at > now() - make_interval(secs => $1)
           ) changed
           ORDER BY changed_at DESC LIMIT $2"#,
        RECENT.as_secs_f64(),
        BATCH,
    )
    .fetch_all(db)
    .await
}

/// The conversations that have no line yet, those whose line does not say that they are over, and
/// those that have resumed or ended again since their line said so.
async fn all(
    db: impl PgExecutor<'_>,
    desk: &DeskRoom,
    session_ttl: Duration,
) -> Result<Vec<Uuid>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"WITH lately AS MATERIALIZED (
               -- The sessions that may need a line: live ones, and those that ended lately.
               -- MATERIALIZED, because the parts below share it.
               SELECT id, created_at, closed_at,
                   closed_at IS NULL AND active_at > now() - make_interval(secs => $2) AS is_live
               FROM sessions WHERE NOT emptied AND active_at > now() - make_interval(secs => $2 + $3)
           ), earlier AS (
               -- Of the conversations from before the desk, only the newest live ones get a line.
               SELECT id FROM lately
               WHERE created_at < $1 AND is_live ORDER BY created_at DESC LIMIT $4
           ), lacking AS (
               -- Conversations without a line, the oldest ones first, as many as one turn handles.
               SELECT id FROM lately
               WHERE NOT EXISTS (SELECT FROM desk_lines WHERE session_id = id)
                 AND (created_at >= $1 OR id IN (SELECT id FROM earlier))
               ORDER BY created_at LIMIT $5
           )
           SELECT id AS "id!" FROM lacking
           UNION
           -- Lines that may still change, because their conversations were not over when they were
           -- last edited.
           SELECT session_id FROM desk_lines WHERE NOT is_over
           UNION
           -- Lines that say that the conversation is over, although it has resumed or has ended
           -- again since.
           SELECT session_id FROM desk_lines JOIN lately ON id = session_id
           WHERE is_over AND (is_live OR closed_at > shown_at)"#,
        desk.found_at,
        session_ttl.as_secs_f64(),
        LATEST.as_secs_f64(),
        EARLIER,
        BATCH,
    )
    .fetch_all(db)
    .await
}

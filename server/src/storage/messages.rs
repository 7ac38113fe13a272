//! `messages`: what polls show.

use std::time::Duration;

use app::contract::{Delivery, MAX_MESSAGES_PER_POLL, Message, Sender};
use chrono::{DateTime, SecondsFormat, Utc};
use sqlx::PgExecutor;
use uuid::Uuid;

use super::{
    Connection,
    sessions::{CHANGES, Columns, Session},
};

/// An instant as the contract writes it.
#[must_use]
pub fn rfc3339(instant: DateTime<Utc>) -> String {
    instant.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// What is shown of staff, about to be stored.
#[derive(Debug)]
pub struct NewEntry<'a> {
    /// Its id in polls.
    pub id: Uuid,
    /// The conversation.
    pub session_id: Uuid,
    /// The text.
    pub body: &'a str,
    /// When it was written; now, when that is not known or lies ahead.
    pub written_at: Option<DateTime<Utc>>,
    /// The entry it takes the place of.
    pub replaces: Option<Uuid>,
    /// That entry was deleted.
    pub removed: bool,
}

/// Appends to the conversation, under the lock of its session's row: what commits later has a
/// higher `seq`, so that no cursor can skip it.
pub async fn append(db: &mut Connection, new: &NewEntry<'_>) -> Result<(), sqlx::Error> {
    // clock_timestamp(): now() is when the transaction began, which may be before it had the lock.
    sqlx::query!(
        "WITH session AS (
             UPDATE sessions SET last_seq = last_seq + 1, active_at = clock_timestamp()
             WHERE id = $2 RETURNING last_seq
         ), message AS (
             INSERT INTO messages (id, session_id, seq, sender, body, created_at, replaces, removed)
             SELECT $1, $2, last_seq, 'staff', $3,
                    date_trunc('milliseconds', least($4, clock_timestamp())), $5, $6
             FROM session RETURNING session_id
         )
         SELECT pg_notify($7, session_id::text) FROM message",
        new.id,
        new.session_id,
        new.body,
        new.written_at,
        new.replaces,
        new.removed,
        CHANGES,
    )
    .fetch_one(db)
    .await?;
    Ok(())
}

/// When a message was stored.
pub async fn created_at(db: &mut Connection, id: Uuid) -> Result<DateTime<Utc>, sqlx::Error> {
    sqlx::query_scalar!("SELECT created_at FROM messages WHERE id = $1", id)
        .fetch_one(db)
        .await
}

/// Whether a message was stored.
pub async fn exists(db: impl PgExecutor<'_>, id: Uuid) -> Result<bool, sqlx::Error> {
    let found = sqlx::query_scalar!("SELECT id FROM messages WHERE id = $1", id)
        .fetch_optional(db)
        .await?;
    Ok(found.is_some())
}

struct Row {
    id: Uuid,
    sender: String,
    body: String,
    created_at: DateTime<Utc>,
    delivery: Option<String>,
    replaces: Option<Uuid>,
    removed: bool,
}

impl From<Row> for Message {
    fn from(row: Row) -> Self {
        Self {
            id: row.id.to_string().into(),
            sender: if row.sender == "visitor" {
                Sender::Visitor
            } else {
                Sender::Staff
            },
            body: row.body,
            created_at: rfc3339(row.created_at),
            delivery: row.delivery.as_deref().map(parse_delivery),
            replaces: row.replaces.map(|id| id.to_string().into()),
            removed: row.removed,
        }
    }
}

/// What a poll asks for.
#[derive(Clone, Copy, Debug)]
pub struct Ask {
    /// The conversation.
    pub session_id: Uuid,
    /// The cursor: the last message that is known already.
    pub after: Option<Uuid>,
}

/// What a poll is answered from, at one instant.
#[derive(Debug)]
pub struct Poll {
    /// The conversation.
    pub session: Session,
    /// Whether the cursor is one of its messages.
    pub knows_cursor: bool,
    /// The entries after the cursor, oldest first, one answer's worth.
    pub messages: Vec<Message>,
}

/// Everything that these polls ask for, in one statement and the order of the asks; `None` where there
/// is no such session.
pub async fn poll(
    db: impl PgExecutor<'_>,
    asks: &[Ask],
    session_ttl: Duration,
) -> Result<Vec<Option<Poll>>, sqlx::Error> {
    let limit = i64::try_from(MAX_MESSAGES_PER_POLL).unwrap_or(i64::MAX);
    let session_ids: Vec<_> = asks.iter().map(|ask| ask.session_id).collect();
    let cursors: Vec<_> = asks.iter().map(|ask| ask.after).collect();
    // A session without messages after the cursor is one row too. No seq is greater than NULL.
    let rows = sqlx::query!(
        r#"SELECT ask.n AS "n!", session.closed_at,
               extract(epoch FROM session.active_at - least(now(), $5))::float8 + $3 AS "seconds_left!",
               ARRAY(SELECT token_hash FROM session_tokens WHERE session_id = session.id)
                   AS "token_hashes!",
               (ask.after IS NULL OR seen.id IS NOT NULL) AS "knows_cursor!",
               message.id AS "id?", message.sender AS "sender?", message.body AS "body?",
               message.created_at AS "created_at?", message.delivery AS "delivery?",
               message.replaces AS "replaces?", message.removed AS "removed?"
           FROM unnest($1::uuid[], $2::uuid[]) WITH ORDINALITY ask (session_id, after, n)
           JOIN sessions session ON session.id = ask.session_id
           LEFT JOIN messages seen ON seen.id = ask.after AND seen.session_id = session.id
           LEFT JOIN LATERAL (
               SELECT * FROM messages
               WHERE session_id = session.id
                 AND seq > CASE WHEN ask.after IS NULL THEN 0 ELSE seen.seq END
               ORDER BY seq LIMIT $4
           ) message ON true
           ORDER BY ask.n, message.seq"#,
        &session_ids,
        &cursors as &[Option<Uuid>],
        session_ttl.as_secs_f64(),
        limit,
        Utc::now(),
    )
    .fetch_all(db)
    .await?;
    let mut polls: Vec<Option<Poll>> = asks.iter().map(|_| None).collect();
    for row in rows {
        // Ordinality counts from one.
        let index = usize::try_from(row.n).unwrap_or_default().wrapping_sub(1);
        let Some(poll) = polls.get_mut(index) else {
            continue;
        };
        let poll = poll.get_or_insert_with(|| Poll {
            session: Session::from(Columns {
                closed_at: row.closed_at,
                seconds_left: row.seconds_left,
                token_hashes: row.token_hashes,
            }),
            knows_cursor: row.knows_cursor,
            messages: Vec::new(),
        });
        if let (Some(id), Some(sender), Some(body), Some(created_at), Some(removed)) =
            (row.id, row.sender, row.body, row.created_at, row.removed)
        {
            poll.messages.push(Message::from(Row {
                id,
                sender,
                body,
                created_at,
                delivery: row.delivery,
                replaces: row.replaces,
                removed,
            }));
        }
    }
    Ok(polls)
}

/// The newest entries, oldest first.
pub async fn list_newest(
    db: impl PgExecutor<'_>,
    session_id: Uuid,
    limit: i64,
) -> Result<Vec<Message>, sqlx::Error> {
    let rows = sqlx::query_as!(
        Row,
        "SELECT id, sender, body, created_at, delivery, replaces, removed
         FROM messages WHERE session_id = $1 ORDER BY seq DESC LIMIT $2",
        session_id,
        limit,
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().rev().map(Message::from).collect())
}

fn parse_delivery(text: &str) -> Delivery {
    match text {
        "delivered" => Delivery::Delivered,
        "failed" => Delivery::Failed,
        _ => Delivery::Pending,
    }
}

//! `messages`: what polls show.

use std::time::Duration;

use app::contract::{Delivery, MAX_MESSAGES_PER_POLL, MAX_POLL_BYTES, Message, Sender};
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
             UPDATE sessions SET last_seq = last_seq + 1, active_at = clock_timestamp(),
                 first_answered_at = coalesce(first_answered_at, least($4, clock_timestamp()))
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

/// How far a visitor's messages have come, by their ids.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    /// The newest up to which the homeserver has accepted all.
    pub delivered: Option<Uuid>,
    /// The newest that a member of the staff has read.
    pub seen: Option<Uuid>,
}

/// What a poll is answered from, at one instant.
#[derive(Debug)]
pub struct Poll {
    /// The conversation.
    pub session: Session,
    /// How far the visitor's messages have come.
    pub marks: Marks,
    /// Whether the cursor is one of its messages.
    pub knows_cursor: bool,
    /// The entries after the cursor, oldest first, one answer's worth.
    pub messages: Vec<Message>,
    /// There is more after the last of them.
    pub more: bool,
    /// The next entry did not fit.
    is_cut: bool,
    /// As JSON they have at most so many bytes.
    pub json_bytes: usize,
}

/// What an answer has in JSON around its entries, at most.
const JSON_FRAME_BYTES: usize = 320;

/// What an entry has in JSON around its text, at most.
const JSON_ENTRY_BYTES: usize = 256;

/// The answers to one statement have at most so many bytes together, and one entry each that may be larger.
const STATEMENT_BYTES: usize = 4 * 1024 * 1024;

impl Poll {
    /// Appends the next entry, unless the answer would become too large; an answer has one entry at least.
    fn push(&mut self, message: Message, more_follow: bool, max_json_bytes: usize) {
        if self.is_cut {
            return;
        }
        let json_bytes = self.json_bytes + JSON_ENTRY_BYTES + json_bytes(&message.body);
        if !self.messages.is_empty() && json_bytes > max_json_bytes {
            self.is_cut = true;
            self.more = true;
            return;
        }
        self.more = more_follow;
        self.json_bytes = json_bytes;
        self.messages.push(message);
    }
}

/// How many bytes the text has in JSON.
fn json_bytes(text: &str) -> usize {
    let escaped = |byte: u8| match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' | 0x08 | 0x0c => 2,
        0..0x20 => 6,
        _ => 1,
    };
    text.bytes().map(escaped).sum()
}

/// Everything that these polls ask for, in one statement and the order of the asks; `None` where there
/// is no such session.
pub async fn poll(
    db: impl PgExecutor<'_>,
    asks: &[Ask],
    session_ttl: Duration,
) -> Result<Vec<Option<Poll>>, sqlx::Error> {
    let max_entries = i64::try_from(MAX_MESSAGES_PER_POLL).unwrap_or(i64::MAX);
    let max_json_bytes = MAX_POLL_BYTES.min(STATEMENT_BYTES / asks.len().max(1));
    let entry_bytes = i64::try_from(JSON_ENTRY_BYTES).unwrap_or(i64::MAX);
    let session_ids: Vec<_> = asks.iter().map(|ask| ask.session_id).collect();
    let cursors: Vec<_> = asks.iter().map(|ask| ask.after).collect();
    // A session without messages after the cursor is one row too. No seq is greater than NULL. Postgres counts
    // what a text has at least in JSON, without reading it, so what it sends is little more than what is shown.
    let rows = sqlx::query!(
        r#"SELECT ask.n AS "n!", session.closed_at,
               extract(epoch FROM session.active_at - least(now(), $7))::float8 + $3 AS "seconds_left!",
               ARRAY(SELECT token_hash FROM session_tokens WHERE session_id = session.id)
                   AS "token_hashes!",
               (ask.after IS NULL OR seen.id IS NOT NULL) AS "knows_cursor!",
               delivered.id AS "delivered?", read.id AS "read?",
               message.id AS "id?", message.sender AS "sender?", message.body AS "body?",
               message.created_at AS "created_at?", message.delivery AS "delivery?",
               message.replaces AS "replaces?", message.removed AS "removed?",
               coalesce(message.available > message.place, false) AS "more!"
           FROM unnest($1::uuid[], $2::uuid[]) WITH ORDINALITY ask (session_id, after, n)
           JOIN sessions session ON session.id = ask.session_id
           LEFT JOIN messages seen ON seen.id = ask.after AND seen.session_id = session.id
           LEFT JOIN messages read ON read.session_id = session.id AND read.seq = session.read_seq
           LEFT JOIN LATERAL (
               SELECT id FROM messages
               WHERE session_id = session.id AND sender = 'visitor' AND seq < coalesce(least(
                   session.failed_seq,
                   (SELECT min(queued.seq) FROM outbox JOIN messages queued ON queued.id = outbox.message_id
                    WHERE outbox.session_id = session.id)
               ), session.last_seq + 1)
               ORDER BY seq DESC LIMIT 1
           ) delivered ON true
           LEFT JOIN LATERAL (
               SELECT * FROM (
                   SELECT page.*, count(*) OVER () AS available,
                       row_number() OVER (ORDER BY seq) AS place,
                       sum(octet_length(body) + $6::int8) OVER (
                           ORDER BY seq ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
                       ) AS bytes_before
                   FROM (
                       SELECT * FROM messages
                       WHERE session_id = session.id
                         AND seq > CASE WHEN ask.after IS NULL THEN 0 ELSE seen.seq END
                       ORDER BY seq LIMIT $4::int8 + 1
                   ) page
               ) counted
               WHERE place <= $4 AND coalesce(bytes_before, 0) < $5::int8
           ) message ON true
           ORDER BY ask.n, message.seq"#,
        &session_ids,
        &cursors as &[Option<Uuid>],
        session_ttl.as_secs_f64(),
        max_entries,
        i64::try_from(max_json_bytes).unwrap_or(i64::MAX),
        entry_bytes,
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
            marks: Marks {
                delivered: row.delivered,
                seen: row.read,
            },
            knows_cursor: row.knows_cursor,
            messages: Vec::new(),
            more: false,
            is_cut: false,
            json_bytes: JSON_FRAME_BYTES,
        });
        if let (Some(id), Some(sender), Some(body), Some(created_at), Some(removed)) =
            (row.id, row.sender, row.body, row.created_at, row.removed)
        {
            let message = Message::from(Row {
                id,
                sender,
                body,
                created_at,
                delivery: row.delivery,
                replaces: row.replaces,
                removed,
            });
            poll.push(message, row.more, max_json_bytes);
        }
    }
    Ok(polls)
}

/// The newest entries, oldest first: at most so many, and with at most so many bytes of text, unless the newest
/// alone has more.
pub async fn list_newest(
    db: impl PgExecutor<'_>,
    session_id: Uuid,
    max_entries: i64,
    max_bytes: i64,
) -> Result<Newest, sqlx::Error> {
    let rows = sqlx::query!(
        r#"SELECT id, sender, body, created_at, delivery, replaces, removed,
               available AS "available!"
           FROM (
               SELECT page.*, count(*) OVER () AS available,
                   row_number() OVER (ORDER BY seq DESC) AS place,
                   sum(octet_length(body)) OVER (ORDER BY seq DESC) AS bytes
               FROM (
                   SELECT * FROM messages WHERE session_id = $1
                   ORDER BY seq DESC LIMIT $2::int8 + 1
               ) page
           ) counted
           WHERE place = 1 OR place <= $2 AND bytes <= $3::int8
           ORDER BY seq"#,
        session_id,
        max_entries,
        max_bytes,
    )
    .fetch_all(db)
    .await?;
    let shown = i64::try_from(rows.len()).unwrap_or(i64::MAX);
    let are_all = rows.first().is_none_or(|row| row.available == shown);
    let rows = rows.into_iter().map(|row| Row {
        id: row.id,
        sender: row.sender,
        body: row.body,
        created_at: row.created_at,
        delivery: row.delivery,
        replaces: row.replaces,
        removed: row.removed,
    });
    Ok(Newest {
        messages: rows.map(Message::from).collect(),
        are_all,
    })
}

/// The end of a conversation.
#[derive(Clone, Debug, Default)]
pub struct Newest {
    /// Its entries, oldest first.
    pub messages: Vec<Message>,
    /// Nothing came before them.
    pub are_all: bool,
}

fn parse_delivery(text: &str) -> Delivery {
    match text {
        "delivered" => Delivery::Delivered,
        "failed" => Delivery::Failed,
        _ => Delivery::Pending,
    }
}

#[cfg(test)]
mod tests {
    use app::contract::PollMessagesResponse;
    use proptest::prelude::*;

    use super::*;

    fn message(body: String) -> Message {
        let id = || Uuid::nil().to_string().into();
        Message {
            id: id(),
            sender: Sender::Visitor,
            body,
            created_at: rfc3339(DateTime::UNIX_EPOCH),
            delivery: Some(Delivery::Delivered),
            replaces: Some(id()),
            removed: true,
        }
    }

    proptest! {
        /// Control characters, quotes and everything else, as serde writes them.
        #[test]
        fn an_answer_is_never_larger_than_was_counted(
            bodies in prop::collection::vec("[\\x00-\\x20\"\\\\a-c\u{7f}é🦀]{0,200}", 1..20),
            max in 0_usize..5_000,
        ) {
            let mut poll = Poll {
                session: Session::from(Columns {
                    closed_at: None,
                    seconds_left: 1.0,
                    token_hashes: Vec::new(),
                }),
                marks: Marks::default(),
                knows_cursor: true,
                messages: Vec::new(),
                more: false,
                is_cut: false,
                json_bytes: JSON_FRAME_BYTES,
            };
            let last = bodies.len() - 1;
            for (n, body) in bodies.iter().enumerate() {
                poll.push(message(body.clone()), n < last, max);
            }
            prop_assert_eq!(poll.more, poll.messages.len() < bodies.len());
            let shown: Vec<_> = poll.messages.iter().map(|it| it.body.clone()).collect();
            prop_assert_eq!(&shown[..], &bodies[..shown.len()], "the first ones, and no gap");
            prop_assert!(shown.len() == 1 || poll.json_bytes <= max);
            let id = || Some(Uuid::nil().to_string().into());
            let answer = PollMessagesResponse {
                messages: poll.messages,
                more: true,
                marks: app::contract::Marks { delivered: id(), seen: id() },
                staff_typing: true,
                state: Some("s".repeat(app::contract::MAX_STATE_CHARS)),
            };
            let json = serde_json::to_vec(&answer).unwrap();
            prop_assert!(json.len() <= poll.json_bytes, "{} {}", json.len(), poll.json_bytes);
        }
    }
}

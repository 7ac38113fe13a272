//! `messages`: the entries of conversations. [`super::polls`] reads them for polls.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;
use uuid::Uuid;

use super::{Connection, sessions::CHANGES};
use crate::model::{Author, Delivery, Entry};

/// An entry for the visitor that is about to be stored.
#[derive(Debug)]
pub struct NewEntry<'a> {
    /// Its id in polls.
    pub id: Uuid,
    /// The conversation.
    pub session_id: Uuid,
    /// The text.
    pub body: &'a str,
    /// When it was written, by the homeserver's clock, which is believed between the entry before and now. The time of
    /// storing counts when this is not known.
    pub written_at: Option<DateTime<Utc>>,
    /// The entry that it replaces.
    pub replaces: Option<Uuid>,
    /// Whether that entry was deleted.
    pub removed: bool,
    /// Whether the conversation's lifetime begins again.
    pub prolongs: bool,
}

/// Appends to the conversation under the lock of its session's row. A later commit has a higher `seq`, so no cursor can
/// skip an entry.
pub async fn append(db: &mut Connection, new: &NewEntry<'_>) -> Result<(), sqlx::Error> {
    // clock_timestamp(): now() is when the transaction began, which may be before it had the lock.
    sqlx::query!(
        "WITH written AS (
             -- least() and greatest() ignore NULL.
             SELECT least(greatest($4, created_at), clock_timestamp()) AS at
             FROM (
                 SELECT max(created_at) AS created_at FROM messages
                 WHERE session_id = $2 AND seq = (SELECT last_seq FROM sessions WHERE id = $2)
             ) before
         ), session AS (
             UPDATE sessions SET last_seq = last_seq + 1,
                 active_at = CASE WHEN $8 THEN clock_timestamp() ELSE active_at END,
                 first_answered_at = coalesce(first_answered_at, written.at)
             FROM written WHERE id = $2 RETURNING last_seq
         ), message AS (
             -- An entry must not lie in the future, or clients would show it after later ones. The
             -- API tells times in milliseconds.
             INSERT INTO messages (id, session_id, seq, sender, body, created_at, replaces, removed)
             SELECT $1, $2, last_seq, 'staff', $3,
                    date_trunc('milliseconds', written.at), $5, $6
             FROM session, written RETURNING session_id
         )
         -- Every server learns that polls of this session have news.
         SELECT pg_notify($7, session_id::text) FROM message",
        new.id,
        new.session_id,
        new.body,
        new.written_at,
        new.replaces,
        new.removed,
        CHANGES,
        new.prolongs,
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

/// An entry's columns.
pub(super) struct Row {
    pub(super) id: Uuid,
    pub(super) sender: String,
    pub(super) body: String,
    pub(super) created_at: DateTime<Utc>,
    pub(super) delivery: Option<String>,
    pub(super) replaces: Option<Uuid>,
    pub(super) removed: bool,
}

impl From<Row> for Entry {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            author: if row.sender == "visitor" {
                Author::Visitor
            } else {
                Author::Staff
            },
            body: row.body,
            created_at: row.created_at,
            delivery: row.delivery.as_deref().map(parse_delivery),
            replaces: row.replaces,
            removed: row.removed,
        }
    }
}

/// The newest entries, oldest first: up to these numbers of entries and bytes of text, and at least the newest one.
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
               -- `bytes` is the size of an entry and all newer ones.
               SELECT page.*, count(*) OVER () AS available,
                   row_number() OVER (ORDER BY seq DESC) AS place,
                   sum(octet_length(body)) OVER (ORDER BY seq DESC) AS bytes
               FROM (
                   -- One entry more than the limit is read, to tell whether older ones exist.
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
        entries: rows.map(Entry::from).collect(),
        are_all,
    })
}

/// The newest entries of a conversation.
#[derive(Clone, Debug, Default)]
pub struct Newest {
    /// Its entries, oldest first.
    pub entries: Vec<Entry>,
    /// Whether nothing came before them.
    pub are_all: bool,
}

fn parse_delivery(text: &str) -> Delivery {
    match text {
        "delivered" => Delivery::Delivered,
        "failed" => Delivery::Failed,
        _ => Delivery::Pending,
    }
}

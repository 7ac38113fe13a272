//! The texts of a conversation as they read now, for staff who may have missed them and for the visitor to keep.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;
use uuid::Uuid;

use crate::model::Author;

/// A text of the conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// The id of its first version.
    pub id: Uuid,
    /// When its first version was stored.
    pub at: DateTime<Utc>,
    /// Whether the visitor wrote it.
    pub by_visitor: bool,
    /// The user id of the member of the staff who wrote it.
    pub author: Option<String>,
    /// The text, with its edits.
    pub body: String,
}

/// The number of texts that have reached the room, or came from there; if `only` is given, of these messages. Texts that
/// staff have deleted do not count.
pub async fn count(
    db: impl PgExecutor<'_>,
    session_id: Uuid,
    only: Option<&[Uuid]>,
) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar!(
        r#"WITH RECURSIVE version AS (
             SELECT id, removed FROM messages
             WHERE session_id = $1 AND replaces IS NULL AND coalesce(delivery = 'delivered', true)
               AND ($2::uuid[] IS NULL OR id = ANY($2))
             UNION ALL
             SELECT later.id, later.removed FROM version JOIN messages later ON later.replaces = version.id
         )
         SELECT count(*) AS "count!" FROM version
         WHERE NOT removed AND NOT EXISTS (SELECT FROM messages later WHERE later.replaces = version.id)"#,
        session_id,
        only,
    )
    .fetch_one(db)
    .await
}

/// The newest texts that have reached the room, or came from there, newest first; if `only` is given, of these
/// messages. Texts that staff have deleted are left out.
pub async fn newest(
    db: impl PgExecutor<'_>,
    session_id: Uuid,
    only: Option<&[Uuid]>,
    limit: i64,
) -> Result<Vec<Said>, sqlx::Error> {
    sqlx::query_as!(
        Said,
        r#"WITH RECURSIVE version AS (
             -- The first version of each text. A visitor's message is left out until it has reached
             -- the room.
             SELECT id AS first_id, id, seq, created_at, sender = 'visitor' AS by_visitor, body, removed
             FROM messages
             WHERE session_id = $1 AND replaces IS NULL AND coalesce(delivery = 'delivered', true)
               AND ($2::uuid[] IS NULL OR id = ANY($2))
             UNION ALL
             -- Each edit is an entry that replaces the one before. It keeps the place and the time
             -- of the first version.
             SELECT first_id, later.id, version.seq, version.created_at, by_visitor, later.body, later.removed
             FROM version JOIN messages later ON later.replaces = version.id
         )
         SELECT first_id AS "id!", created_at AS "at!", by_visitor AS "by_visitor!", body AS "body!",
             (SELECT sender FROM matrix_events WHERE message_id = version.id LIMIT 1) AS author
         FROM version
         -- Only the last version counts, and only if it was not deleted.
         WHERE NOT removed AND NOT EXISTS (SELECT FROM messages later WHERE later.replaces = version.id)
         ORDER BY seq DESC LIMIT $3"#,
        session_id,
        only,
        limit,
    )
    .fetch_all(db)
    .await
}

/// How far a conversation goes.
#[derive(Clone, Copy, Debug)]
pub struct Extent {
    /// When it began.
    pub began_at: DateTime<Utc>,
    /// The seq of its newest entry.
    pub last: i64,
}

/// How far the conversation goes now.
pub async fn extent(db: impl PgExecutor<'_>, session_id: Uuid) -> Result<Extent, sqlx::Error> {
    sqlx::query_as!(
        Extent,
        "SELECT created_at AS began_at, last_seq AS last FROM sessions WHERE id = $1",
        session_id,
    )
    .fetch_one(db)
    .await
}

/// What a visitor sees of a text, with its edits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The seq of the message that it was first.
    pub seq: i64,
    /// When that was stored.
    pub at: DateTime<Utc>,
    /// Who wrote it.
    pub author: Author,
    /// The text.
    pub body: String,
    /// The homeserver will never have it.
    pub has_failed: bool,
    /// It was deleted.
    pub removed: bool,
}

/// How much a page may have.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Lines.
    pub lines: i64,
    /// Bytes of text. The line with which they are reached is read, too.
    pub bytes: i64,
}

/// What a visitor sees of the messages after the entry `after`, up to the entry `last`, oldest first, as much as the
/// limits let in. What staff have deleted is among it, without its text.
pub async fn page(
    db: impl PgExecutor<'_>,
    session_id: Uuid,
    (after, last): (i64, i64),
    limits: Limits,
) -> Result<Vec<Line>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"WITH RECURSIVE first AS MATERIALIZED (
               -- The first versions of the page's lines.
               SELECT id, seq, created_at, sender, delivery, body, removed FROM messages
               WHERE session_id = $1 AND replaces IS NULL AND seq > $2 AND seq <= $3
               ORDER BY seq LIMIT $4
           ), version AS (
               -- Their edits, each of which replaces the entry before it.
               SELECT first.seq AS place, id, seq, body, removed FROM first
               UNION ALL
               SELECT place, later.id, later.seq, later.body, later.removed
               FROM version JOIN messages later ON later.replaces = version.id
           ), newest AS (
               -- The last version of each line.
               SELECT DISTINCT ON (place) place, body, removed FROM version ORDER BY place, seq DESC
           ), counted AS (
               -- The size of the lines before this one. The first line is always selected, whatever
               -- its size.
               SELECT *, sum(octet_length(body)) OVER (
                   ORDER BY place ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
               ) AS bytes_before
               FROM newest
           )
           SELECT place AS "place!", created_at, sender, delivery, counted.body AS "body!",
               counted.removed AS "removed!"
           FROM counted JOIN first ON first.seq = place
           WHERE coalesce(bytes_before, 0) < $5::int8
           ORDER BY place"#,
        session_id,
        after,
        last,
        limits.lines,
        limits.bytes,
    )
    .fetch_all(db)
    .await?;
    let lines = rows.into_iter().map(|row| Line {
        seq: row.place,
        at: row.created_at,
        author: if row.sender == "visitor" {
            Author::Visitor
        } else {
            Author::Staff
        },
        body: row.body,
        has_failed: row.delivery.as_deref() == Some("failed"),
        removed: row.removed,
    });
    Ok(lines.collect())
}

//! The texts of a conversation as they read now, for staff who may have missed them.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;
use uuid::Uuid;

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

/// The number of texts that have reached the room, or came from there; if `only` is given, of these messages.
pub async fn count(
    db: impl PgExecutor<'_>,
    session_id: Uuid,
    only: Option<&[Uuid]>,
) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM messages
           WHERE session_id = $1 AND replaces IS NULL AND coalesce(delivery = 'delivered', true)
             AND ($2::uuid[] IS NULL OR id = ANY($2))"#,
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
             SELECT id AS first_id, id, seq, created_at, sender = 'visitor' AS by_visitor, body, removed
             FROM messages
             WHERE session_id = $1 AND replaces IS NULL AND coalesce(delivery = 'delivered', true)
               AND ($2::uuid[] IS NULL OR id = ANY($2))
             UNION ALL
             SELECT first_id, later.id, version.seq, version.created_at, by_visitor, later.body, later.removed
             FROM version JOIN messages later ON later.replaces = version.id
         )
         SELECT first_id AS "id!", created_at AS "at!", by_visitor AS "by_visitor!", body AS "body!",
             (SELECT sender FROM matrix_events WHERE message_id = version.id LIMIT 1) AS author
         FROM version
         WHERE NOT removed AND NOT EXISTS (SELECT FROM messages later WHERE later.replaces = version.id)
         ORDER BY seq DESC LIMIT $3"#,
        session_id,
        only,
        limit,
    )
    .fetch_all(db)
    .await
}

//! What is stored of one visitor, for an operator who has to show it or to erase it.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;
use uuid::Uuid;

use crate::model::Author;

/// The conversations of an address, oldest first: those whose visitor gave it, or has replies mailed there, or for whose
/// visitor a website vouches by it. Upper and lower case are the same.
pub async fn sessions_of_address(
    db: impl PgExecutor<'_>,
    address: &str,
) -> Result<Vec<Uuid>, sqlx::Error> {
    sqlx::query_scalar!(
        "SELECT id FROM sessions
         WHERE lower(visitor_email) = lower($1)
            OR EXISTS (SELECT FROM mail_addresses WHERE session_id = sessions.id AND lower(address) = lower($1))
            OR EXISTS (SELECT FROM session_identities WHERE session_id = sessions.id AND lower(email) = lower($1))
         ORDER BY created_at, id",
        address,
    )
    .fetch_all(db)
    .await
}

/// The conversation that staff name by this code.
pub async fn session_of_code(
    db: impl PgExecutor<'_>,
    code: &str,
) -> Result<Option<Uuid>, sqlx::Error> {
    sqlx::query_scalar!("SELECT id FROM sessions WHERE code = upper($1)", code)
        .fetch_optional(db)
        .await
}

/// A conversation, without its texts.
#[derive(Clone, Debug)]
pub struct Conversation {
    /// The session.
    pub id: Uuid,
    /// The code by which staff name it.
    pub code: Option<String>,
    /// When it began.
    pub created_at: DateTime<Utc>,
    /// When somebody last wrote.
    pub active_at: DateTime<Utc>,
    /// When it was ended.
    pub closed_at: Option<DateTime<Utc>>,
    /// When the visitor was last there.
    pub seen_at: Option<DateTime<Utc>>,
    /// The page.
    pub source_url: Option<String>,
    /// Its title.
    pub page_title: Option<String>,
    /// The visitor's name.
    pub visitor_name: Option<String>,
    /// The visitor's address.
    pub visitor_email: Option<String>,
    /// The name that a website vouches for.
    pub verified_name: Option<String>,
    /// The address that a website vouches for.
    pub verified_email: Option<String>,
    /// Where replies are mailed.
    pub mail_address: Option<String>,
    /// How the visitor rated the conversation.
    pub rating: Option<String>,
    /// Their comment.
    pub rating_comment: Option<String>,
    /// The room.
    pub room_id: Option<String>,
    /// Its texts were deleted from Postgres.
    pub is_emptied: bool,
    /// No token opens it any more.
    pub is_erased: bool,
}

/// What is stored of the conversation, without its texts.
pub async fn conversation(
    db: impl PgExecutor<'_>,
    id: Uuid,
) -> Result<Option<Conversation>, sqlx::Error> {
    sqlx::query_as!(
        Conversation,
        r#"SELECT sessions.id, code, sessions.created_at, active_at, closed_at, seen_at, source_url, page_title,
               visitor_name, visitor_email, identity.name AS "verified_name?", identity.email AS "verified_email?",
               mail.address AS "mail_address?", ratings.rating AS "rating?", ratings.comment AS "rating_comment?",
               sessions.room_id, emptied AS is_emptied,
               NOT EXISTS (SELECT FROM session_tokens WHERE session_id = sessions.id) AS "is_erased!"
           FROM sessions
               LEFT JOIN session_identities identity ON identity.session_id = sessions.id
               LEFT JOIN mail_addresses mail ON mail.session_id = sessions.id
               LEFT JOIN ratings ON ratings.session_id = sessions.id
           WHERE sessions.id = $1"#,
        id,
    )
    .fetch_optional(db)
    .await
}

/// An entry of a conversation, also one that a later one replaces.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its id.
    pub id: Uuid,
    /// Who wrote it.
    pub author: Author,
    /// The text.
    pub body: String,
    /// When it was stored.
    pub created_at: DateTime<Utc>,
    /// The entry whose text it replaces.
    pub replaces: Option<Uuid>,
    /// It takes that text away.
    pub removed: bool,
}

/// Every entry of the conversation, oldest first.
pub async fn entries(db: impl PgExecutor<'_>, id: Uuid) -> Result<Vec<Entry>, sqlx::Error> {
    let rows = sqlx::query!(
        "SELECT id, sender, body, created_at, replaces, removed FROM messages
         WHERE session_id = $1 ORDER BY seq",
        id,
    )
    .fetch_all(db)
    .await?;
    let entries = rows.into_iter().map(|row| Entry {
        id: row.id,
        author: if row.sender == "visitor" {
            Author::Visitor
        } else {
            Author::Staff
        },
        body: row.body,
        created_at: row.created_at,
        replaces: row.replaces,
        removed: row.removed,
    });
    Ok(entries.collect())
}

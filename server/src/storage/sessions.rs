//! `sessions` and `session_tokens`.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;
use uuid::Uuid;

use super::{Connection, Db, session_codes};
use crate::model::VisitorDetails;

/// The channel that announces conversations whose polls have news: a new message, a mark, or the end. The statement
/// that makes the change sends the notification, so that none is missing. The channel also announces where members of
/// the staff are typing ([`super::signals`]).
pub const CHANGES: &str = "support_chat_changes";

/// Whether a conversation still takes messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It takes messages.
    Open,
    /// It was ended.
    Closed,
    /// Its lifetime has passed since the last message.
    Expired,
}

/// The data of a session that requests need.
#[derive(Debug)]
pub struct Session {
    /// Whether it takes messages at this moment. It has expired only if it has by both clocks, the database's and this
    /// server's, because a client that is told so forgets the conversation.
    pub state: State,
    /// When it expires unless another message comes.
    pub expires_in: Duration,
    /// Hashes of the tokens that open it. There is none once the conversation is erased.
    pub token_hashes: Vec<String>,
}

impl Session {
    /// Whether the visitor has had the conversation erased.
    #[must_use]
    pub const fn is_erased(&self) -> bool {
        self.token_hashes.is_empty()
    }
}

/// The columns that it is read from.
#[derive(Debug)]
pub(super) struct Columns {
    pub(super) closed_at: Option<DateTime<Utc>>,
    /// Negative once it has expired.
    pub(super) seconds_left: f64,
    pub(super) token_hashes: Vec<String>,
}

impl From<Columns> for Session {
    fn from(columns: Columns) -> Self {
        let state = match (columns.closed_at, columns.seconds_left < 0.0) {
            (Some(_), _) => State::Closed,
            (None, true) => State::Expired,
            (None, false) => State::Open,
        };
        Self {
            state,
            expires_in: Duration::try_from_secs_f64(columns.seconds_left).unwrap_or_default(),
            token_hashes: columns.token_hashes,
        }
    }
}

/// Stores a new conversation.
pub async fn insert(
    db: &mut Connection,
    id: Uuid,
    visitor: &VisitorDetails,
    address_digest: &[u8],
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO sessions (id, source_url, page_title, visitor_name, visitor_email, address_digest, seen_at)
         VALUES ($1, $2, $3, $4, $5, $6, now())",
        id,
        visitor.source_url.as_deref(),
        visitor.page_title,
        visitor.name,
        visitor.email,
        address_digest,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Stores one more token's hash.
pub async fn insert_token(
    db: &mut Connection,
    id: Uuid,
    token_hash: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO session_tokens (session_id, token_hash) VALUES ($1, $2)",
        id,
        token_hash,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// How many tokens a session may have. When there are more, the oldest one becomes invalid.
const MAX_TOKENS: i64 = 16;
/// How many tokens of the last ten minutes it may have, so that each of many simultaneous repetitions of a creation
/// gives one that works.
const MAX_NEW_TOKENS: i64 = 128;

/// Deletes all tokens except the newest ones, because every request is compared with each of them.
pub async fn keep_newest_tokens(db: &mut Connection, id: Uuid) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "DELETE FROM session_tokens WHERE ctid IN (
             SELECT ctid FROM (
                 SELECT ctid, created_at, row_number() OVER (ORDER BY created_at DESC) AS place
                 FROM session_tokens WHERE session_id = $1
             ) token
             WHERE place > $3 OR (place > $2 AND created_at < clock_timestamp() - interval '10 minutes')
         )",
        id,
        MAX_TOKENS,
        MAX_NEW_TOKENS,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// The statement that reads a session, with `$lock` at its end. It is a macro, because the query macros need literals.
macro_rules! read {
    ($lock:literal, $db:expr, $id:expr, $ttl:expr) => {
        sqlx::query_as!(
            Columns,
            r#"SELECT closed_at, extract(epoch FROM active_at - least(now(), $3))::float8 + $2 AS "seconds_left!",
               ARRAY(SELECT token_hash FROM session_tokens WHERE session_id = id)
                   AS "token_hashes!"
           FROM sessions WHERE id = $1"# + $lock,
            $id,
            $ttl.as_secs_f64(),
            Utc::now(),
        )
        .fetch_optional($db)
        .await?
    };
}

/// Looks a session up.
pub async fn find(
    db: impl PgExecutor<'_>,
    id: Uuid,
    ttl: Duration,
) -> Result<Option<Session>, sqlx::Error> {
    Ok(read!("", db, id, ttl).map(Session::from))
}

/// Looks a session up and locks it. Until the end of the transaction nobody else appends to it, and the result is its
/// state when the lock was free.
pub async fn lock(
    db: &mut Connection,
    id: Uuid,
    ttl: Duration,
) -> Result<Option<Session>, sqlx::Error> {
    Ok(read!(" FOR NO KEY UPDATE", db, id, ttl).map(Session::from))
}

/// For how long a conversation that has ended has been over, by both clocks; `None` when its texts have been deleted.
pub async fn over_for(
    db: impl PgExecutor<'_>,
    id: Uuid,
    ttl: Duration,
) -> Result<Option<Duration>, sqlx::Error> {
    let seconds = sqlx::query_scalar!(
        r#"SELECT extract(epoch FROM least(now(), $3)
               - coalesce(closed_at, active_at + make_interval(secs => $2)))::float8 AS "seconds!"
           FROM sessions WHERE id = $1 AND NOT emptied"#,
        id,
        ttl.as_secs_f64(),
        Utc::now(),
    )
    .fetch_optional(db)
    .await?;
    // A clock that was set back may have closed it later than now.
    Ok(seconds.map(|seconds| Duration::try_from_secs_f64(seconds).unwrap_or_default()))
}

/// Ends a session; `false` when it had been ended before.
pub async fn close(db: &mut Connection, id: Uuid) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "WITH closed AS (
             UPDATE sessions SET closed_at = now() WHERE id = $1 AND closed_at IS NULL RETURNING id
         )
         SELECT pg_notify($2, id::text) FROM closed",
        id,
        CHANGES,
    )
    .fetch_optional(db)
    .await?;
    Ok(done.is_some())
}

/// Whether the visitor has ended the session, and not staff or time.
pub async fn is_ended_by_visitor(db: &mut Connection, id: Uuid) -> Result<bool, sqlx::Error> {
    let by_visitor = sqlx::query_scalar!(
        r#"SELECT closed_at IS NOT NULL AND closed_by_staff_at IS DISTINCT FROM closed_at AS "by_visitor!"
           FROM sessions WHERE id = $1"#,
        id,
    )
    .fetch_optional(db)
    .await?;
    Ok(by_visitor.unwrap_or(false))
}

/// Reopens a session that was ended or has expired.
pub async fn reopen(db: &mut Connection, id: Uuid) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "WITH reopened AS (
             UPDATE sessions SET closed_at = NULL, active_at = clock_timestamp(), emptied = false
             WHERE id = $1 RETURNING id
         )
         SELECT pg_notify($2, id::text) FROM reopened",
        id,
        CHANGES,
    )
    .fetch_optional(db)
    .await?;
    Ok(())
}

/// The data for the room's name, and for the notice about the visitor.
#[derive(Clone, Debug)]
pub struct Subject {
    /// The session.
    pub id: Uuid,
    /// The room, if there is one.
    pub room_id: Option<String>,
    /// The page the visitor wrote from.
    pub source_url: Option<String>,
    /// Its title.
    pub page_title: Option<String>,
    /// The visitor's name.
    pub visitor_name: Option<String>,
    /// The visitor's email address.
    pub visitor_email: Option<String>,
}

/// The data for the name of a conversation's room.
#[derive(Clone, Debug)]
pub struct Naming {
    /// The visitor's name, or the one that the website vouches for.
    pub visitor_name: Option<String>,
    /// The website vouches for the visitor.
    pub is_verified: bool,
    /// The visitor's first message.
    pub first_message: Option<String>,
    /// The page that the visitor writes from.
    pub source_url: Option<String>,
    /// The code by which staff name the conversation.
    pub code: String,
    /// The conversation's former rooms that somebody may still have in their list.
    pub rooms_before: i64,
}

/// The data for the name of the conversation's room. The conversation gets a code if it has none.
pub async fn naming(db: &Db, id: Uuid) -> Result<Naming, sqlx::Error> {
    let row = sqlx::query!(
        r#"SELECT code, coalesce(identity.name, visitor_name) AS visitor_name, source_url,
               identity.session_id IS NOT NULL AS "is_verified!",
               (SELECT body FROM messages WHERE session_id = $1 AND sender = 'visitor' AND NOT removed
                ORDER BY seq LIMIT 1) AS first_message,
               (SELECT count(*) FROM former_rooms WHERE session_id = $1 AND was_seen) AS "rooms_before!"
           FROM sessions LEFT JOIN session_identities identity ON identity.session_id = id
           WHERE id = $1"#,
        id,
    )
    .fetch_one(db)
    .await?;
    let code = match row.code {
        Some(code) => code,
        None => session_codes::give(db, id).await?,
    };
    Ok(Naming {
        visitor_name: row.visitor_name,
        is_verified: row.is_verified,
        first_message: row.first_message,
        source_url: row.source_url,
        code,
        rooms_before: row.rooms_before,
    })
}

/// Whether there is any session.
pub async fn any(db: impl PgExecutor<'_>) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(r#"SELECT EXISTS (SELECT FROM sessions) AS "any!""#)
        .fetch_one(db)
        .await
}

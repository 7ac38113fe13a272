//! Conversations as an operator sees them: where each stands, and nothing that anybody wrote.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;
use uuid::Uuid;

use super::sessions::State;

/// Which conversations are listed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only those that take messages, or only those that do not.
    pub open: Option<bool>,
    /// Only those that have something queued for the homeserver.
    pub queued: bool,
}

/// A conversation in the list.
#[derive(Clone, Debug)]
pub struct Listed {
    /// The session.
    pub id: Uuid,
    /// The code by which staff name it.
    pub code: Option<String>,
    /// Whether it takes messages.
    pub state: State,
    /// When it began.
    pub created_at: DateTime<Utc>,
    /// When somebody last wrote.
    pub active_at: DateTime<Utc>,
    /// The room.
    pub room_id: Option<String>,
    /// How many of its tasks wait for the homeserver.
    pub queued: i64,
}

/// The conversations that were active last, the newest first.
pub async fn list(
    db: impl PgExecutor<'_>,
    filter: Filter,
    ttl: Duration,
    limit: i64,
) -> Result<Vec<Listed>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"SELECT id, code, closed_at, created_at, active_at, room_id,
               active_at < now() - make_interval(secs => $1) AS "has_expired!",
               (SELECT count(*) FROM outbox WHERE session_id = sessions.id) AS "queued!"
           FROM sessions
           WHERE ($2::boolean IS NULL
                  OR $2 = (closed_at IS NULL AND active_at >= now() - make_interval(secs => $1)))
             AND (NOT $3 OR EXISTS (SELECT FROM outbox WHERE session_id = sessions.id))
           ORDER BY active_at DESC, id LIMIT $4"#,
        ttl.as_secs_f64(),
        filter.open,
        filter.queued,
        limit,
    )
    .fetch_all(db)
    .await?;
    let listed = rows.into_iter().map(|row| Listed {
        id: row.id,
        code: row.code,
        state: match (row.closed_at, row.has_expired) {
            (Some(_), _) => State::Closed,
            (None, true) => State::Expired,
            (None, false) => State::Open,
        },
        created_at: row.created_at,
        active_at: row.active_at,
        room_id: row.room_id,
        queued: row.queued,
    });
    Ok(listed.collect())
}

/// A member of the staff, and what they are in the conversation's room.
#[derive(Clone, Debug)]
pub struct Member {
    /// The user id.
    pub user_id: String,
    /// What they are there.
    pub membership: String,
    /// The homeserver's reason against the last invitation.
    pub last_error: Option<String>,
}

/// The staff of the conversation.
pub async fn members(db: impl PgExecutor<'_>, id: Uuid) -> Result<Vec<Member>, sqlx::Error> {
    sqlx::query_as!(
        Member,
        "SELECT user_id, membership, last_error FROM staff_members WHERE session_id = $1 ORDER BY user_id",
        id,
    )
    .fetch_all(db)
    .await
}

/// How many texts of each side are stored: the visitor's, and those of staff.
pub async fn count_texts(db: impl PgExecutor<'_>, id: Uuid) -> Result<(i64, i64), sqlx::Error> {
    let row = sqlx::query!(
        r#"SELECT count(*) FILTER (WHERE sender = 'visitor') AS "visitor!",
               count(*) FILTER (WHERE sender = 'staff') AS "staff!"
           FROM messages WHERE session_id = $1 AND replaces IS NULL"#,
        id,
    )
    .fetch_one(db)
    .await?;
    Ok((row.visitor, row.staff))
}

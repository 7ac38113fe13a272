//! How soon staff answer.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;

/// The figures of a period.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Figures {
    /// The number of conversations that began.
    pub conversations: i64,
    /// How many of them staff have not answered.
    pub unanswered: i64,
    /// The median time until the first answer in seconds; `None` without an answer.
    pub median_seconds: Option<f64>,
    /// The 95th percentile of that time.
    pub p95_seconds: Option<f64>,
    /// How many of the conversations the visitor has rated good.
    pub good: i64,
    /// How many of them the visitor has rated bad.
    pub bad: i64,
}

/// The figures of the conversations that began since this time, except those that began on the page
/// `without`.
pub async fn since(
    db: impl PgExecutor<'_>,
    since: DateTime<Utc>,
    without: Option<&str>,
) -> Result<Figures, sqlx::Error> {
    sqlx::query_as!(
        Figures,
        r#"SELECT count(*) AS "conversations!", count(*) FILTER (WHERE answered IS NULL) AS "unanswered!",
               percentile_cont(0.5) WITHIN GROUP (ORDER BY answered) AS median_seconds,
               percentile_cont(0.95) WITHIN GROUP (ORDER BY answered) AS p95_seconds,
               count(*) FILTER (WHERE rating = 'good') AS "good!", count(*) FILTER (WHERE rating = 'bad') AS "bad!"
           FROM (
               -- The time until the first answer of each conversation; NULL while there is none.
               SELECT CASE WHEN first_answered_at IS NOT NULL
                           THEN greatest(extract(epoch FROM first_answered_at - created_at), 0) END::float8 AS answered,
                   rating
               FROM sessions LEFT JOIN ratings ON session_id = id WHERE created_at >= $1 AND source_url IS DISTINCT FROM coalesce($2, '')
           ) conversation"#,
        since,
        without,
    )
    .fetch_one(db)
    .await
}

/// The longest time that a visitor in an open conversation has been waiting for an answer; 0 if
/// nobody waits.
pub async fn longest_wait_seconds(
    db: impl PgExecutor<'_>,
    session_ttl: Duration,
    without: Option<&str>,
) -> Result<f64, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT coalesce(greatest(extract(epoch FROM now() - min(waiting.created_at)), 0), 0)::float8 AS "seconds!"
           FROM sessions
               -- The first message after the last answer of each open conversation.
               CROSS JOIN LATERAL (
                   SELECT created_at FROM messages
                   WHERE session_id = sessions.id AND sender = 'visitor' AND seq > coalesce((
                       SELECT max(seq) FROM messages
                       WHERE session_id = sessions.id AND sender = 'staff' AND replaces IS NULL
                   ), 0)
                   ORDER BY seq LIMIT 1
               ) waiting
           WHERE closed_at IS NULL AND NOT emptied AND active_at > now() - make_interval(secs => $1)
             AND source_url IS DISTINCT FROM coalesce($2, '')"#,
        session_ttl.as_secs_f64(),
        without,
    )
    .fetch_one(db)
    .await
}

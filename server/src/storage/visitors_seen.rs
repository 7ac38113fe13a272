//! `visitors_seen`: when each visitor last asked for something.

use sqlx::PgExecutor;
use uuid::Uuid;

/// A visitor's last request.
#[derive(Clone, Copy, Debug)]
pub struct Seen {
    /// The conversation.
    pub session_id: Uuid,
    /// How many seconds ago.
    pub ago: f64,
}

/// Writes down when these visitors were last seen. Nobody waits for the disk: what Postgres forgets in a crash is
/// written again with the visitor's next request.
pub async fn record(db: impl PgExecutor<'_>, seen: &[Seen]) -> Result<(), sqlx::Error> {
    let ids: Vec<_> = seen.iter().map(|seen| seen.session_id).collect();
    let ago: Vec<_> = seen.iter().map(|seen| seen.ago).collect();
    sqlx::query!(
        "WITH quick AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true))
         INSERT INTO visitors_seen (session_id, seen_at)
         SELECT seen.id, clock_timestamp() - make_interval(secs => ago)
         FROM quick, unnest($1::uuid[], $2::float8[]) seen (id, ago) JOIN sessions ON sessions.id = seen.id
         -- In one order, so that two servers do not wait for each other.
         ORDER BY seen.id
         ON CONFLICT (session_id) DO UPDATE SET seen_at =
             -- A time that has not come yet was set by a clock that was wrong.
             CASE WHEN visitors_seen.seen_at > clock_timestamp() THEN excluded.seen_at
                  ELSE greatest(visitors_seen.seen_at, excluded.seen_at) END",
        &ids,
        &ago,
    )
    .execute(db)
    .await?;
    Ok(())
}

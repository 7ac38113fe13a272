//! `sessions.seen_at`: when each visitor was last there.

use std::time::Duration;

use sqlx::PgExecutor;
use uuid::Uuid;

/// A visitor who has sent no request for this long has gone.
pub const GONE_AFTER: Duration = Duration::from_mins(2);

/// Records that the visitors of these conversations are there now; returns the conversations that were recorded. Rows
/// that another transaction has locked are left out, so that this never waits and cannot be part of a deadlock.
pub async fn record(
    db: impl PgExecutor<'_>,
    session_ids: &[Uuid],
) -> Result<Vec<Uuid>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"WITH free AS (
             SELECT id FROM sessions WHERE id = ANY($1) FOR NO KEY UPDATE SKIP LOCKED
         ), seen AS (
             UPDATE sessions SET seen_at = now() FROM free WHERE sessions.id = free.id
             RETURNING sessions.id
         )
         SELECT id AS "id!", set_config('synchronous_commit', 'off', true) AS commit FROM seen"#,
        session_ids,
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(|row| row.id).collect())
}

//! `sync_position`: how far `/sync` was read.

use std::collections::HashSet;

use sqlx::PgExecutor;

/// The position; `None` before the first sync.
pub async fn get(db: impl PgExecutor<'_>) -> Result<Option<String>, sqlx::Error> {
    sqlx::query_scalar!("SELECT since FROM sync_position")
        .fetch_one(db)
        .await
}

/// Moves on from `from` to `to`, and tells which of the events that this brought were recorded before;
/// `None` when another server has moved on already, and what this one brought must be dropped. Where it
/// brought nothing, nobody waits for the disk: if Postgres forgets it in a crash, the same nothing comes
/// again.
pub async fn advance(
    db: impl PgExecutor<'_>,
    from: Option<&str>,
    to: &str,
    event_ids: &[String],
) -> Result<Option<HashSet<String>>, sqlx::Error> {
    let moved = sqlx::query!(
        r#"UPDATE sync_position SET since = $2, synced_at = now()
         WHERE since IS NOT DISTINCT FROM $1
         RETURNING ARRAY(SELECT event_id FROM matrix_events WHERE event_id = ANY($3)) AS "known!",
             CASE WHEN cardinality($3::text[]) = 0
                  THEN set_config('synchronous_commit', 'off', true) END AS commit"#,
        from,
        to,
        event_ids,
    )
    .fetch_optional(db)
    .await?;
    Ok(moved.map(|moved| moved.known.into_iter().collect()))
}

/// Seconds since some server last had an answer to `/sync`; `None` before the first.
pub async fn age_seconds(db: impl PgExecutor<'_>) -> Result<Option<f64>, sqlx::Error> {
    sqlx::query_scalar!("SELECT extract(epoch FROM now() - synced_at)::float8 FROM sync_position")
        .fetch_one(db)
        .await
}

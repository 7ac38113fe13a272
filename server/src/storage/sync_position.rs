//! `sync_position`: how far `/sync` was read.

use sqlx::PgExecutor;

/// The position; `None` before the first sync.
pub async fn get(db: impl PgExecutor<'_>) -> Result<Option<String>, sqlx::Error> {
    sqlx::query_scalar!("SELECT since FROM sync_position")
        .fetch_one(db)
        .await
}

/// Moves on from `from` to `to`; `false` when another server has moved on already, and what this
/// one brought must be dropped. Where it brought no `news`, nobody waits for the disk: if Postgres
/// forgets it in a crash, the same nothing comes again.
pub async fn advance(
    db: impl PgExecutor<'_>,
    from: Option<&str>,
    to: &str,
    news: bool,
) -> Result<bool, sqlx::Error> {
    let moved = sqlx::query!(
        "UPDATE sync_position SET since = $2, synced_at = now()
         WHERE since IS NOT DISTINCT FROM $1
         RETURNING CASE WHEN NOT $3 THEN set_config('synchronous_commit', 'off', true) END AS commit",
        from,
        to,
        news,
    )
    .fetch_optional(db)
    .await?;
    Ok(moved.is_some())
}

/// Seconds since some server last had an answer to `/sync`; `None` before the first.
pub async fn age_seconds(db: impl PgExecutor<'_>) -> Result<Option<f64>, sqlx::Error> {
    sqlx::query_scalar!("SELECT extract(epoch FROM now() - synced_at)::float8 FROM sync_position")
        .fetch_one(db)
        .await
}

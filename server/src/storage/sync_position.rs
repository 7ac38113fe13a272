//! `sync_position`: how far `/sync` was read.

use sqlx::{PgConnection, PgExecutor};

/// The position; `None` before the first sync.
pub async fn get(db: impl PgExecutor<'_>) -> Result<Option<String>, sqlx::Error> {
    sqlx::query_scalar!("SELECT since FROM sync_position")
        .fetch_one(db)
        .await
}

/// Moves on from `from` to `to`; `false` when another server has moved on already, and what this
/// one brought must be dropped.
pub async fn advance(
    db: &mut PgConnection,
    from: Option<&str>,
    to: &str,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "UPDATE sync_position SET since = $2, synced_at = now()
         WHERE since IS NOT DISTINCT FROM $1",
        from,
        to,
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Seconds since some server last had an answer to `/sync`; `None` before the first.
pub async fn age_seconds(db: impl PgExecutor<'_>) -> Result<Option<f64>, sqlx::Error> {
    sqlx::query_scalar!("SELECT extract(epoch FROM now() - synced_at)::float8 FROM sync_position")
        .fetch_one(db)
        .await
}

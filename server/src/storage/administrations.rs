//! `administrations`: what operators did at the command line.

use sqlx::PgExecutor;
use uuid::Uuid;

/// Something that an operator did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Administration {
    /// The operator's account of the operating system.
    pub operator: String,
    /// The command.
    pub action: String,
    /// The conversation that it concerned, if it concerned one.
    pub session_id: Option<Uuid>,
}

/// Records what an operator does, in the transaction that does it.
pub async fn record(db: impl PgExecutor<'_>, done: &Administration) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO administrations (operator, action, session_id) VALUES ($1, $2, $3)",
        done.operator,
        done.action,
        done.session_id,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Takes the records that no server has written into its log yet, oldest first.
pub async fn take_unlogged(
    db: impl PgExecutor<'_>,
    limit: i64,
) -> Result<Vec<Administration>, sqlx::Error> {
    sqlx::query_as!(
        Administration,
        "WITH unlogged AS MATERIALIZED (
             SELECT id FROM administrations WHERE logged_at IS NULL ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED
         ), logged AS (
             UPDATE administrations SET logged_at = now() FROM unlogged WHERE administrations.id = unlogged.id
             RETURNING administrations.*
         )
         SELECT operator, action, session_id FROM logged ORDER BY id",
        limit,
    )
    .fetch_all(db)
    .await
}

/// Deletes records that are older than a year.
pub async fn delete_old(db: impl PgExecutor<'_>, limit: i64) -> Result<u64, sqlx::Error> {
    let done = sqlx::query!(
        "DELETE FROM administrations WHERE id IN (
             SELECT id FROM administrations
             WHERE done_at < least(now(), (SELECT newest FROM clock)) - interval '1 year' LIMIT $1
         )",
        limit,
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected())
}

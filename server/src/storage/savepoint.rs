//! Savepoints: what is done between two of them can be undone without the rest of the transaction.

use super::Connection;

/// Sets, releases or goes back to a savepoint.
pub(crate) async fn savepoint(
    db: &mut Connection,
    statement: &'static str,
) -> Result<(), sqlx::Error> {
    sqlx::query(statement).execute(db).await?;
    Ok(())
}

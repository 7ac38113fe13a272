//! Pools of connections.

use std::time::Duration;

use sqlx::{
    AssertSqlSafe, Connection as _, PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use tokio::time;

use super::{db::ACQUIRE, faults::missed, settings::Settings};

/// A connection that has answered within this time is not checked before it is used.
const TRUSTED_FOR: Duration = Duration::from_secs(1);
/// How long a check may take.
const ANSWERS: Duration = Duration::from_millis(500);

/// A pool that connects when it is first used.
pub(super) fn pool(options: &PgConnectOptions, connections: u32, settings: Settings) -> PgPool {
    let statement = settings.statement();
    PgPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(ACQUIRE)
        .after_connect(move |connection, _| {
            let statement = AssertSqlSafe(statement.clone());
            Box::pin(async move {
                sqlx::raw_sql(statement).execute(connection).await?;
                Ok(())
            })
        })
        // A check before each use would cost a round trip.
        .test_before_acquire(false)
        .before_acquire(|connection, meta| {
            Box::pin(async move {
                if meta.idle_for > TRUSTED_FOR {
                    let answer = time::timeout(ANSWERS, connection.ping()).await;
                    answer.unwrap_or_else(|_| Err(missed()))?;
                }
                Ok(true)
            })
        })
        .connect_lazy_with(options.clone())
}

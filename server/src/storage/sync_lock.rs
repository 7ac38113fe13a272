//! The lock that only one server holds, which follows the homeserver.

use std::time::Duration;

use sqlx::{Error, PgConnection};
use tokio::time;

use super::{Connector, faults::missed, settings::Settings};

/// The key of the session-level advisory lock; the number has no meaning.
const LOCK: i64 = 0x7375_7070_6f72_7463;
/// How often the lock's connection is used.
const SAY_EVERY: Duration = Duration::from_secs(2);
/// How long it may take to answer.
const ANSWERS: Duration = Duration::from_secs(3);
/// Postgres gives the lock to the next server if the connection is silent for this long, even if it looks alive to
/// Postgres.
const LEASE: Duration = Duration::from_secs(8);

/// The lock. Dropping it releases the lock.
#[derive(Debug)]
pub struct SyncLock(PgConnection);

impl SyncLock {
    /// Takes the lock, unless another server has it.
    pub async fn try_take(connector: &Connector) -> Result<Option<Self>, Error> {
        let settings = Settings {
            idle: Some(LEASE),
            ..Settings::DEDICATED
        };
        let mut connection = connector.connect(settings).await?;
        let locked = sqlx::query_scalar!(r#"SELECT pg_try_advisory_lock($1) AS "locked!""#, LOCK)
            .fetch_one(&mut connection);
        let locked = time::timeout(ANSWERS, locked).await;
        Ok(locked
            .unwrap_or_else(|_| Err(missed()))?
            .then_some(Self(connection)))
    }

    /// Holds the lock; ends when it is lost.
    pub async fn hold(&mut self) -> Error {
        loop {
            time::sleep(SAY_EVERY).await;
            let said = sqlx::raw_sql("SELECT 1").execute(&mut self.0);
            match time::timeout(ANSWERS, said).await {
                Ok(Ok(_)) => {}
                Ok(Err(error)) => return error,
                Err(_) => return missed(),
            }
        }
    }
}

//! Connections outside the shares, each for one long-lived purpose.

use std::{fmt, time::Duration};

use sqlx::{
    AssertSqlSafe, ConnectOptions, Error, PgConnection, PgPool, postgres::PgConnectOptions,
};
use tokio::time;

use super::{faults::missed, pool::pool, settings::Settings};

/// How long a new connection may take.
pub(super) const CONNECT: Duration = Duration::from_secs(3);

/// Opens connections. Cheap to clone.
#[derive(Clone)]
pub struct Connector(PgConnectOptions);

/// The options contain the password, so they are not printed.
impl fmt::Debug for Connector {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Connector").finish_non_exhaustive()
    }
}

impl Connector {
    pub(super) const fn new(options: PgConnectOptions) -> Self {
        Self(options)
    }

    /// Opens one connection.
    pub(super) async fn connect(&self, settings: Settings) -> Result<PgConnection, Error> {
        let connect = async {
            let mut connection = self.0.connect().await?;
            let statement = AssertSqlSafe(settings.statement());
            sqlx::raw_sql(statement).execute(&mut connection).await?;
            Ok(connection)
        };
        time::timeout(CONNECT, connect)
            .await
            .unwrap_or_else(|_| Err(missed()))
    }

    /// A pool of one connection, for a listener.
    pub(super) fn pool_of_one(&self) -> PgPool {
        pool(&self.0, 1, Settings::DEDICATED)
    }
}

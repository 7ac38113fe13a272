//! A database for each scenario, on the Postgres that all share.

use std::{env, time::Duration};

use sqlx::{Connection, PgConnection, postgres::PgConnectOptions};
use tokio::time::{Instant, sleep};
use url::Url;
use uuid::Uuid;

use crate::parts;

/// Connects as soon as Postgres has a free connection: all scenarios begin at the same time.
async fn connect(options: &PgConnectOptions) -> PgConnection {
    let deadline = Instant::now() + parts::PATIENCE;
    loop {
        match PgConnection::connect_with(options).await {
            Ok(connection) => return connection,
            Err(error) => assert!(Instant::now() < deadline, "{error}"),
        }
        sleep(Duration::from_millis(200)).await;
    }
}

/// A separate database for the scenario, which its servers migrate.
pub(crate) async fn database(name: &str) -> String {
    let url = env::var("DATABASE_URL").expect("DATABASE_URL");
    let options: PgConnectOptions = url.parse().unwrap();
    let mut connection = connect(&options).await;
    let database = format!("faults-{name}-{}", Uuid::new_v4().simple());
    sqlx::query(sqlx::AssertSqlSafe(format!(
        r#"CREATE DATABASE "{database}""#
    )))
    .execute(&mut connection)
    .await
    .unwrap();
    let mut url = Url::parse(&url).unwrap();
    url.set_path(&database);
    url.into()
}

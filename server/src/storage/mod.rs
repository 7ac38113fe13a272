//! What Postgres keeps: plain query functions, one file per table.
//!
//! A function that must be part of a larger transaction takes a connection; who calls it decides
//! where the transaction ends.

pub mod bot_log_in;
pub mod idempotency;
pub mod matrix_events;
pub mod messages;
pub mod outbox;
pub mod session_starts;
pub mod sessions;
pub mod sync_position;

use std::time::Duration;

use secrecy::ExposeSecret;
use sqlx::{
    PgPool,
    migrate::MigrateError,
    postgres::{PgConnectOptions, PgPoolOptions},
};

use crate::config::Database;

/// A request waits this long for a connection before it is told to come back.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(3);

/// A pool that connects when it is first used.
pub fn pool(database: &Database) -> Result<PgPool, sqlx::Error> {
    let options: PgConnectOptions = database.url.expose_secret().parse()?;
    // Every statement at trace level would put visitors' words, and hashes, into the log.
    let name = options
        .get_application_name()
        .unwrap_or("matrix-support-chat");
    let options = sqlx::ConnectOptions::disable_statement_logging(options.clone())
        .application_name(name)
        // A server that vanished with its host must not keep its locks until TCP gives up on it.
        .options([
            ("tcp_keepalives_idle", "5"),
            ("tcp_keepalives_interval", "2"),
            ("tcp_keepalives_count", "2"),
            ("tcp_user_timeout", "9000"),
            ("idle_in_transaction_session_timeout", "15000"),
        ]);
    Ok(PgPoolOptions::new()
        .max_connections(20)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .connect_lazy_with(options))
}

/// Brings the schema up to date. Safe to run from several servers at once.
pub async fn migrate(pool: &PgPool) -> Result<(), MigrateError> {
    let mut migrator = sqlx::migrate!("../migrations");
    // A server that an upgrade is taken back to meets the schema of the newer one, which only adds.
    migrator.set_ignore_missing(true);
    migrator.run(pool).await
}

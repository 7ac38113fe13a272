//! What Postgres keeps: plain query functions, one file per table.
//!
//! A function that must be part of a larger transaction takes a connection; who calls it decides
//! where the transaction ends.

pub mod bot_log_in;
pub mod idempotency;
pub mod matrix_events;
pub mod messages;
pub mod outbox;
pub mod quarantine;
pub mod session_starts;
pub mod sessions;
pub mod sync_position;

use std::time::Duration;

use secrecy::ExposeSecret;
use sqlx::{
    Connection, PgPool,
    migrate::MigrateError,
    postgres::{PgConnectOptions, PgPoolOptions},
};

use crate::config::Database;

/// A request waits this long for a connection before it is told to come back.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(3);

const MAX_CONNECTIONS: u32 = 20;

/// A connection that has answered so lately is not asked whether it lives.
const TRUSTED_FOR: Duration = Duration::from_secs(1);

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
            // Planned for each time, the first five times on each connection, a statement takes longer
            // to plan than to run: none of them needs another plan for other values.
            ("plan_cache_mode", "force_generic_plan"),
        ]);
    Ok(PgPoolOptions::new()
        .max_connections(MAX_CONNECTIONS)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        // Asked each time, a connection's first answer would be to that.
        .test_before_acquire(false)
        .before_acquire(|connection, meta| {
            Box::pin(async move {
                if meta.idle_for > TRUSTED_FOR {
                    connection.ping().await?;
                }
                Ok(true)
            })
        })
        .connect_lazy_with(options))
}

/// Does something that leaves nothing behind when it fails: where a connection turns out to be dead it is
/// done on the next.
pub async fn again_if_lost<T, F>(mut attempt: impl FnMut() -> F) -> Result<T, sqlx::Error>
where
    F: Future<Output = Result<T, sqlx::Error>>,
{
    for _ in 1..MAX_CONNECTIONS {
        match attempt().await {
            Err(error) if is_lost(&error) => {}
            result => return result,
        }
    }
    attempt().await
}

/// The connection is gone, which says nothing about the database.
fn is_lost(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) => true,
        // The server's side was told to end: 57P01, admin_shutdown.
        sqlx::Error::Database(error) => error.code().is_some_and(|code| code == "57P01"),
        _ => false,
    }
}

/// Brings the schema up to date. Safe to run from several servers at once.
pub async fn migrate(pool: &PgPool) -> Result<(), MigrateError> {
    let mut migrator = sqlx::migrate!("../migrations");
    // A server that an upgrade is taken back to meets the schema of the newer one, which only adds.
    migrator.set_ignore_missing(true);
    migrator.run(pool).await
}

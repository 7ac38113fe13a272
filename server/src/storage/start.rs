//! The checks at the start: whether the database can be used, and its schema.

use std::{io, time::Duration};

use sqlx::{
    AssertSqlSafe, Error,
    error::DatabaseError,
    migrate::{MigrateError, Migrator},
    postgres::PgListener,
};
use tokio::time::{self, Instant};
use uuid::Uuid;

use super::{Connector, connector::CONNECT, faults::missed, settings::Settings};

/// How long to wait for a Postgres that is just starting.
const PATIENCE: Duration = Duration::from_secs(3);
const RETRY: Duration = Duration::from_millis(200);
/// How long a notification may take.
const HEARD: Duration = Duration::from_secs(3);
/// How long all migrations may take.
const MIGRATED: Duration = Duration::from_mins(10);
/// How long everything may take.
pub const PREPARED: Duration = Duration::from_mins(11);

/// Why the database cannot be used. The texts never contain a value from the URL.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    /// No connection can be made.
    #[error("the database cannot be used: {}", reason(.0))]
    Connection(#[from] Error),
    /// A connection does not get the notifications of another one.
    #[error(
        "the database cannot be used: notifications do not come back: is there a pooler in transaction mode in \
         between? It must be in session mode"
    )]
    Deaf,
    /// The schema cannot be migrated.
    #[error("the database cannot be migrated: {0}")]
    Migration(#[from] MigrateError),
}

/// Checks that the database can be used, and migrates its schema. Several servers may do so at the same time.
pub async fn prepare(connector: &Connector) -> Result<(), Unusable> {
    reach(connector).await?;
    if !hears(connector).await? {
        return Err(Unusable::Deaf);
    }
    migrate(connector).await
}

async fn reach(connector: &Connector) -> Result<(), Error> {
    let patience = Instant::now() + PATIENCE;
    loop {
        match connector.connect(Settings::DEDICATED).await {
            Ok(_) => return Ok(()),
            Err(error) if may_be_starting(&error) && Instant::now() < patience => {
                time::sleep(RETRY).await;
            }
            Err(error) => return Err(error),
        }
    }
}

fn may_be_starting(error: &Error) -> bool {
    match error {
        Error::Io(error) => matches!(
            error.kind(),
            io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound
        ),
        // The SQLSTATE cannot_connect_now.
        Error::Database(error) => error.code().is_some_and(|code| code == "57P03"),
        _ => false,
    }
}

/// Whether one connection gets the notifications of another one. It uses no prepared statements, because some poolers
/// fail at those first.
pub(super) async fn hears(connector: &Connector) -> Result<bool, Error> {
    let channel = format!("support_chat_echo_{}", Uuid::new_v4().simple());
    let heard = async {
        let mut listener = PgListener::connect_with(&connector.pool_of_one()).await?;
        listener.eager_reconnect(false);
        listener.listen(&channel).await?;
        let mut other = connector.connect(Settings::DEDICATED).await?;
        // The notification need not wait for a standby.
        let tell =
            format!("BEGIN; SET LOCAL synchronous_commit TO off; NOTIFY \"{channel}\"; COMMIT");
        match sqlx::raw_sql(AssertSqlSafe(tell)).execute(&mut other).await {
            // Postgres sends the notifications of all databases one after the other, and another one hangs. That says
            // nothing about a pooler.
            Err(error) if is_lock_timeout(&error) => return Ok(true),
            // The pooler has passed the notification to the client that used the connection at that moment.
            Err(Error::Protocol(_)) => return Ok(false),
            told => told?,
        };
        let heard = time::timeout(HEARD, listener.try_recv()).await;
        Ok(matches!(heard, Ok(Ok(Some(_)))))
    };
    time::timeout(CONNECT + HEARD, heard)
        .await
        .unwrap_or_else(|_| Err(missed()))
}

fn is_lock_timeout(error: &Error) -> bool {
    let code = error.as_database_error().and_then(DatabaseError::code);
    code.is_some_and(|code| code == "55P03")
}

/// The migrations of this release.
pub(super) fn migrator() -> Migrator {
    sqlx::migrate!("../migrations")
}

async fn migrate(connector: &Connector) -> Result<(), Unusable> {
    let mut migrator = migrator();
    // When an upgrade is taken back, an older server meets the newer schema, which has only additions.
    migrator.set_ignore_missing(true);
    // A migration may take long, but it must not hold locks that others wait for.
    let settings = Settings {
        statement: None,
        lock: Duration::from_secs(10),
        ..Settings::DEDICATED
    };
    let mut connection = connector.connect(settings).await?;
    time::timeout(MIGRATED, migrator.run(&mut connection))
        .await
        .unwrap_or_else(|_| Err(missed().into()))?;
    Ok(())
}

/// The reason in words that contain nothing of the URL.
fn reason(error: &Error) -> String {
    match error {
        Error::Io(error) => match error.kind() {
            io::ErrorKind::ConnectionRefused => "the connection was refused: nothing listens there",
            io::ErrorKind::NotFound => "there is no such socket",
            io::ErrorKind::PermissionDenied => "the socket may not be opened",
            io::ErrorKind::TimedOut => "there is no answer",
            io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset => {
                "the connection was closed at once"
            }
            io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
                "there is no way to the host"
            }
            // A failed name look-up has no error kind of its own.
            _ if error.raw_os_error().is_none() => "the host is not known",
            kind => return format!("the connection failed: {kind}"),
        }
        .to_owned(),
        Error::Database(error) => {
            let code = error.code().unwrap_or_default();
            // PgBouncer uses one code for all errors.
            let message = error.message();
            match &*code {
                "08P01" if message.starts_with("password authentication failed") => {
                    "password authentication failed for the user"
                }
                "08P01" if message.starts_with("no such database") => "there is no such database",
                "28P01" => "password authentication failed for the user",
                "28000" => "the user may not connect (pg_hba.conf)",
                "3D000" => "there is no such database",
                "42P01" | "42703" | "42883" => {
                    "its schema is not the one of this release: run `matrix-support-chat migrate`"
                }
                "42501" => "the user may not do that with this database",
                "53300" => "Postgres has too many connections",
                "57P03" => "Postgres does not take connections yet, or no more",
                "55000" => "the database takes no connections",
                _ => return format!("Postgres refuses with SQLSTATE {code}"),
            }
            .to_owned()
        }
        Error::Tls(error) => {
            let error = error.to_string();
            if error.contains("does not support TLS") {
                "the server does not speak TLS, which sslmode asks for".to_owned()
            } else if error.contains("UnknownIssuer") {
                "TLS: the certificate is of an unknown authority (see sslrootcert)".to_owned()
            } else if error.contains("not valid for name") {
                "TLS: the certificate is for another name".to_owned()
            } else {
                "TLS: the server's certificate or its handshake is not acceptable".to_owned()
            }
        }
        Error::Configuration(_) => "a certificate or key that it names cannot be used".to_owned(),
        Error::Protocol(_) => "what answers does not speak as Postgres does".to_owned(),
        Error::PoolTimedOut => "there is no answer".to_owned(),
        _ => "the connection failed".to_owned(),
    }
}

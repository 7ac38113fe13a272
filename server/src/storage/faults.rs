//! The meaning of an error of Postgres: whether the connection is gone, and whether anything was done.

use std::io;

use sqlx::Error;

/// How often a lost connection is replaced before the caller gets the error.
const ATTEMPTS: usize = 20;

/// Runs work that leaves nothing behind when it fails. If the connection turns out to be dead, the work is repeated on
/// another one.
pub async fn again_if_lost<T, F>(mut attempt: impl FnMut() -> F) -> Result<T, Error>
where
    F: Future<Output = Result<T, Error>>,
{
    for _ in 1..ATTEMPTS {
        match attempt().await {
            Err(error) if is_lost(&error) => {}
            result => return result,
        }
    }
    attempt().await
}

/// Whether the connection is gone, which says nothing about the database.
fn is_lost(error: &Error) -> bool {
    match error {
        Error::Io(_) => !is_missed(error),
        // Postgres was told to stop: 57P01, admin_shutdown.
        Error::Database(error) => error.code().is_some_and(|code| code == "57P01"),
        _ => false,
    }
}

/// After a missed deadline another attempt would take as much time again.
pub(super) fn is_missed(error: &Error) -> bool {
    matches!(error, Error::Io(error) if error.kind() == io::ErrorKind::TimedOut)
}

pub(super) fn missed() -> Error {
    io::Error::new(io::ErrorKind::TimedOut, "Postgres did not answer in time").into()
}

/// Whether a commit that failed with this error was certainly not carried out: Postgres has said so, and was not told
/// to stop, since it may stop after the commit.
#[must_use]
pub fn is_certain(error: &Error) -> bool {
    match error {
        Error::Database(error) => error.code().is_some_and(|code| {
            !["57", "58", "08"]
                .iter()
                .any(|class| code.starts_with(class))
        }),
        _ => false,
    }
}

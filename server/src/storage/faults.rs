//! What a fault of Postgres' says: whether the connection is gone, and whether anything was done.

use std::io;

use sqlx::Error;

/// A lost connection is replaced so often before the caller is told.
const ATTEMPTS: usize = 20;

/// Does something that leaves nothing behind when it fails: where a connection turns out to be dead it is
/// done on the next.
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

/// The connection is gone, which says nothing about the database.
fn is_lost(error: &Error) -> bool {
    match error {
        Error::Io(_) => !is_missed(error),
        // The server's side was told to end: 57P01, admin_shutdown.
        Error::Database(error) => error.code().is_some_and(|code| code == "57P01"),
        _ => false,
    }
}

/// A deadline was missed: another attempt would cost as much time.
pub(super) fn is_missed(error: &Error) -> bool {
    matches!(error, Error::Io(error) if error.kind() == io::ErrorKind::TimedOut)
}

pub(super) fn missed() -> Error {
    io::Error::new(io::ErrorKind::TimedOut, "Postgres did not answer in time").into()
}

/// Whether a commit that failed so was certainly not carried out: Postgres said so, and not that it was told to
/// end, which it may be after the commit.
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

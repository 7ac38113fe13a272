//! Locks between runs of this program.

use std::fs::TryLockError;
use std::path::Path;
use std::time::Duration;

use fs_err::File;

use crate::failure::{Result, bail};
use crate::process::wait_until;
use crate::progress::note;

/// A lock that the operating system gives back when this program ends, however it ends.
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock, or fails with `taken` when another program holds it.
    pub(crate) fn take(path: &Path, taken: &str) -> Result<Self> {
        match Self::try_take(path)? {
            Some(lock) => Ok(lock),
            None => bail!("{taken}"),
        }
    }

    /// Takes the lock, waiting for whoever holds it.
    pub(crate) fn wait_for(path: &Path, waiting: &str) -> Result<Self> {
        let mut lock = Self::try_take(path)?;
        if lock.is_none() {
            note(waiting);
            wait_until(Duration::from_hours(2), || {
                lock = Self::try_take(path)?;
                Ok(lock.is_some())
            })?;
        }
        match lock {
            Some(lock) => Ok(lock),
            None => bail!("another run still holds {}", path.display()),
        }
    }

    fn try_take(path: &Path) -> Result<Option<Self>> {
        let file = File::create(path)?;
        match file.file().try_lock() {
            Ok(()) => Ok(Some(Self { _file: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_held_once_and_given_back() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let held = Lock::take(&path, "taken").unwrap();
        let refused = Lock::take(&path, "taken").err().unwrap();
        assert_eq!(refused.to_string(), "taken");
        drop(held);
        assert!(Lock::take(&path, "taken").is_ok());
    }
}

//! Small things about files that several modules need.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::failure::{Context, Failure, Result, bail, fail};

/// Makes a directory and its parents, readable by its owner alone.
pub(crate) fn create_private_dir(path: &Path) -> Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .context(format_args!("cannot make {}", path.display()))
}

/// Writes a file that only its owner can read.
pub(crate) fn write_private(path: &Path, content: &str) -> Result<()> {
    let write = || {
        // A new file each time: an old one keeps the mode it was made with.
        remove_if_there(path)?;
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)?;
        file.write_all(content.as_bytes())
    };
    write().context(format_args!("cannot write {}", path.display()))
}

fn remove_if_there(path: &Path) -> std::io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Reads a text file, if there is one.
pub(crate) fn read_if_there(path: &Path) -> Result<Option<String>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => fail(format!("cannot read {}: {error}", path.display())),
    }
}

/// Removes a directory with all that is in it, if there is one.
pub(crate) fn remove_dir(path: &Path) -> Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            fail(format!("cannot remove {}: {error}", path.display()))
        }
        _ => Ok(()),
    }
}

/// The entries of a directory, sorted; none when it is not there.
pub(crate) fn list(dir: &Path) -> Vec<PathBuf> {
    let mut entries: Vec<PathBuf> = fs::read_dir(dir)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .collect();
    entries.sort();
    entries
}

/// Every file under a directory.
pub(crate) fn walk(dir: &Path) -> Vec<PathBuf> {
    let (dirs, mut files): (Vec<_>, Vec<_>) = list(dir).into_iter().partition(|path| path.is_dir());
    files.extend(dirs.iter().flat_map(|dir| walk(dir)));
    files
}

/// The last non-empty lines of a log.
pub(crate) fn last_lines(path: &Path, count: usize) -> Vec<String> {
    let bytes = fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let mut lines: Vec<String> = text
        .lines()
        .rev()
        .map(str::trim_end)
        .filter(|line| !line.is_empty())
        .take(count)
        .map(str::to_owned)
        .collect();
    lines.reverse();
    lines
}

/// A lock that the operating system gives back when this program ends, however it ends.
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock, or fails with `taken` when another program holds it.
    pub(crate) fn take(path: &Path, taken: &str) -> Result<Self> {
        let file = open_lock(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => fail(taken),
            Err(TryLockError::Error(error)) => {
                fail(format!("cannot lock {}: {error}", path.display()))
            }
        }
    }

    /// Takes the lock, waiting for whoever holds it.
    pub(crate) fn wait_for(path: &Path, waiting: &str) -> Result<Self> {
        let file = open_lock(path)?;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Self { _file: file }),
                Err(TryLockError::WouldBlock) => crate::progress::note(waiting),
                Err(TryLockError::Error(error)) => {
                    bail!("cannot lock {}: {error}", path.display());
                }
            }
            for _ in 0..100 {
                std::thread::sleep(std::time::Duration::from_millis(100));
                if crate::interruption::interrupted() {
                    return Err(Failure::Interrupted);
                }
            }
        }
    }
}

fn open_lock(path: &Path) -> Result<File> {
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
        .context(format_args!("cannot open {}", path.display()))
}

/// A new secret: 192 random bits in hexadecimal.
pub(crate) fn random_secret() -> Result<String> {
    let mut bytes = [0; 24];
    File::open("/dev/urandom")
        .and_then(|mut source| source.read_exact(&mut bytes))
        .context("cannot read random bytes")?;
    Ok(hex(&bytes))
}

/// Bytes in lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        use std::fmt::Write as _;
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn secrets_are_long_and_differ() {
        let (one, other) = (random_secret().unwrap(), random_secret().unwrap());
        assert_eq!(one.len(), 48);
        assert_ne!(one, other);
    }

    #[test]
    fn private_files_stay_private_when_written_again() {
        let path = std::env::temp_dir().join(format!("xtask-private-{}", std::process::id()));
        fs::write(&path, "made by somebody else, for all to read").unwrap();
        write_private(&path, "secret").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "secret");
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        fs::remove_file(&path).unwrap();
    }

    #[test]
    fn a_lock_is_held_once_and_given_back() {
        let path = std::env::temp_dir().join(format!("xtask-lock-{}", std::process::id()));
        let held = Lock::take(&path, "taken").unwrap();
        assert!(matches!(Lock::take(&path, "taken"), Err(Failure::Message(m)) if m == "taken"));
        drop(held);
        assert!(Lock::take(&path, "taken").is_ok());
        fs::remove_file(&path).unwrap();
    }
}

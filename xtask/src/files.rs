//! Helpers for files.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::failure::{Context, Result};

/// Makes a directory and its parents, readable by its owner alone.
pub(crate) fn create_private_dir(path: &Path) -> Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .with_context(|| format!("cannot make {}", path.display()))
}

/// Writes a file that only its owner can read.
pub(crate) fn write_private(path: &Path, content: &str) -> Result<()> {
    let write = || -> Result<()> {
        // The file is always created, because an existing one would keep its mode.
        let mut file = NamedTempFile::new_in(path.parent().unwrap_or(path))?;
        file.write_all(content.as_bytes())?;
        file.persist(path)?;
        Ok(())
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}

/// Reads a text file, if there is one.
pub(crate) fn read_if_there(path: &Path) -> Result<Option<String>> {
    if !path.exists() {
        return Ok(None);
    }
    Ok(Some(fs_err::read_to_string(path)?))
}

/// Removes a directory with everything in it, if it exists.
pub(crate) fn remove_dir(path: &Path) -> Result<()> {
    if path.exists() {
        fs_err::remove_dir_all(path)?;
    }
    Ok(())
}

/// The entries of a directory, sorted; none when it is not there.
pub(crate) fn list(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let mut entries: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
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
    let lines = text.lines().rev().map(str::trim_end);
    let last = lines.filter(|line| !line.is_empty()).take(count);
    let mut last: Vec<String> = last.map(str::to_owned).collect();
    last.reverse();
    last
}

/// A new secret: 128 random bits in hexadecimal.
pub(crate) fn random_secret() -> Result<String> {
    let mut bytes = [0; 16];
    fs_err::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(format!("{:032x}", u128::from_ne_bytes(bytes)))
}

/// The secret in this file, or a new one, which is stored there.
pub(crate) fn kept_secret(path: &Path) -> Result<String> {
    if let Some(secret) = read_if_there(path)? {
        return Ok(secret);
    }
    let secret = random_secret()?;
    write_private(path, &secret)?;
    Ok(secret)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn secrets_differ_and_are_kept() {
        let dir = tempfile::tempdir().unwrap();
        let secret = |name: &str| kept_secret(&dir.path().join(name)).unwrap();
        assert_eq!(secret("one").len(), 32);
        assert_eq!(secret("one"), secret("one"));
        assert_ne!(secret("one"), secret("other"));
    }

    #[test]
    fn private_files_stay_private_when_written_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("private");
        fs::write(&path, "made by somebody else, for all to read").unwrap();
        write_private(&path, "secret").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "secret");
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

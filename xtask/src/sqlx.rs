//! `.sqlx`: what the `query!` macros know of the database, so that a build needs none.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::failure::{Context, Result, fail};
use crate::files;
use crate::layout::Layout;
use crate::process::{command, run_shown, watch_signals};
use crate::progress::{note, step};
use crate::test::TestStack;

/// What to do with what a database says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Make `.sqlx` agree.
    Write,
    /// Fail when `.sqlx` disagrees.
    Check,
}

/// `cargo xtask sqlx [--check]`.
pub(crate) fn run(layout: &Layout, mode: Mode) -> Result<()> {
    watch_signals()?;
    let mut stack = TestStack::new(layout)?;
    apply(layout, mode, &stack.schema_url()?)
}

/// Compares `.sqlx` with the database at this address, which holds the schema.
pub(crate) fn apply(layout: &Layout, mode: Mode, database_url: &str) -> Result<()> {
    let scratch = layout.test().join("sqlx");
    files::remove_dir(&scratch)?;
    files::create_private_dir(&scratch)?;
    step("queries against the database", || {
        describe(layout, database_url, &scratch)
    })?;
    let committed = layout.root.join(".sqlx");
    let (fresh, known) = (read_all(&scratch)?, read_all(&committed)?);
    if fresh == known {
        note(format!(".sqlx is up to date ({} queries)", fresh.len()));
        return Ok(());
    }
    match mode {
        Mode::Check => fail("the queries or migrations changed: run `cargo xtask sqlx`"),
        Mode::Write => {
            files::remove_dir(&committed)?;
            fs::create_dir(&committed).context("cannot make .sqlx")?;
            for (name, content) in &fresh {
                fs::write(committed.join(name), content).context("cannot write .sqlx")?;
            }
            note(format!(".sqlx written ({} queries)", fresh.len()));
            Ok(())
        }
    }
}

/// Has the compiler run the macros against the database; they write what they learn.
fn describe(layout: &Layout, database_url: &str, into: &Path) -> Result<()> {
    let sources = Touched::all_under(&layout.root.join("server"))?;
    let result = run_shown(
        command("cargo")
            .args(["check", "--package", "server", "--all-targets"])
            .current_dir(&layout.root)
            .env("SQLX_OFFLINE", "false")
            .env("SQLX_OFFLINE_DIR", into)
            .env("DATABASE_URL", database_url),
        "checking the server against the database",
    );
    drop(sources);
    result
}

fn read_all(dir: &Path) -> Result<BTreeMap<String, String>> {
    let mut contents = BTreeMap::new();
    for path in files::list(dir) {
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let content =
            fs::read_to_string(&path).context(format_args!("cannot read {}", path.display()))?;
        contents.insert(name, content);
    }
    Ok(contents)
}

/// Source files that look changed to cargo, until this is dropped: cargo runs macros only for what
/// changed, and other builds should not be made to repeat theirs.
struct Touched {
    now: SystemTime,
    before: Vec<(PathBuf, SystemTime)>,
}

impl Touched {
    fn all_under(dir: &Path) -> Result<Self> {
        let mut touched = Self {
            now: SystemTime::now(),
            before: Vec::new(),
        };
        for path in files::walk(dir) {
            if path.extension().is_some_and(|extension| extension == "rs") {
                let touch = || {
                    let before = fs::metadata(&path)?.modified()?;
                    File::options()
                        .write(true)
                        .open(&path)?
                        .set_modified(touched.now)?;
                    Ok::<_, std::io::Error>(before)
                };
                let before = touch().context(format_args!("cannot touch {}", path.display()))?;
                touched.before.push((path, before));
            }
        }
        Ok(touched)
    }
}

impl Drop for Touched {
    fn drop(&mut self) {
        for (path, before) in &self.before {
            let restore = || {
                let file = File::options().write(true).open(path)?;
                // Somebody may have edited the file meanwhile: that is a change to keep.
                if file.metadata()?.modified()? == self.now {
                    file.set_modified(*before)?;
                }
                Ok::<_, std::io::Error>(())
            };
            // At worst something is compiled once more.
            let _ = restore();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn touched_files_get_their_times_back() {
        let dir = std::env::temp_dir().join(format!("xtask-touch-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let path = dir.join("a.rs");
        fs::write(&path, "").unwrap();
        let before = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000);
        File::options()
            .write(true)
            .open(&path)
            .unwrap()
            .set_modified(before)
            .unwrap();
        let modified = || fs::metadata(&path).unwrap().modified().unwrap();
        let touched = Touched::all_under(&dir).unwrap();
        assert!(modified() > before);
        drop(touched);
        assert_eq!(modified(), before);

        let edited = before + std::time::Duration::from_mins(1);
        let touched = Touched::all_under(&dir).unwrap();
        File::options()
            .write(true)
            .open(&path)
            .unwrap()
            .set_modified(edited)
            .unwrap();
        drop(touched);
        assert_eq!(modified(), edited);
        fs::remove_dir_all(dir).unwrap();
    }
}

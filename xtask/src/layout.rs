//! The directories that this program uses.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::failure::{Context, Result};
use crate::files;
use crate::lock::Lock;
use crate::process::{line, output_of};

/// The directories of one checkout.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    /// The repository.
    pub(crate) root: PathBuf,
    /// State of `cargo xtask up`: databases, accounts, logs. Ignored by git.
    pub(crate) dev: PathBuf,
    /// Tools and Python environments; may be shared between checkouts.
    pub(crate) cache: PathBuf,
}

impl Layout {
    /// Finds the repository that cargo runs this program for.
    pub(crate) fn find() -> Result<Self> {
        let manifest_dir = std::env::var("CARGO_MANIFEST_DIR")
            .context("run it through cargo, as `cargo xtask`")?;
        let root = PathBuf::from(manifest_dir.trim_end_matches("/xtask"));
        let dev = root.join(".dev");
        let cache = match std::env::var_os("XTASK_CACHE") {
            Some(dir) if !dir.is_empty() => std::path::absolute(dir)?,
            _ => dev.join("cache"),
        };
        let layout = Self { root, dev, cache };
        files::create_private_dir(&layout.cache)?;
        files::create_private_dir(&layout.logs())?;
        Ok(layout)
    }

    /// The logs of parts, and of their installation.
    pub(crate) fn logs(&self) -> PathBuf {
        self.dev.join("logs")
    }

    /// State of `cargo xtask test`, which every run makes again.
    pub(crate) fn test(&self) -> PathBuf {
        self.dev.join("test")
    }

    /// The command in a line of words, in the repository.
    pub(crate) fn line(&self, words: &str) -> Command {
        let mut command = line(words);
        command.current_dir(&self.root);
        command
    }

    /// What cargo says of the workspace.
    pub(crate) fn metadata(&self) -> Result<Value> {
        let cargo = self.line("cargo metadata --no-deps --format-version 1");
        let metadata = output_of(cargo).unwrap_or_default();
        serde_json::from_str(&metadata).context("cannot read cargo's metadata")
    }

    /// Cargo's output directory, wherever the environment or a configuration file put it.
    pub(crate) fn target(&self) -> Result<PathBuf> {
        let metadata = self.metadata()?;
        let dir = metadata["target_directory"].as_str();
        Ok(PathBuf::from(
            dir.context("cargo's metadata names no target directory")?,
        ))
    }

    /// Takes the lock of the cache: only one run at a time may fill it.
    pub(crate) fn lock_cache(&self) -> Result<Lock> {
        Lock::wait_for(
            &self.cache.join("lock"),
            "waiting for another run that installs tools",
        )
    }

    /// Installed Rust tools.
    pub(crate) fn tools_bin(&self) -> PathBuf {
        self.cache.join("tools/bin")
    }
}

/// `PATH` with this directory first.
pub(crate) fn path_with(dir: &Path) -> Result<OsString> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let dirs = std::env::split_paths(&path);
    std::env::join_paths(std::iter::once(dir.to_owned()).chain(dirs))
        .context("PATH cannot hold the cache's directory")
}

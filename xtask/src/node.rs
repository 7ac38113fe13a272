//! Node.js and the build tools that come from npm.

use std::path::Path;

use fs_err as fs;

use crate::failure::{Result, fail};
use crate::layout::Layout;
use crate::process::{command, output_of, run_logged};

/// The oldest Node.js that the end-to-end tests and wasm-opt run on.
const OLDEST: u32 = 20;

/// Fails when Node.js is missing or too old.
pub(crate) fn check() -> Result<()> {
    let found = output_of(command("node").arg("--version"));
    match found.as_deref().and_then(major) {
        Some(major) if major >= OLDEST => {}
        Some(major) => {
            return fail(format!(
                "Node.js {major} is too old: install {OLDEST} or newer"
            ));
        }
        None => {
            return fail(format!(
                "no Node.js found: install version {OLDEST} or newer"
            ));
        }
    }
    if output_of(command("npm").arg("--version")).is_none() {
        return fail("Node.js is there, but npm is not: install npm");
    }
    Ok(())
}

/// Installs a directory's packages as locked, unless they are there already.
pub(crate) fn ci(layout: &Layout, dir: &Path) -> Result<()> {
    let modified = |name: &str| {
        fs::metadata(dir.join(name))
            .and_then(|meta| meta.modified())
            .ok()
    };
    let installed = modified("node_modules/.package-lock.json");
    if installed.is_some() && installed >= modified("package-lock.json") {
        return Ok(());
    }
    let name = dir.file_name().unwrap_or_default().to_string_lossy();
    run_logged(
        command("npm")
            .args(["ci", "--no-audit", "--no-fund"])
            .current_dir(dir)
            .env("PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD", "1"),
        "installing packages from npm (is the network up?)",
        &layout.logs().join(format!("npm-{name}.log")),
    )
}

/// The major version in `v20.11.1`.
fn major(version: &str) -> Option<u32> {
    version
        .trim()
        .strip_prefix('v')?
        .split('.')
        .next()?
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn node_versions_are_read() {
        assert_eq!(major("v20.11.1\n"), Some(20));
        assert_eq!(major("node"), None);
    }
}

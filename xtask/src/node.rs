//! Node.js and the build tools that come from npm.

use std::fs;
use std::path::Path;

use crate::failure::{Result, fail};
use crate::layout::Layout;
use crate::process::{command, output_of, run_logged};
use crate::tools::has_version;

/// The oldest Node.js that the end-to-end tests and wasm-opt run on.
const OLDEST: u32 = 20;

/// SHA-256 in JavaScript, in the widget's chunk for proofs of work.
const NOBLE_HASHES: &str = "2.4.0";

/// Provides wasm-opt, compiled to JavaScript.
const BINARYEN: &str = "132.0.0";

/// Puts the widget's JavaScript together.
const ESBUILD: &str = "0.28.2";

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

/// Installs wasm-opt, esbuild, and the library that the widget uses, into the cache.
pub(crate) fn build_tools(layout: &Layout) -> Result<()> {
    let binaryen = BINARYEN.split('.').next().unwrap_or(BINARYEN);
    let is_there = |name: &str, version: &str| {
        let installed = output_of(command(layout.npm_bin().join(name)).arg("--version"));
        installed.is_some_and(|text| has_version(&text, version))
    };
    let noble = fs::read_to_string(layout.npm_modules().join("@noble/hashes/package.json"));
    let has_noble =
        noble.is_ok_and(|json| json.contains(&format!("\"version\": \"{NOBLE_HASHES}\"")));
    if is_there("wasm-opt", binaryen) && is_there("esbuild", ESBUILD) && has_noble {
        return Ok(());
    }
    // Together: npm removes what it is not asked for.
    run_logged(
        command("npm")
            .args([
                "install",
                "--no-save",
                "--no-audit",
                "--no-fund",
                "--prefix",
            ])
            .arg(layout.cache.join("npm"))
            .arg(format!("binaryen@{BINARYEN}"))
            .arg(format!("esbuild@{ESBUILD}"))
            .arg(format!("@noble/hashes@{NOBLE_HASHES}")),
        "installing wasm-opt, esbuild and @noble/hashes from npm (is the network up?)",
        &layout.logs().join("npm-build-tools.log"),
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

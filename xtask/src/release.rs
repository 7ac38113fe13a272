//! `cargo xtask release`: checks everything that has to agree before a version is published.
//!
//! The workspace's version in `Cargo.toml` is the only one that is written by hand; the server, its API description,
//! the npm package and the artefacts take it from there.

use serde_json::Value;

use crate::prelude::*;
use crate::stack::Stack;
use crate::{server, widget};

/// The workspace's version.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Checks changelog, versions, API description and package, and says what is left to do.
pub(crate) fn run(layout: &Layout) -> Result<()> {
    watch_signals()?;
    let read = |file: &str| fs::read_to_string(layout.root.join(file));
    step("changelog", || changelog(&read("CHANGELOG.md")?, VERSION))?;
    step("versions", || {
        // The inventories cannot take the version from there.
        for inventory in ["production", "staging"] {
            let file = format!("ansible/inventories/{inventory}/group_vars/all/main.yml");
            repeated(&read(&file)?, VERSION).context(file)?;
        }
        members(&layout.metadata()?, VERSION)
    })?;
    let mut stack = Stack::for_tests(layout)?;
    let server = stack.server_alone()?;
    step("API description", || {
        let url = format!("{}/openapi.json", server::page_url(stack.ports));
        let description: Value = serde_json::from_str(&server::get(&url)?)?;
        is_version(&description["info"]["version"], VERSION).context("/openapi.json")
    })?;
    drop(server);
    widget::build(layout)?;
    let package = widget::pack(layout)?;
    step("package", || {
        fs::metadata(&package)?;
        let manifest = read("dist/npm/package.json")?;
        check_manifest(&serde_json::from_str(&manifest)?, VERSION)
    })?;
    note(format!(
        "{VERSION} can be released: `cargo xtask test`, then `git tag v{VERSION}`, then `cargo xtask dist`"
    ));
    Ok(())
}

/// Checks that the newest release in the changelog is this one, with its date, and that nothing is above it.
fn changelog(text: &str, version: &str) -> Result<()> {
    let Some((_, text)) = text.split_once("\n## [Unreleased]\n") else {
        bail!("CHANGELOG.md has no section [Unreleased]");
    };
    let (unreleased, rest) = text.split_once("## ").unwrap_or((text, ""));
    if !unreleased.trim().is_empty() {
        bail!("CHANGELOG.md has unreleased changes: move them to a section `[{version}] - DATE`");
    }
    let heading = rest.lines().next().unwrap_or_default();
    let is_date =
        |text: &str| text.len() == 10 && text.chars().all(|c| c.is_ascii_digit() || c == '-');
    match heading.strip_prefix(&format!("[{version}] - ")) {
        Some(date) if is_date(date) => Ok(()),
        _ => bail!("CHANGELOG.md's newest release is `{heading}`, not `[{version}] - DATE`"),
    }
}

/// Checks that every artefact that a file names has this version.
fn repeated(text: &str, version: &str) -> Result<()> {
    let names = text.split("matrix-support-chat-").skip(1);
    let mut versions = names.filter(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    match versions.find(|rest| !rest.starts_with(&format!("{version}-"))) {
        None => Ok(()),
        Some(rest) => bail!(
            "names {}, not {version}",
            rest.split('-').next().unwrap_or(rest)
        ),
    }
}

/// Checks that every crate of the workspace has this version.
fn members(metadata: &Value, version: &str) -> Result<()> {
    for package in metadata["packages"].as_array().into_iter().flatten() {
        is_version(&package["version"], version).with_context(|| package["name"].to_string())?;
    }
    Ok(())
}

/// Checks that the packed manifest has this version, and names its repository.
fn check_manifest(manifest: &Value, version: &str) -> Result<()> {
    for name in ["license", "repository", "homepage"] {
        if manifest[name].is_null() {
            bail!("the npm package names no {name}");
        }
    }
    is_version(&manifest["version"], version).context("the npm package")
}

fn is_version(said: &Value, version: &str) -> Result<()> {
    if said != version {
        bail!("is of version {said}, not {version}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_changelog_begins_with_this_version() {
        let text = |middle: &str| {
            format!("# Changelog\n\n## [Unreleased]\n\n{middle}## [1.0.0] - 2026-01-02\n\n- A\n")
        };
        assert!(changelog(&text(""), "1.0.0").is_ok());
        assert!(changelog(&text(""), "1.1.0").is_err());
        assert!(changelog(&text("- B\n\n"), "1.0.0").is_err());
        assert!(changelog(&text("").replace(" - 2026-01-02", ""), "1.0.0").is_err());
        assert!(changelog("# Changelog\n\n## [1.0.0] - 2026-01-02\n", "1.0.0").is_err());
    }

    #[test]
    fn a_wrong_version_fails() {
        let names = "a: dist/matrix-support-chat-1.0.0-x86_64\nrole: matrix-support-chat-canary";
        let metadata = json!({"packages": [{"name": "app", "version": "1.0.0"}]});
        let manifest =
            json!({"version": "1.0.0", "license": "x", "repository": "x", "homepage": "x"});
        for (version, agrees) in [("1.0.0", true), ("1.0.1", false)] {
            assert_eq!(repeated(names, version).is_ok(), agrees);
            assert_eq!(members(&metadata, version).is_ok(), agrees);
            assert_eq!(check_manifest(&manifest, version).is_ok(), agrees);
        }
        assert!(check_manifest(&json!({"version": "1.0.0"}), "1.0.0").is_err());
    }
}

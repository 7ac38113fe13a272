//! `cargo xtask release`: what has to agree before a version is published.
//!
//! The workspace's version, in `Cargo.toml`, is the only one that anybody writes; the server, its API
//! description, the npm package and the artefacts take it from there.

use std::path::Path;

use fs_err as fs;
use serde_json::Value;

use crate::failure::{Context, Result, bail};
use crate::interruption::watch_signals;
use crate::layout::Layout;
use crate::process::{command, output_of};
use crate::progress::{note, step};
use crate::stack::TestStack;
use crate::{server, widget};

/// The workspace's version.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Where the version is repeated, because the file cannot take it from elsewhere.
const REPEATED: [&str; 2] = [
    "ansible/inventories/production/group_vars/all/main.yml",
    "ansible/inventories/staging/group_vars/all/main.yml",
];

/// Checks changelog, versions, API description and package, and says what is left to do.
pub(crate) fn run(layout: &Layout) -> Result<()> {
    watch_signals()?;
    let root = &layout.root;
    step("changelog", || {
        changelog(&fs::read_to_string(root.join("CHANGELOG.md"))?, VERSION)
    })?;
    step("versions", || {
        for file in REPEATED {
            repeated(&fs::read_to_string(root.join(file))?, VERSION).context(file)?;
        }
        members(&metadata(layout)?, VERSION)
    })?;
    let mut stack = TestStack::new(layout)?;
    let server = stack.server_alone()?;
    step("API description", || {
        let url = format!("{}/openapi.json", server::page_url(stack.ports));
        api_description(&server::get(&url)?, VERSION)
    })?;
    drop(server);
    widget::build(layout)?;
    let package = widget::pack(layout)?;
    step("package", || {
        manifest(&root.join("dist/npm/package.json"), VERSION)?;
        fs::metadata(&package)?;
        Ok(())
    })?;
    note(format!(
        "{VERSION} can be released: `cargo xtask test`, then `git tag v{VERSION}`, then `cargo xtask dist`"
    ));
    Ok(())
}

fn metadata(layout: &Layout) -> Result<Value> {
    let mut cargo = command("cargo");
    cargo
        .args("metadata --no-deps --format-version 1".split(' '))
        .current_dir(&layout.root);
    serde_json::from_str(&output_of(&mut cargo).unwrap_or_default())
        .context("cannot read cargo's metadata")
}

/// The newest release in the changelog is this one, with its date, and nothing waits above it.
fn changelog(text: &str, version: &str) -> Result<()> {
    let mut sections = text.split("\n## ").skip(1);
    let unreleased = sections.next().unwrap_or_default();
    let Some(rest) = unreleased.strip_prefix("[Unreleased]") else {
        bail!("the first section of CHANGELOG.md is not [Unreleased]");
    };
    if !rest.trim().is_empty() {
        bail!("CHANGELOG.md has unreleased changes: move them to a section `[{version}] - DATE`");
    }
    let heading = sections
        .next()
        .unwrap_or_default()
        .lines()
        .next()
        .unwrap_or_default();
    let is_date =
        |text: &str| text.len() == 10 && text.chars().all(|c| c.is_ascii_digit() || c == '-');
    match heading.strip_prefix(&format!("[{version}] - ")) {
        Some(date) if is_date(date) => Ok(()),
        _ => bail!("CHANGELOG.md's newest release is `{heading}`, not `[{version}] - DATE`"),
    }
}

/// Every artefact that a file names is of this version.
fn repeated(text: &str, version: &str) -> Result<()> {
    let names = text
        .match_indices("matrix-support-chat-")
        .map(|(at, name)| &text[at + name.len()..]);
    let mut versions = names.filter(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    match versions.find(|rest| !rest.starts_with(&format!("{version}-"))) {
        None => Ok(()),
        Some(rest) => bail!(
            "names {}, not {version}",
            rest.split('-').next().unwrap_or_default()
        ),
    }
}

/// Every crate of the workspace has this version.
fn members(metadata: &Value, version: &str) -> Result<()> {
    let packages = metadata["packages"].as_array().into_iter().flatten();
    match packages
        .into_iter()
        .find(|package| package["version"] != version)
    {
        None => Ok(()),
        Some(package) => bail!(
            "{} is of version {}, not {version}",
            package["name"],
            package["version"]
        ),
    }
}

/// What the server serves as `/openapi.json` is of this version.
fn api_description(text: &str, version: &str) -> Result<()> {
    let description: Value = serde_json::from_str(text).context("cannot read /openapi.json")?;
    match &description["info"]["version"] {
        said if said == version => Ok(()),
        said => bail!("/openapi.json is of version {said}, not {version}"),
    }
}

/// The packed manifest has this version, and says where it comes from.
fn manifest(path: &Path, version: &str) -> Result<()> {
    let manifest: Value =
        serde_json::from_str(&fs::read_to_string(path)?).context(path.display())?;
    if manifest["version"] != version {
        bail!(
            "the npm package is of version {}, not {version}",
            manifest["version"]
        );
    }
    match ["license", "repository", "homepage"]
        .into_iter()
        .find(|name| manifest[name].is_null())
    {
        None => Ok(()),
        Some(name) => bail!("the npm package names no {name}"),
    }
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
        assert!(
            repeated(
                "a: dist/matrix-support-chat-1.0.0-x86_64\nrole: matrix-support-chat-canary",
                "1.0.0"
            )
            .is_ok()
        );
        assert!(repeated("a: dist/matrix-support-chat-1.0.0-x86_64", "1.0.1").is_err());
        let metadata = json!({"packages": [{"name": "app", "version": "1.0.0"}]});
        assert!(members(&metadata, "1.0.0").is_ok());
        assert!(members(&metadata, "1.0.1").is_err());
        let description = r#"{"info": {"version": "1.0.0"}}"#;
        assert!(api_description(description, "1.0.0").is_ok());
        assert!(api_description(description, "1.0.1").is_err());
    }

    #[test]
    fn the_package_says_its_version_and_origin() {
        let path = std::env::temp_dir().join(format!("xtask-manifest-{}", std::process::id()));
        let manifest_of = |value: Value, version: &str| {
            fs::write(&path, value.to_string()).unwrap();
            manifest(&path, version)
        };
        let complete =
            json!({"version": "1.0.0", "license": "x", "repository": "x", "homepage": "x"});
        assert!(manifest_of(complete.clone(), "1.0.0").is_ok());
        assert!(manifest_of(complete, "1.0.1").is_err());
        assert!(manifest_of(json!({"version": "1.0.0"}), "1.0.0").is_err());
        fs::remove_file(path).unwrap();
    }
}

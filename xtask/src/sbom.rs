//! The software bill of materials: the server's dependencies as `CycloneDX`, by cargo-cyclonedx.

use fs_err as fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::failure::{Context, Result, fail};
use crate::files;
use crate::layout::Layout;
use crate::process::{command, output_of, run_logged};
use crate::progress::step;
use crate::tools;

/// cargo-cyclonedx writes a file like this into the directory of every member of the workspace.
const SUFFIX: &str = ".cdx.json";
const OF_SERVER: &str = "matrix-support-chat_bin.cdx.json";

/// Writes what the server is made of, for this target.
pub(crate) fn write(layout: &Layout, target: &str, to: &Path) -> Result<()> {
    let program = tools::cargo_cyclonedx(layout)?;
    step("bill of materials", || {
        let mut cyclonedx = command(program);
        cyclonedx
            .args(["cyclonedx", "--format", "json", "--spec-version", "1.5"])
            .args(["--describe", "binaries", "--no-build-deps"])
            .args(["--target", target, "--manifest-path", "server/Cargo.toml"])
            // The same sources give the same file.
            .env("SOURCE_DATE_EPOCH", commit_time(layout))
            .current_dir(&layout.root);
        let log = layout.logs().join("cyclonedx.log");
        let result = run_logged(&mut cyclonedx, "cargo cyclonedx", &log);
        let written = fs::read_to_string(layout.root.join("server").join(OF_SERVER));
        for path in left_behind(&layout.root) {
            fs::remove_file(&path)?;
        }
        result?;
        let text = written.context("cargo cyclonedx wrote nothing about the server")?;
        // The path of the checkout is of no use to readers.
        let text = text.replace(&format!("file://{}", layout.root.display()), "file://.");
        Ok(fs::write(to, text)?)
    })
}

/// Checks that it is complete in itself, and about the server and nothing else.
pub(crate) fn check(path: &Path) -> Result<()> {
    let text = fs::read_to_string(path)?;
    let bom: Value = serde_json::from_str(&text).context("cannot read the bill of materials")?;
    match fault(&bom) {
        None => Ok(()),
        Some(fault) => fail(format!("the bill of materials {fault}")),
    }
}

fn fault(bom: &Value) -> Option<String> {
    if bom["bomFormat"] != "CycloneDX" || bom["specVersion"] != "1.5" {
        return Some("is not CycloneDX 1.5".to_owned());
    }
    let root = &bom["metadata"]["component"];
    if root["name"] != "matrix-support-chat" || root["version"] != env!("CARGO_PKG_VERSION") {
        return Some(format!("is about {root}"));
    }
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let components = list(&bom["components"]);
    let is_in = |name: &str| components.iter().any(|it| it["name"] == name);
    if let Some(missing) = ["tokio", "axum", "matrix-sdk", "sqlx"]
        .into_iter()
        .find(|name| !is_in(name))
    {
        return Some(format!("does not name {missing}"));
    }
    // These belong to the tests and to this program.
    if let Some(foreign) = ["proptest", "xtask", "ureq"]
        .into_iter()
        .find(|name| is_in(name))
    {
        return Some(format!("names {foreign}"));
    }
    let known: Vec<_> = components
        .iter()
        .chain([root])
        .map(|component| &component["bom-ref"])
        .collect();
    let dependencies = list(&bom["dependencies"]);
    let dangling = dependencies
        .iter()
        .flat_map(|one| list(&one["dependsOn"]))
        .find(|reference| !known.contains(&reference));
    dangling.map(|reference| format!("refers to {reference}, and does not describe it"))
}

fn left_behind(root: &Path) -> Vec<PathBuf> {
    let members = files::list(root)
        .into_iter()
        .filter(|dir| dir.join("Cargo.toml").is_file());
    members
        .flat_map(|dir| files::list(&dir))
        .filter(|path| path.to_string_lossy().ends_with(SUFFIX))
        .collect()
}

/// The commit's, in seconds; outside a repository the beginning of time.
fn commit_time(layout: &Layout) -> String {
    let mut git = command("git");
    git.args(["log", "-1", "--format=%ct"])
        .current_dir(&layout.root);
    let time = output_of(&mut git).map(|text| text.trim().to_owned());
    time.filter(|text| !text.is_empty())
        .unwrap_or_else(|| "0".to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn bom() -> Value {
        let component = |name: &str| json!({"name": name, "bom-ref": name});
        let components = ["tokio", "axum", "matrix-sdk", "sqlx"].map(component);
        json!({
            "bomFormat": "CycloneDX",
            "specVersion": "1.5",
            "metadata": {"component": {
                "name": "matrix-support-chat",
                "version": env!("CARGO_PKG_VERSION"),
                "bom-ref": "server",
            }},
            "components": components,
            "dependencies": [{"ref": "server", "dependsOn": ["tokio", "axum"]}],
        })
    }

    #[test]
    fn what_is_missing_foreign_or_dangling_is_found() {
        assert_eq!(fault(&bom()), None);
        for (pointer, value, part) in [
            ("/specVersion", json!("1.3"), "not CycloneDX 1.5"),
            ("/metadata/component/name", json!("app"), "is about"),
            ("/components/0/name", json!("tokyo"), "does not name tokio"),
            (
                "/dependencies/0/dependsOn/0",
                json!("gone"),
                "refers to \"gone\"",
            ),
        ] {
            let mut bom = bom();
            *bom.pointer_mut(pointer).unwrap() = value;
            let found = fault(&bom).unwrap();
            assert!(found.contains(part), "{found}");
        }
        let mut with_tests = bom();
        let components = with_tests["components"].as_array_mut().unwrap();
        components.push(json!({"name": "proptest", "bom-ref": "proptest"}));
        assert_eq!(fault(&with_tests).unwrap(), "names proptest");
    }
}

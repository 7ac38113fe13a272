//! The software bill of materials: the server's dependencies as `CycloneDX`, by cargo-cyclonedx.

use serde_json::Value;

use crate::prelude::*;
use crate::tools;

/// Writes the server's dependencies for this target.
pub(crate) fn write(layout: &Layout, target: &str, to: &Path) -> Result<()> {
    let program = tools::get(layout, &tools::CARGO_CYCLONEDX)?;
    step("bill of materials", || {
        // The same sources give the same file. Outside a repository no commit is known.
        let time = output_of(layout.line("git log -1 --format=%ct")).unwrap_or_default();
        let options = "cyclonedx --format json --spec-version 1.5 --describe binaries --no-build-deps \
                       --manifest-path server/Cargo.toml --target";
        let mut cyclonedx = command(program);
        cyclonedx
            .args(options.split(' '))
            .arg(target)
            .env("SOURCE_DATE_EPOCH", format!("0{}", time.trim()))
            .current_dir(&layout.root);
        let log = layout.logs().join("cyclonedx.log");
        let result = run_logged(cyclonedx, "cargo cyclonedx", &log);
        let written = layout.root.join("server/matrix-support-chat_bin.cdx.json");
        let text = fs::read_to_string(written);
        // cargo-cyclonedx writes such a file into the directory of every member of the workspace.
        let members = files::list(&layout.root).into_iter();
        let members = members.filter(|dir| dir.join("Cargo.toml").is_file());
        for path in members.flat_map(|dir| files::list(&dir)) {
            if path.to_string_lossy().ends_with(".cdx.json") {
                fs::remove_file(path)?;
            }
        }
        result?;
        // The path of the checkout is of no use to readers.
        let checkout = format!("file://{}", layout.root.display());
        Ok(fs::write(to, text?.replace(&checkout, "file://."))?)
    })
}

/// Checks that the file is complete, and names the server's dependencies only.
pub(crate) fn check(path: &Path) -> Result<()> {
    let text = fs::read_to_string(path)?;
    check_bom(&serde_json::from_str(&text)?).context("the bill of materials")
}

fn check_bom(bom: &Value) -> Result<()> {
    if bom["bomFormat"] != "CycloneDX" || bom["specVersion"] != "1.5" {
        bail!("is not CycloneDX 1.5");
    }
    let root = &bom["metadata"]["component"];
    if root["name"] != "matrix-support-chat" || root["version"] != env!("CARGO_PKG_VERSION") {
        bail!("is about {root}");
    }
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let components = list(&bom["components"]);
    let names = |name: &&str| components.iter().any(|it| it["name"] == *name);
    let expected = ["tokio", "axum", "matrix-sdk", "sqlx"];
    if let Some(missing) = expected.iter().find(|name| !names(name)) {
        bail!("does not name {missing}");
    }
    // These belong to the tests and to this program.
    if let Some(foreign) = ["proptest", "xtask", "ureq"]
        .iter()
        .find(|name| names(name))
    {
        bail!("names {foreign}");
    }
    let described = components.iter().chain([root]).map(|it| &it["bom-ref"]);
    let described: Vec<_> = described.collect();
    for dependency in list(&bom["dependencies"]) {
        for reference in list(&dependency["dependsOn"]) {
            if !described.contains(&&reference) {
                bail!("refers to {reference}, and does not describe it");
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_missing_foreign_or_dangling_is_found() {
        let component = |name: &str| json!({"name": name, "bom-ref": name});
        let components = ["tokio", "axum", "matrix-sdk", "sqlx", "serde"].map(component);
        let complete = json!({
            "bomFormat": "CycloneDX",
            "specVersion": "1.5",
            "metadata": {"component": {
                "name": "matrix-support-chat",
                "version": env!("CARGO_PKG_VERSION"),
                "bom-ref": "server",
            }},
            "components": components,
            "dependencies": [{"ref": "server", "dependsOn": ["tokio", "axum"]}],
        });
        check_bom(&complete).unwrap();
        for (pointer, value, part) in [
            ("/specVersion", json!("1.3"), "not CycloneDX 1.5"),
            ("/metadata/component/name", json!("app"), "is about"),
            ("/components/0/name", json!("tokyo"), "not name tokio"),
            ("/components/4/name", json!("xtask"), "names xtask"),
            ("/dependencies/0/dependsOn/0", json!("gone"), "\"gone\""),
        ] {
            let mut bom = complete.clone();
            *bom.pointer_mut(pointer).unwrap() = value;
            let fault = check_bom(&bom).unwrap_err().to_string();
            assert!(fault.contains(part), "{fault}");
        }
    }
}

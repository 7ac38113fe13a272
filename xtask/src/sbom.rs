//! Bills of materials as `CycloneDX`: the crates of the server and of the widget, by cargo-cyclonedx, and what the
//! widget's scripts have from npm.

use serde_json::{Value, json};

use crate::prelude::*;
use crate::tools;

const VERSION: &str = env!("CARGO_PKG_VERSION");
/// What the bundler puts into the widget's scripts.
const BUNDLED: [&str; 1] = ["@noble/hashes"];

/// Writes the server's dependencies for this target.
pub(crate) fn write_server(layout: &Layout, target: &str, to: &Path) -> Result<()> {
    let options =
        format!("--describe binaries --manifest-path server/Cargo.toml --target {target}");
    let text = cyclonedx(layout, &options, "server/matrix-support-chat_bin.cdx.json")?;
    Ok(fs::write(to, text)?)
}

/// Writes what is in the npm package.
pub(crate) fn write_package(layout: &Layout, to: &Path) -> Result<()> {
    let target = tools::WASM_TARGET;
    let options =
        format!("--describe crate --manifest-path widget-wasm/Cargo.toml --target {target}");
    let crates = cyclonedx(layout, &options, "widget-wasm/widget-wasm.cdx.json")?;
    let lock = layout.root.join("widget-wasm/build/package-lock.json");
    let lock = serde_json::from_str(&fs::read_to_string(lock)?)?;
    let bom = of_package(serde_json::from_str(&crates)?, &lock)?;
    Ok(fs::write(to, format!("{bom:#}\n"))?)
}

/// Runs cargo-cyclonedx, and gives the text that it writes into this file.
fn cyclonedx(layout: &Layout, options: &str, file: &str) -> Result<String> {
    let program = tools::get(layout, &tools::CARGO_CYCLONEDX)?;
    step("bill of materials", || {
        // The same sources give the same file. Outside a repository no commit is known.
        let time = output_of(layout.line("git log -1 --format=%ct")).unwrap_or_default();
        let always = "cyclonedx --format json --spec-version 1.5 --no-build-deps";
        let mut cyclonedx = command(program);
        cyclonedx
            .args(always.split(' ').chain(options.split(' ')))
            .env("SOURCE_DATE_EPOCH", format!("0{}", time.trim()))
            .current_dir(&layout.root);
        let log = layout.logs().join("cyclonedx.log");
        let result = run_logged(cyclonedx, "cargo cyclonedx", &log);
        let text = fs::read_to_string(layout.root.join(file));
        // It writes such a file into the directory of every member of the workspace.
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
        Ok(text?.replace(&checkout, "file://."))
    })
}

/// The bill of the widget's crate as one of the npm package, to which the bundler adds libraries from npm.
fn of_package(mut bom: Value, lock: &Value) -> Result<Value> {
    let name = "@webdevelop-pro/matrix-support-chat";
    let root = &mut bom["metadata"]["component"];
    let reference = root["bom-ref"].clone();
    *root = json!({
        "type": "library",
        "bom-ref": reference,
        "name": name,
        "version": VERSION,
        "purl": purl(name, VERSION),
        "licenses": [{"expression": env!("CARGO_PKG_LICENSE")}],
    });
    for name in BUNDLED {
        let locked = &lock["packages"][format!("node_modules/{name}")];
        let version = locked["version"].as_str();
        let version = version.with_context(|| format!("no version is locked of {name}"))?;
        let purl = purl(name, version);
        let component = json!({
            "type": "library",
            "bom-ref": purl,
            "name": name,
            "version": version,
            "purl": purl,
            "licenses": [{"expression": locked["license"]}],
        });
        array(&mut bom["components"])?.push(component);
        let all = array(&mut bom["dependencies"])?;
        let root = all.iter_mut().find(|it| it["ref"] == reference);
        let root = root.context("the bill does not say what the widget depends on")?;
        array(&mut root["dependsOn"])?.push(purl.clone().into());
        all.push(json!({"ref": purl}));
    }
    Ok(bom)
}

fn array(value: &mut Value) -> Result<&mut Vec<Value>> {
    value.as_array_mut().context("not a bill of materials")
}

fn purl(name: &str, version: &str) -> String {
    format!("pkg:npm/{}@{version}", name.replacen('@', "%40", 1))
}

/// Checks that the server's bill is complete, and names the server's dependencies only.
pub(crate) fn check_server(path: &Path) -> Result<()> {
    let expected = ["tokio", "axum", "matrix-sdk", "sqlx"];
    check(path, "matrix-support-chat", &expected)
}

/// The same of the npm package's.
pub(crate) fn check_package(path: &Path) -> Result<()> {
    let expected = ["wasm-bindgen", "serde_json", "@noble/hashes"];
    check(path, "@webdevelop-pro/matrix-support-chat", &expected)
}

fn check(path: &Path, name: &str, expected: &[&str]) -> Result<()> {
    let text = fs::read_to_string(path)?;
    check_bom(&serde_json::from_str(&text)?, name, expected)
        .with_context(|| format!("the bill of materials of {name}"))
}

fn check_bom(bom: &Value, name: &str, expected: &[&str]) -> Result<()> {
    if bom["bomFormat"] != "CycloneDX" || bom["specVersion"] != "1.5" {
        bail!("is not CycloneDX 1.5");
    }
    let root = &bom["metadata"]["component"];
    if root["name"] != name || root["version"] != VERSION {
        bail!("is about {root}");
    }
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let components = list(&bom["components"]);
    let names = |name: &&str| components.iter().any(|it| it["name"] == *name);
    if let Some(missing) = expected.iter().find(|name| !names(name)) {
        bail!("does not name {missing}");
    }
    // These belong to the tests and to this program.
    if let Some(foreign) = ["proptest", "xtask", "ureq", "wasm-bindgen-test"]
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

    /// So that the list does not miss what a script begins to use.
    #[test]
    fn the_scripts_have_nothing_from_npm_but_what_the_bill_names() {
        let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("../widget-wasm/js");
        let scripts = files::walk(&scripts).into_iter();
        let text: String = scripts
            .filter_map(|path| fs::read_to_string(path).ok())
            .collect();
        let imports = text
            .split(" from \"")
            .skip(1)
            .filter_map(|rest| rest.split('"').next());
        let packages = imports.filter(|name| !name.starts_with('.'));
        for name in packages {
            assert!(
                BUNDLED.iter().any(|known| name.starts_with(known)),
                "{name}"
            );
        }
        assert!(BUNDLED.iter().all(|known| text.contains(known)));
    }

    #[test]
    fn the_packages_bill_names_what_it_has_from_npm() {
        let crates = json!({
            "bomFormat": "CycloneDX",
            "specVersion": "1.5",
            "metadata": {"component": {"name": "widget-wasm", "bom-ref": "widget"}},
            "components": [],
            "dependencies": [{"ref": "widget", "dependsOn": []}],
        });
        let library = json!({"version": "2.4.0", "license": "MIT"});
        let lock = json!({"packages": {"node_modules/@noble/hashes": library}});
        let bom = of_package(crates, &lock).unwrap();
        let name = "@webdevelop-pro/matrix-support-chat";
        check_bom(&bom, name, &["@noble/hashes"]).unwrap();
        let purl = "pkg:npm/%40noble/hashes@2.4.0";
        assert_eq!(bom["components"][0]["purl"], purl);
        assert!(of_package(bom, &json!({})).is_err());
    }

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
        let expected = ["tokio", "axum", "matrix-sdk", "sqlx"];
        let check = |bom: &Value| check_bom(bom, "matrix-support-chat", &expected);
        check(&complete).unwrap();
        for (pointer, value, part) in [
            ("/specVersion", json!("1.3"), "not CycloneDX 1.5"),
            ("/metadata/component/name", json!("app"), "is about"),
            ("/components/0/name", json!("tokyo"), "not name tokio"),
            ("/components/4/name", json!("xtask"), "names xtask"),
            ("/dependencies/0/dependsOn/0", json!("gone"), "\"gone\""),
        ] {
            let mut bom = complete.clone();
            *bom.pointer_mut(pointer).unwrap() = value;
            let fault = check(&bom).unwrap_err().to_string();
            assert!(fault.contains(part), "{fault}");
        }
    }
}

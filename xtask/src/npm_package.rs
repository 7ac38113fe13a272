//! The npm package `@webdevelop-pro/matrix-support-chat`: the built widget, and what a front-end
//! developer needs around it, from `widget-wasm/package`.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use crate::failure::{Context, Result};
use crate::files;
use crate::layout::Layout;
use crate::process::{command, run_logged};
use crate::progress::step;

/// The package has the workspace's version and licence.
const VERSION: &str = env!("CARGO_PKG_VERSION");
const LICENSE: &str = env!("CARGO_PKG_LICENSE");

/// Packs the built widget (see [`crate::widget::build`]) into `dist/`, and gives the tarball's path.
pub(crate) fn pack(layout: &Layout) -> Result<PathBuf> {
    step("npm package", || {
        let dist = layout.root.join("dist");
        let package = dist.join("npm");
        assemble(&layout.root, &package)?;
        let log = layout.logs().join("npm-pack.log");
        let mut set = command("npm");
        set.args(["pkg", "set"])
            .arg(format!("version={VERSION}"))
            .arg(format!("license={LICENSE}"))
            .current_dir(&package);
        run_logged(&mut set, "npm pkg set", &log)?;
        let mut pack = command("npm");
        pack.args(["pack", "--ignore-scripts", "--pack-destination"])
            .arg(&dist)
            .current_dir(&package);
        run_logged(&mut pack, "npm pack", &log)?;
        Ok(dist.join(format!("webdevelop-pro-matrix-support-chat-{VERSION}.tgz")))
    })
}

/// Puts the package's files together. Of the widget's, the compressed copies stay behind: whoever
/// serves the site compresses.
fn assemble(root: &Path, package: &Path) -> Result<()> {
    files::remove_dir(package)?;
    copy_all(&root.join("widget-wasm/package"), package, |_| true)?;
    copy_all(&root.join("dist/widget"), &package.join("widget"), |path| {
        path.extension() != Some(OsStr::new("br"))
    })?;
    let texts = root.join("widget-wasm/locales/en.js");
    copy(&texts, &package.join("texts.js"))?;
    let texts = fs::read_to_string(&texts).context("cannot read the English texts")?;
    fs::write(package.join("texts.d.ts"), types_of_texts(&texts))
        .context("cannot write the types of the texts")?;
    copy(&root.join("LICENSE"), &package.join("LICENSE"))
}

/// The declaration of a locale: its keys, each with its text.
fn types_of_texts(locale: &str) -> String {
    // A long text stands on the line below its key.
    let locale = locale.replace(":\n    ", ": ");
    let keys = locale
        .lines()
        .filter_map(|line| line.strip_prefix("  ")?.split_once(": "));
    let declared: Vec<String> = keys
        .map(|(key, text)| {
            let text = text.trim_end_matches(',');
            format!("  /** {text} */\n  readonly {key}: string;\n")
        })
        .collect();
    format!(
        "/** The widget's texts in English, by their keys. */\n\
         declare const texts: {{\n{}}};\nexport default texts;\n",
        declared.concat()
    )
}

fn copy_all(from: &Path, to: &Path, is_wanted: impl Fn(&Path) -> bool) -> Result<()> {
    for path in files::walk(from).into_iter().filter(|path| is_wanted(path)) {
        let name = path.strip_prefix(from).unwrap_or(&path);
        copy(&path, &to.join(name))?;
    }
    Ok(())
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    if let Some(dir) = to.parent() {
        fs::create_dir_all(dir).context(format_args!("cannot make {}", dir.display()))?;
    }
    fs::copy(from, to).context(format_args!("cannot copy {}", from.display()))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_package_is_its_sources_and_the_widget_without_compressed_copies() {
        let root = std::env::temp_dir().join(format!("xtask-package-{}", std::process::id()));
        for name in [
            "LICENSE",
            "widget-wasm/package/index.js",
            "widget-wasm/locales/en.js",
            "dist/widget/loader.js",
            "dist/widget/loader.js.br",
            "dist/widget/locales/de.js",
            "dist/npm/left-behind.js",
        ] {
            let path = root.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, name).unwrap();
        }
        let package = root.join("dist/npm");
        assemble(&root, &package).unwrap();
        let names: Vec<String> = files::walk(&package)
            .iter()
            .map(|path| path.strip_prefix(&package).unwrap().display().to_string())
            .collect();
        assert_eq!(
            names,
            [
                "LICENSE",
                "index.js",
                "texts.d.ts",
                "texts.js",
                "widget/loader.js",
                "widget/locales/de.js"
            ]
        );
        fs::remove_dir_all(root).unwrap();
    }

    #[test]
    fn the_types_have_the_keys_of_the_texts() {
        let types = types_of_texts("export default {\n  launcher: \"Chat: with us\",\n\n};\n");
        assert!(types.contains("/** \"Chat: with us\" */\n  readonly launcher: string;\n};"));
        let types = types_of_texts("export default {\n  more:\n    \"Long: and more\",\n};\n");
        assert!(types.contains("/** \"Long: and more\" */\n  readonly more: string;\n};"));
    }
}

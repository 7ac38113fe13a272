//! The widget's build: Trunk, and what comes after Trunk.

use std::fs;
use std::path::{Path, PathBuf};

use crate::failure::{Context, Result, fail};
use crate::files;
use crate::layout::Layout;
use crate::process::{command, run_shown};
use crate::progress::{note, step};
use crate::tools;

/// The loader: the one file with a fixed name, which pages load.
const LOADER: &str = "matrix-support-chat.js";

/// What the loader's source imports; Trunk gives the real file a name with a hash in it.
const PLACEHOLDER: &str = "./widget-wasm.js";

/// Builds the widget into `dist/widget/`.
pub(crate) fn build(layout: &Layout) -> Result<()> {
    tools::for_widget(layout)?;
    step("widget", || {
        run_shown(
            command("trunk")
                .args(["build", "--release"])
                .current_dir(&layout.root)
                .env("PATH", layout.path_with_tools()?)
                // Its failures speak for themselves.
                .env("RUST_LIB_BACKTRACE", "0")
                // Trunk would take its value for a truth value.
                .env_remove("NO_COLOR")
                // Everything it needs is there; a mistake should show as one, not as a download.
                .env("TRUNK_OFFLINE", "true")
                .env("TRUNK_SKIP_VERSION_CHECK", "true"),
            "trunk build",
        )
    })
}

/// Trunk's post-build hook: names the hashed module in the loader, and leaves a compressed copy
/// beside every file.
pub(crate) fn finish() -> Result<()> {
    let Some(staging) = std::env::var_os("TRUNK_STAGING_DIR").map(PathBuf::from) else {
        return fail("finish-widget is Trunk's to call: run `trunk build --release`");
    };
    finish_in(&staging)
}

fn finish_in(staging: &Path) -> Result<()> {
    let loader = staging.join(LOADER);
    let source = fs::read_to_string(&loader)
        .context(format_args!("Trunk did not copy the loader {LOADER}"))?;
    let names: Vec<String> = files::list(staging)
        .iter()
        .filter_map(|path| Some(path.file_name()?.to_str()?.to_owned()))
        .collect();
    fs::write(&loader, name_module(&source, &names)?).context("cannot write the loader")?;
    // Trunk's starting point, not part of what is published.
    fs::remove_file(staging.join("index.html")).context("cannot remove index.html")?;
    for path in files::walk(staging) {
        if path
            .extension()
            .is_some_and(|ext| ["js", "wasm", "css"].iter().any(|it| ext == *it))
        {
            compress(staging, &path)?;
        }
    }
    Ok(())
}

/// The loader with the hashed module's name in it.
fn name_module(source: &str, names: &[String]) -> Result<String> {
    let is_module = |name: &str| {
        name.strip_prefix("widget-wasm-")?
            .strip_suffix(".js")
            .map(|_| ())
    };
    let modules: Vec<&String> = names
        .iter()
        .filter(|name| is_module(name).is_some())
        .collect();
    let [module] = modules[..] else {
        return fail(format!(
            "expected one widget-wasm-*.js from Trunk, found {}",
            modules.len()
        ));
    };
    match source.matches(PLACEHOLDER).count() {
        1 => Ok(source.replace(PLACEHOLDER, &format!("./{module}"))),
        count => fail(format!(
            "expected {PLACEHOLDER} once in {LOADER}, found it {count} times"
        )),
    }
}

fn compress(staging: &Path, path: &Path) -> Result<()> {
    let content = fs::read(path).context(format_args!("cannot read {}", path.display()))?;
    let parameters = brotli::enc::BrotliEncoderParams {
        quality: 11,
        lgwin: 22,
        size_hint: content.len(),
        ..Default::default()
    };
    let mut compressed = Vec::new();
    brotli::BrotliCompress(&mut content.as_slice(), &mut compressed, &parameters)
        .context("cannot compress")?;
    let mut beside = path.as_os_str().to_owned();
    beside.push(".br");
    fs::write(&beside, &compressed).context("cannot write a compressed file")?;
    let name = path.strip_prefix(staging).unwrap_or(path).display();
    note(format!(
        "    {name}: {} bytes, {} compressed",
        content.len(),
        compressed.len()
    ));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = r#"export const load = () => import("./widget-wasm.js");"#;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn the_loader_gets_the_hashed_name() {
        let names = names(&[LOADER, "widget-wasm-12ab.js", "widget-wasm-12ab_bg.wasm"]);
        let loader = name_module(SOURCE, &names).unwrap();
        assert_eq!(
            loader,
            r#"export const load = () => import("./widget-wasm-12ab.js");"#
        );
    }

    #[test]
    fn a_build_with_anything_missing_or_double_is_refused() {
        assert!(name_module(SOURCE, &names(&[LOADER])).is_err());
        assert!(name_module(SOURCE, &names(&["widget-wasm-1.js", "widget-wasm-2.js"])).is_err());
        assert!(name_module("import('./other.js')", &names(&["widget-wasm-1.js"])).is_err());
    }

    #[test]
    fn a_finished_build_is_what_gets_published() {
        let dir = std::env::temp_dir().join(format!("xtask-widget-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        fs::write(dir.join(LOADER), SOURCE).unwrap();
        fs::write(dir.join("index.html"), "<html>").unwrap();
        fs::write(dir.join("widget-wasm-12ab.js"), "export {}").unwrap();
        fs::write(dir.join("widget-wasm-12ab_bg.wasm"), [0; 1000]).unwrap();
        finish_in(&dir).unwrap();
        assert!(!dir.join("index.html").exists());
        let mut unpacked = Vec::new();
        let mut packed = fs::File::open(dir.join("widget-wasm-12ab_bg.wasm.br")).unwrap();
        brotli::BrotliDecompress(&mut packed, &mut unpacked).unwrap();
        assert_eq!(unpacked, [0; 1000]);
        let mut packed = fs::File::open(dir.join(format!("{LOADER}.br"))).unwrap();
        let mut unpacked = Vec::new();
        brotli::BrotliDecompress(&mut packed, &mut unpacked).unwrap();
        assert_eq!(unpacked, fs::read(dir.join(LOADER)).unwrap());
        fs::remove_dir_all(dir).unwrap();
    }
}

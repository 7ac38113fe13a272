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

/// What the loader imports, and what that module loads: in full where they are used, so that
/// bundlers find them. Trunk gives the real files names with a hash in them.
const MODULE: &str = "./widget-wasm.js";
const WASM: &str = "widget-wasm_bg.wasm";

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

/// Trunk's post-build hook: puts the hashed names where they are used, and leaves a compressed copy
/// beside every file.
pub(crate) fn finish() -> Result<()> {
    let Some(staging) = std::env::var_os("TRUNK_STAGING_DIR").map(PathBuf::from) else {
        return fail("finish-widget is Trunk's to call: run `trunk build --release`");
    };
    finish_in(&staging)
}

fn finish_in(staging: &Path) -> Result<()> {
    let names: Vec<String> = files::list(staging)
        .iter()
        .filter_map(|path| Some(path.file_name()?.to_str()?.to_owned()))
        .collect();
    let hashed = hashed_name(&names)?;
    rename_in(staging, LOADER, MODULE, &format!("./{hashed}.js"))?;
    rename_in(
        staging,
        &format!("{hashed}.js"),
        WASM,
        &format!("{hashed}_bg.wasm"),
    )?;
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

/// The name, without an extension, that Trunk has given to the module.
fn hashed_name(names: &[String]) -> Result<&str> {
    let modules: Vec<&str> = names
        .iter()
        .filter(|name| name.starts_with("widget-wasm-"))
        .filter_map(|name| name.strip_suffix(".js"))
        .collect();
    match modules[..] {
        [module] => Ok(module),
        _ => fail(format!(
            "expected one widget-wasm-*.js from Trunk, found {}",
            modules.len()
        )),
    }
}

/// Replaces the one place where a file names another.
fn rename_in(staging: &Path, file: &str, old: &str, new: &str) -> Result<()> {
    let path = staging.join(file);
    let source = fs::read_to_string(&path).context(format_args!("Trunk left no {file}"))?;
    match source.matches(old).count() {
        1 => {
            fs::write(&path, source.replace(old, new)).context(format_args!("cannot write {file}"))
        }
        count => fail(format!(
            "expected {old} once in {file}, found it {count} times"
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
    const GLUE: &str = "new URL('widget-wasm_bg.wasm', import.meta.url)";

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    fn build_of(files: &[(&str, &str)]) -> PathBuf {
        let name = format!("xtask-widget-{}-{}", std::process::id(), files.len());
        let dir = std::env::temp_dir().join(name);
        fs::create_dir_all(&dir).unwrap();
        for (name, content) in files {
            fs::write(dir.join(name), content).unwrap();
        }
        dir
    }

    #[test]
    fn the_module_is_the_one_with_a_hash() {
        let found = names(&[LOADER, "widget-wasm-12ab.js", "widget-wasm-12ab_bg.wasm"]);
        assert_eq!(hashed_name(&found).unwrap(), "widget-wasm-12ab");
        assert!(hashed_name(&names(&[LOADER])).is_err());
        assert!(hashed_name(&names(&["widget-wasm-1.js", "widget-wasm-2.js"])).is_err());
    }

    #[test]
    fn a_build_in_which_a_name_is_missing_is_refused() {
        let dir = build_of(&[(LOADER, SOURCE)]);
        assert!(rename_in(&dir, LOADER, WASM, "new").is_err());
        assert!(rename_in(&dir, "no-such.js", MODULE, "new").is_err());
        assert_eq!(fs::read_to_string(dir.join(LOADER)).unwrap(), SOURCE);
        fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn a_finished_build_is_what_gets_published() {
        let wasm = "0".repeat(1000);
        let dir = build_of(&[
            (LOADER, SOURCE),
            ("index.html", "<html>"),
            ("widget-wasm-12ab.js", GLUE),
            ("widget-wasm-12ab_bg.wasm", &wasm),
        ]);
        finish_in(&dir).unwrap();
        assert!(!dir.join("index.html").exists());
        let files = [
            (LOADER, SOURCE.replace("-wasm", "-wasm-12ab")),
            ("widget-wasm-12ab.js", GLUE.replace("-wasm", "-wasm-12ab")),
            ("widget-wasm-12ab_bg.wasm", wasm),
        ];
        for (name, content) in files {
            assert_eq!(fs::read_to_string(dir.join(name)).unwrap(), content);
            let mut unpacked = Vec::new();
            let mut packed = fs::File::open(dir.join(format!("{name}.br"))).unwrap();
            brotli::BrotliDecompress(&mut packed, &mut unpacked).unwrap();
            assert_eq!(unpacked, content.as_bytes());
        }
        fs::remove_dir_all(dir).unwrap();
    }
}

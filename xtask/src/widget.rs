//! The widget's build by Trunk, whose post-build hook is in `widget-wasm/build`, as are its sizes and the npm package.

use std::process::Command;

use serde_json::json;

use crate::layout::path_with;
use crate::prelude::*;
use crate::{browser, node, tools};

/// The options with which Cargo compiles the standard library for size together with the widget,
/// which saves 2 KB. A panic becomes a trap without a message. These options are unstable, so the
/// toolchain is pinned, and the first of them makes the stable compiler accept the others.
const SMALL_STD: [(&str, &str); 4] = [
    ("RUSTC_BOOTSTRAP", "1"),
    ("CARGO_UNSTABLE_BUILD_STD", "std,panic_abort"),
    ("CARGO_UNSTABLE_BUILD_STD_FEATURES", "optimize_for_size"),
    (
        "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS",
        "-Zunstable-options -Cpanic=immediate-abort -Zlocation-detail=none",
    ),
];

/// The scripts that run after Trunk.
pub(crate) const BUILD: &str = "widget-wasm/build";

/// Builds the widget into `dist/widget/`. If the source of the standard library is not available,
/// the compiled one is used.
pub(crate) fn build(layout: &Layout) -> Result<()> {
    tools::wasm_target(layout)?;
    tools::get(layout, &tools::WASM_BINDGEN)?;
    tools::get(layout, &tools::TRUNK)?;
    node::packages(layout, BUILD)?;
    let small_std = tools::std_source(layout);
    if !small_std {
        note("    without the standard library's source, the widget gets 2 KB larger");
    }
    let mut fetch = layout.line(&format!(
        "cargo fetch --locked --target {}",
        tools::WASM_TARGET
    ));
    let mut trunk = layout.line("trunk build --release");
    trunk
        .env("PATH", path_with(&layout.tools_bin())?)
        // The failure is shown by the script itself.
        .env("RUST_LIB_BACKTRACE", "0")
        // Trunk would interpret the variable's value as a boolean.
        .env_remove("NO_COLOR")
        // Everything is there already; a missing file should be reported and not downloaded.
        .env("TRUNK_OFFLINE", "true")
        .env("TRUNK_SKIP_VERSION_CHECK", "true");
    if small_std {
        // The dependencies of the standard library are not those of this workspace.
        fetch.envs(SMALL_STD);
        trunk.envs(SMALL_STD);
    }
    step("the widget's dependencies", || {
        let log = layout.logs().join("cargo-fetch.log");
        run_logged(&mut fetch, "`cargo fetch`", &log)
    })?;
    step("widget", || run_shown(&mut trunk, "trunk build"))
}

/// Packs the built widget as an npm package into `dist/`, and gives the tarball's path.
pub(crate) fn pack(layout: &Layout) -> Result<PathBuf> {
    step("npm package", || {
        let (version, license) = (env!("CARGO_PKG_VERSION"), env!("CARGO_PKG_LICENSE"));
        let mut pack = script(layout, "pack.js");
        pack.args([version, license]);
        run_logged(pack, "npm pack", &layout.logs().join("npm-pack.log"))?;
        let name = format!("webdevelop-pro-matrix-support-chat-{version}.tgz");
        Ok(layout.root.join("dist").join(name))
    })
}

/// `cargo xtask size`: builds the widget, and reports its size and the crates that the bytes come
/// from.
pub(crate) fn size(layout: &Layout) -> Result<()> {
    watch_signals()?;
    node::ensure(layout)?;
    build(layout)?;
    let built = layout
        .target()?
        .join("wasm-bindgen/release/widget-wasm_bg.wasm");
    run_shown(script(layout, "size.js").arg("report").arg(built), "size")?;
    check_size(layout)
}

/// Fails if the budget is higher than it was in any earlier commit.
pub(crate) fn check_budget(layout: &Layout) -> Result<()> {
    node::packages(layout, BUILD)?;
    run_shown(
        script(layout, "size.js").arg("budget"),
        "the widget's budget",
    )
}

/// Fails if the built widget exceeds its budget.
pub(crate) fn check_size(layout: &Layout) -> Result<()> {
    let mut size = script(layout, "size.js");
    size.arg("check");
    if !tools::has_std_source(layout) {
        note("    the budget is for a widget with a small standard library, which this has not");
        size.arg("--promise");
    }
    run_shown(size, "the widget's size")
}

fn script(layout: &Layout, name: &str) -> Command {
    let mut script = line("node");
    script.arg(layout.root.join(BUILD).join(name));
    script
}

/// Runs the tests that are compiled for the browser. If there is no `ChromeDriver` of the browser's
/// version, a note says so; Playwright's tests cover most of the same.
pub(crate) fn test_in_browser(layout: &Layout, chromium: &Path) -> Result<()> {
    let driver = match optional(browser::driver(layout, chromium))? {
        Ok(driver) => driver,
        Err(reason) => {
            note(format!("    left out, the crate's tests in it: {reason}"));
            return Ok(());
        }
    };
    let runner = tools::get(layout, &tools::WASM_TEST_RUNNER)?;
    let options = layout.test().join("webdriver.json");
    let args = [
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
    ];
    let capabilities = json!({ "goog:chromeOptions": { "binary": chromium, "args": args } });
    files::write_private(&options, &capabilities.to_string())?;
    let mut tests = layout.line("cargo test --package widget-wasm --lib --target");
    tests
        .arg(tools::WASM_TARGET)
        .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER", runner)
        .env("CHROMEDRIVER", driver)
        .env("WASM_BINDGEN_TEST_WEBDRIVER_JSON", options)
        // In seconds, on a machine that may be busy.
        .env("WASM_BINDGEN_TEST_DRIVER_TIMEOUT", "60")
        .env("WASM_BINDGEN_TEST_TIMEOUT", "120");
    run_shown(tests, "the crate's tests in a browser")
}

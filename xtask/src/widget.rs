//! The widget's build: Trunk, what comes after Trunk, and what it may weigh.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::bundle::LOADER;
use crate::failure::{Context, Failure, Result, fail};
use crate::files;
use crate::layout::Layout;
use crate::process::{command, output_of, run_logged, run_shown};
use crate::progress::{note, step};
use crate::{browser, bundle, tools};

/// How Cargo compiles the standard library for size, together with the widget: 2 KB less. A panic is
/// a trap at once, and nothing says where it was. Cargo and the compiler do not call this stable;
/// the toolchain is pinned, and the first of these is what makes them do it all the same.
const SMALL_STD: [(&str, &str); 4] = [
    ("RUSTC_BOOTSTRAP", "1"),
    ("CARGO_UNSTABLE_BUILD_STD", "std,panic_abort"),
    ("CARGO_UNSTABLE_BUILD_STD_FEATURES", "optimize_for_size"),
    (
        "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS",
        "-Zunstable-options -Cpanic=immediate-abort -Zlocation-detail=none",
    ),
];

/// Builds the widget into `dist/widget/`. Where the standard library's source is not to be had, it
/// is the compiled one that goes in.
pub(crate) fn build(layout: &Layout) -> Result<()> {
    tools::for_widget(layout)?;
    let small_std = tools::std_source(layout);
    if !small_std {
        note("    without the standard library's source, the widget gets 2 KB larger");
    }
    let mut fetch = command("cargo");
    fetch
        .args(["fetch", "--locked", "--target", tools::WASM_TARGET])
        .current_dir(&layout.root);
    let mut trunk = command("trunk");
    trunk
        .args(["build", "--release"])
        .current_dir(&layout.root)
        .env("PATH", layout.path_with_tools()?)
        // Its failures speak for themselves.
        .env("RUST_LIB_BACKTRACE", "0")
        // Trunk would take its value for a truth value.
        .env_remove("NO_COLOR")
        // Everything it needs is there; a mistake should show as one, not as a download.
        .env("TRUNK_OFFLINE", "true")
        .env("TRUNK_SKIP_VERSION_CHECK", "true");
    if small_std {
        // What the standard library depends on is no dependency of this workspace.
        fetch.envs(SMALL_STD);
        trunk.envs(SMALL_STD);
    }
    step("the widget's dependencies", || {
        let log = layout.logs().join("cargo-fetch.log");
        run_logged(&mut fetch, "`cargo fetch`", &log)
    })?;
    step("widget", || run_shown(&mut trunk, "trunk build"))
}

/// Trunk's post-build hook: makes of its output what browsers load, and leaves a compressed copy
/// beside every file.
pub(crate) fn finish(layout: &Layout) -> Result<()> {
    let Some(staging) = std::env::var_os("TRUNK_STAGING_DIR").map(PathBuf::from) else {
        return fail("finish-widget is Trunk's to call: run `trunk build --release`");
    };
    bundle::make(layout, &staging)?;
    for path in files::walk(&staging) {
        compress(&path)?;
    }
    Ok(())
}

fn compress(path: &Path) -> Result<()> {
    let content = fs::read(path).context(format_args!("cannot read {}", path.display()))?;
    let mut beside = path.as_os_str().to_owned();
    beside.push(".br");
    fs::write(&beside, brotli(&content)?).context("cannot write a compressed file")
}

fn brotli(content: &[u8]) -> Result<Vec<u8>> {
    let parameters = brotli::enc::BrotliEncoderParams {
        quality: 11,
        lgwin: 22,
        size_hint: content.len(),
        ..Default::default()
    };
    let mut compressed = Vec::new();
    brotli::BrotliCompress(&mut &*content, &mut compressed, &parameters)
        .context("cannot compress")?;
    Ok(compressed)
}

/// What a visitor's browser gets, compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sizes {
    /// On every page that has the widget.
    pub(crate) loader: u64,
    /// Once the visitor opens the chat: code, style, and the largest locale.
    pub(crate) opening: u64,
}

impl Sizes {
    const FILE: &str = "widget-wasm/size-budget.json";

    /// What the project promises.
    const PROMISE: Self = Self {
        loader: 1_331,
        opening: 36_864,
    };

    /// How often the budget was set again, to more than before: when the widget began to keep what was typed, when
    /// it learned of links, other tabs and replies that nobody waits for, and when of reading and typing. Budgets from before then do not bind any more.
    const RESETS: u64 = 3;

    /// The budget of today.
    fn budget(layout: &Layout) -> Result<Self> {
        let text = files::read_if_there(&layout.root.join(Self::FILE))?.unwrap_or_default();
        Self::read(&text)
    }

    fn read(text: &str) -> Result<Self> {
        let json: Value =
            serde_json::from_str(text).context(format_args!("cannot read {}", Self::FILE))?;
        match (json["loader"].as_u64(), json["opening"].as_u64()) {
            (Some(loader), Some(opening)) => Ok(Self { loader, opening }),
            _ => fail(format!("{} names no loader and opening", Self::FILE)),
        }
    }

    /// A budget of a commit before, if it still binds.
    fn read_binding(text: &str) -> Option<Self> {
        let json: Value = serde_json::from_str(text).ok()?;
        let resets = json["resets"].as_u64().unwrap_or(0);
        (resets == Self::RESETS).then(|| Self::read(text).ok())?
    }

    /// What the budget was in each commit that touched it, as far as the clone reaches back.
    fn past_budgets(layout: &Layout) -> Vec<Self> {
        let git = |args: &[&str]| output_of(command("git").args(args).current_dir(&layout.root));
        let commits = git(&["log", "--format=%H", "--", Self::FILE]).unwrap_or_default();
        let budget_of = |commit: &str| git(&["show", &format!("{commit}:{}", Self::FILE)]);
        let budgets = commits.lines().filter_map(budget_of);
        budgets
            .filter_map(|text| Self::read_binding(&text))
            .collect()
    }

    /// The widget in `dist/widget`.
    fn measure(layout: &Layout) -> Result<Self> {
        let dist = layout.root.join("dist/widget");
        let size = |path: &Path| -> Result<u64> {
            let meta = fs::metadata(path).context(format_args!("no {}", path.display()))?;
            Ok(meta.len())
        };
        let script = fs::read_to_string(dist.join(LOADER)).context("no loader")?;
        let (mut loader, mut chat, mut locale) = (0, 0, 0);
        for path in files::list(&dist.join("chunks")) {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if !name.ends_with(".js.br") {
                continue;
            }
            if let Some(hash) = name.strip_prefix("chat-") {
                chat += size(&path)?;
                loader = loader_size(&script, hash.trim_end_matches(".js.br"))?;
            } else if name.find('-') == Some("en".len()) {
                locale = size(&path)?.max(locale);
            }
        }
        if loader == 0 {
            return fail("dist/widget has no chat: build the widget first");
        }
        Ok(Self {
            loader,
            opening: chat + locale,
        })
    }

    fn check_against(self, past: &[Self]) -> Result<()> {
        let was_less = |was: &&Self| was.loader < self.loader || was.opening < self.opening;
        match past.iter().find(was_less) {
            Some(was) => fail(format!(
                "{} may only go down, and was {} and {} bytes before",
                Self::FILE,
                was.loader,
                was.opening
            )),
            None => Ok(()),
        }
    }

    fn check(self, budget: Self) -> Result<()> {
        for (what, is, may) in [
            ("the script a page loads", self.loader, budget.loader),
            ("opening the chat", self.opening, budget.opening),
        ] {
            if is > may {
                return fail(format!(
                    "{what} costs {is} bytes compressed, and may cost {may} ({})",
                    Self::FILE
                ));
            }
        }
        Ok(())
    }
}

/// The compressed size of the script that a page loads. It names the chunks by their hash, and some
/// hashes compress to a few bytes more than others; so it is measured with the same one each time.
fn loader_size(script: &str, hash: &str) -> Result<u64> {
    let compressed = brotli(script.replace(hash, "0123456789").as_bytes())?;
    u64::try_from(compressed.len()).context("too large")
}

/// Runs the tests that are compiled for the browser. Where there is no `ChromeDriver` of its version
/// to steer it, that is said: most of what they test, Playwright's tests see too.
pub(crate) fn test_in_browser(layout: &Layout, chromium: &Path) -> Result<()> {
    let driver = match step("ChromeDriver", || browser::driver(layout, chromium)) {
        Ok(driver) => driver,
        Err(Failure::Interrupted) => return Err(Failure::Interrupted),
        Err(Failure::Message(reason)) => {
            note(format!("    left out, the crate's tests in it: {reason}"));
            return Ok(());
        }
    };
    let runner = tools::wasm_test_runner(layout)?;
    let options = layout.test().join("webdriver.json");
    let args = [
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
    ];
    let capabilities = json!({ "goog:chromeOptions": { "binary": chromium, "args": args } });
    files::write_private(&options, &capabilities.to_string())?;
    run_shown(
        command("cargo")
            .args(["test", "--package", "widget-wasm", "--lib"])
            .args(["--target", "wasm32-unknown-unknown"])
            .current_dir(&layout.root)
            .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER", runner)
            .env("CHROMEDRIVER", driver)
            .env("WASM_BINDGEN_TEST_WEBDRIVER_JSON", options)
            // Seconds, for a machine that has much else to do.
            .env("WASM_BINDGEN_TEST_DRIVER_TIMEOUT", "60")
            .env("WASM_BINDGEN_TEST_TIMEOUT", "120"),
        "the crate's tests in a browser",
    )
}

/// Fails when the budget is more than it was in any commit before.
pub(crate) fn check_budget(layout: &Layout) -> Result<()> {
    let budget = Sizes::budget(layout)?;
    let past = Sizes::past_budgets(layout);
    note(format!(
        "the widget's budget: no more than in {} commits before",
        past.len()
    ));
    budget.check_against(&past)
}

/// Fails when the built widget is larger than it may be.
pub(crate) fn check_size(layout: &Layout) -> Result<()> {
    let sizes = Sizes::measure(layout)?;
    note(format!(
        "    the script a page loads: {} bytes, opening the chat: {} bytes (brotli)",
        sizes.loader, sizes.opening
    ));
    if tools::has_std_source(layout) {
        sizes.check(Sizes::budget(layout)?)
    } else {
        note("    the budget is for a widget with a small standard library, which this has not");
        sizes.check(Sizes::PROMISE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compressed_copies_hold_the_same() {
        let mut unpacked = Vec::new();
        let packed = brotli(&[7; 1000]).unwrap();
        brotli::BrotliDecompress(&mut packed.as_slice(), &mut unpacked).unwrap();
        assert_eq!(unpacked, [7; 1000]);
        assert!(packed.len() < 100);
    }

    #[test]
    fn the_hash_of_the_chunks_does_not_count() {
        let size = |hash| loader_size(&format!("import('./chunks/de-{hash}.js')"), hash).unwrap();
        assert_eq!(size("adf8744512"), size("7903313542"));
    }

    #[test]
    fn a_widget_over_its_budget_is_refused() {
        let budget = Sizes {
            loader: 100,
            opening: 1000,
        };
        assert!(budget.check(budget).is_ok());
        for (loader, opening) in [(101, 1), (1, 1001)] {
            assert!(Sizes { loader, opening }.check(budget).is_err());
        }
    }

    #[test]
    fn a_budget_that_was_raised_is_refused() {
        let sizes = |loader, opening| Sizes { loader, opening };
        let past = [sizes(100, 900), sizes(110, 1000)];
        assert!(sizes(100, 900).check_against(&past).is_ok());
        assert!(sizes(99, 800).check_against(&past).is_ok());
        assert!(sizes(100, 800).check_against(&[]).is_ok());
        for raised in [sizes(101, 800), sizes(90, 901)] {
            assert!(raised.check_against(&past).is_err());
        }
    }

    #[test]
    fn budgets_from_before_it_was_set_again_do_not_bind() {
        let budget = r#"{ "loader": 1, "opening": 2 }"#;
        assert_eq!(Sizes::read_binding(budget), None);
        let sizes = |loader, opening| Some(Sizes { loader, opening });
        let of = |resets| format!(r#"{{ "loader": 1, "opening": 2, "resets": {resets} }}"#);
        let budget = &of(Sizes::RESETS - 1);
        assert_eq!(Sizes::read_binding(budget), None);
        let budget = &of(Sizes::RESETS);
        assert_eq!(Sizes::read_binding(budget), sizes(1, 2));
    }

    #[test]
    fn the_budget_keeps_the_promise() {
        let text = include_str!("../../widget-wasm/size-budget.json");
        let budget = Sizes::read_binding(text).unwrap();
        assert!(budget.check(Sizes::PROMISE).is_ok());
    }
}

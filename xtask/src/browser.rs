//! A Chromium for the tests, and what steers it.

use std::path::{Path, PathBuf};

use crate::apt;
use crate::failure::{Failure, Result, fail};
use crate::layout::{Layout, find_on_path, is_executable};
use crate::process::{command, output_of, run_logged};

const NAMES: [&str; 4] = [
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
];
const MACOS: &str = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome";

/// The browser's path; `None` means the one that Playwright keeps for itself.
pub(crate) fn ensure(layout: &Layout, end2end: &Path) -> Result<Option<PathBuf>> {
    if let Some(chosen) = std::env::var_os("CHROMIUM").map(PathBuf::from) {
        if is_executable(&chosen) {
            return Ok(Some(chosen));
        }
        return fail(format!("CHROMIUM={} is no program", chosen.display()));
    }
    if let Some(found) = find() {
        return Ok(Some(found));
    }
    let log = layout.logs().join("chromium.log");
    if apt::is_possible() {
        apt::install(&["chromium"], &log)?;
        if let Some(found) = find() {
            return Ok(Some(found));
        }
    }
    run_logged(
        command("npx")
            .args(["playwright", "install", "chromium"])
            .current_dir(end2end),
        "no Chromium found: install one and put it on PATH; Playwright's own download",
        &log,
    )?;
    Ok(None)
}

/// A `ChromeDriver` of this very browser's version.
pub(crate) fn driver(layout: &Layout, chromium: &Path) -> Result<PathBuf> {
    let version = version_of(chromium);
    let is_right = |path: &PathBuf| version.is_some() && version_of(path) == version;
    let cached = layout.tools_bin().join("chromedriver");
    let known = [find_on_path(&["chromedriver"]), Some(cached.clone())];
    if let Some(found) = known.into_iter().flatten().find(is_right) {
        return Ok(found);
    }
    let _lock = layout.lock_cache()?;
    apt::take(layout, "chromium-driver", "chromedriver", &cached)?;
    if is_right(&cached) {
        return Ok(cached);
    }
    Err(Failure::Message(
        "Debian's is of another version than the browser".to_owned(),
    ))
}

/// The version in what a program says of itself, as in `Chromium 156.0.8078.79 built on Debian`.
fn version_of(program: &Path) -> Option<String> {
    let text = output_of(command(program).arg("--version"))?;
    let mut words = text.split_whitespace();
    words
        .find(|word| word.starts_with(|c: char| c.is_ascii_digit()))
        .map(str::to_owned)
}

fn find() -> Option<PathBuf> {
    find_on_path(&NAMES).or_else(|| Some(PathBuf::from(MACOS)).filter(|path| is_executable(path)))
}

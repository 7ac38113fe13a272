//! A Chromium for the end-to-end tests.

use std::path::{Path, PathBuf};

use crate::apt;
use crate::failure::{Result, fail};
use crate::layout::{Layout, find_on_path, is_executable};
use crate::process::{command, run_logged};

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

fn find() -> Option<PathBuf> {
    find_on_path(&NAMES).or_else(|| Some(PathBuf::from(MACOS)).filter(|path| is_executable(path)))
}

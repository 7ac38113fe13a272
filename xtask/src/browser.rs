//! A Chromium for the end-to-end tests.

use std::path::{Path, PathBuf};

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
    if rustix::process::geteuid().is_root() && find_on_path(&["apt-get"]).is_some() {
        apt_get(&["update"], &log)?;
        apt_get(
            &["install", "-y", "--no-install-recommends", "chromium"],
            &log,
        )?;
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

fn apt_get(args: &[&str], log: &Path) -> Result<()> {
    let mut apt_get = command("apt-get");
    apt_get.args(args).env("DEBIAN_FRONTEND", "noninteractive");
    run_logged(&mut apt_get, &format!("apt-get {}", args.join(" ")), log)
}

//! The browsers of the tests, and what steers them.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::failure::{Failure, Result, fail};
use crate::layout::{Layout, find_on_path, is_executable};
use crate::process::{command, output_of, run_logged};
use crate::progress::{note, step};
use crate::{apt, files, tools};

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

/// The browsers that tests run in. Those beside Chromium come from Debian's packages, and are left
/// out, with a note, where there are none.
pub(crate) struct Browsers {
    /// `None` means the one that Playwright keeps for itself.
    pub(crate) chromium: Option<PathBuf>,
    firefox: Option<PathBuf>,
    webkit: Option<WebKit>,
}

/// The minimal browser of `WebKitGTK`, and the program that steers it. It needs a screen, which Xvfb gives.
struct WebKit {
    browser: PathBuf,
    driver: PathBuf,
}

impl Browsers {
    /// Finds or installs all of them.
    pub(crate) fn ensure(layout: &Layout, end2end: &Path) -> Result<Self> {
        let chromium = step("Chromium", || ensure(layout, end2end))?;
        let firefox = step("Firefox", || firefox(layout))?;
        let webkit = step("WebKit", || webkit(layout))?;
        if firefox.is_none() {
            note("    left out, what runs in Firefox: Debian's firefox-esr is not here");
        }
        if webkit.is_none() {
            note("    left out, what runs in WebKit: webkit2gtk-driver or xvfb is not here");
        }
        Ok(Self {
            chromium,
            firefox,
            webkit,
        })
    }

    /// Tells Playwright's configuration.
    pub(crate) fn tell(&self, playwright: &mut Command) {
        if let Some(chromium) = &self.chromium {
            playwright.env("CHROMIUM", chromium);
        }
        if let Some(firefox) = &self.firefox {
            playwright.env("FIREFOX", firefox);
        }
        if let Some(WebKit { browser, driver }) = &self.webkit {
            playwright.env("WEBKIT", browser);
            playwright.env("WEBKIT_DRIVER", driver);
        }
    }
}

fn firefox(layout: &Layout) -> Result<Option<PathBuf>> {
    let find = || find_on_path(&["firefox-esr"]);
    if find().is_none() && apt::is_possible() {
        apt::install(&["firefox-esr"], &layout.logs().join("firefox.log"))?;
    }
    Ok(find())
}

fn webkit(layout: &Layout) -> Result<Option<WebKit>> {
    let find = || {
        find_on_path(&["Xvfb"])?;
        let driver = find_on_path(&["WebKitWebDriver"])?;
        let browser = mini_browser()?;
        Some(WebKit { browser, driver })
    };
    if find().is_none() && apt::is_possible() {
        let log = layout.logs().join("webkit.log");
        apt::install(&["webkit2gtk-driver", "xvfb"], &log)?;
    }
    Ok(find())
}

/// In a directory that has the name of the machine and of the library's version.
fn mini_browser() -> Option<PathBuf> {
    files::list(Path::new("/usr/lib"))
        .into_iter()
        .flat_map(|machine| files::list(&machine))
        .filter(|library| {
            let name = library.file_name().unwrap_or_default().to_string_lossy();
            name.starts_with("webkit2gtk-") || name.starts_with("webkitgtk-")
        })
        .map(|library| library.join("MiniBrowser"))
        .find(|browser| is_executable(browser))
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
    let _lock = tools::lock(layout)?;
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

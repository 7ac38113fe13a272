//! The browsers of the tests, and what steers them.

use std::path::{Path, PathBuf};
use std::process::Command;

use which::which;

use crate::failure::{Result, bail};
use crate::layout::Layout;
use crate::process::{command, line, output_of, run_logged};
use crate::progress::note;
use crate::{apt, files, node};

const NAMES: [&str; 5] = [
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
];

/// Chromium's path, with the packages that steer it; `None` means the one that Playwright keeps for itself.
pub(crate) fn chromium(layout: &Layout) -> Result<Option<PathBuf>> {
    let end2end = node::end2end(layout)?;
    if let Some(chosen) = std::env::var_os("CHROMIUM") {
        match which(&chosen) {
            Ok(path) => return Ok(Some(path)),
            Err(_) => bail!("CHROMIUM={} is no program", chosen.display()),
        }
    }
    let find = || NAMES.iter().find_map(|name| which(name).ok());
    let found = apt::find_or_install(layout, "chromium", find)?;
    if found.is_none() {
        let mut install = line("npx playwright install chromium");
        run_logged(
            install.current_dir(end2end),
            "no Chromium found: install one and put it on PATH; Playwright's own download",
            &layout.logs().join("chromium.log"),
        )?;
    }
    Ok(found)
}

/// The browsers that tests run in. Those beside Chromium come from Debian's packages, and are left
/// out, with a note, where there are none.
pub(crate) struct Browsers {
    /// `None` means the one that Playwright keeps for itself.
    pub(crate) chromium: Option<PathBuf>,
    firefox: Option<PathBuf>,
    /// The minimal browser of `WebKitGTK`, and the program that steers it. It needs a screen, which Xvfb gives.
    webkit: Option<[PathBuf; 2]>,
}

impl Browsers {
    /// Finds or installs all of them.
    pub(crate) fn ensure(layout: &Layout) -> Result<Self> {
        let chromium = chromium(layout)?;
        let firefox = apt::find_or_install(layout, "firefox-esr", || which("firefox-esr").ok())?;
        let webkit = apt::find_or_install(layout, "webkit2gtk-driver xvfb", || {
            which("Xvfb").ok()?;
            Some([mini_browser()?, which("WebKitWebDriver").ok()?])
        })?;
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
        let [webkit, driver] = match &self.webkit {
            Some([webkit, driver]) => [Some(webkit), Some(driver)],
            None => [None, None],
        };
        let (chromium, firefox) = (self.chromium.as_ref(), self.firefox.as_ref());
        for (name, path) in [
            ("CHROMIUM", chromium),
            ("FIREFOX", firefox),
            ("WEBKIT", webkit),
            ("WEBKIT_DRIVER", driver),
        ] {
            if let Some(path) = path {
                playwright.env(name, path);
            }
        }
    }
}

/// In a directory that has the name of the machine and of the library's version.
fn mini_browser() -> Option<PathBuf> {
    files::list(Path::new("/usr/lib"))
        .iter()
        .flat_map(|machine| files::list(machine))
        .filter(|library| library.to_string_lossy().contains("webkit"))
        .find_map(|library| which(library.join("MiniBrowser")).ok())
}

/// A `ChromeDriver` of this very browser's version.
pub(crate) fn driver(layout: &Layout, chromium: &Path) -> Result<PathBuf> {
    let version = version_of(chromium);
    let is_right = |path: &PathBuf| version.is_some() && version_of(path) == version;
    let cached = layout.tools_bin().join("chromedriver");
    let known = [which("chromedriver").unwrap_or_default(), cached.clone()];
    if let Some(found) = known.into_iter().find(is_right) {
        return Ok(found);
    }
    apt::take(layout, "chromium-driver", "chromedriver", &cached)?;
    if !is_right(&cached) {
        bail!("Debian's is of another version than the browser");
    }
    Ok(cached)
}

/// The version in what a program says of itself, as in `Chromium 156.0.8078.79 built on Debian`.
fn version_of(program: &Path) -> Option<String> {
    let text = output_of(command(program).arg("--version"))?;
    let mut words = text.split_whitespace();
    words
        .find(|word| word.starts_with(|c: char| c.is_ascii_digit()))
        .map(str::to_owned)
}

//! The browsers of the tests, and their drivers.

use crate::prelude::*;
use crate::{apt, node};

const NAMES: [&str; 5] = [
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
];

/// Debian's packages for the tests in `WebKit`.
const WEBKIT: &str = "webkit2gtk-driver xvfb";

/// Chromium's path; `None` means the one that Playwright keeps for itself.
pub(crate) fn chromium(layout: &Layout) -> Result<Option<PathBuf>> {
    let end2end = node::packages(layout, "end2end")?;
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

/// The browsers that tests run in. Those besides Chromium come from Debian's packages, and are left out, with a note,
/// if there are none.
pub(crate) struct Browsers {
    /// `None` means the one that Playwright keeps for itself.
    pub(crate) chromium: Option<PathBuf>,
    /// The variables from which Playwright's configuration takes them.
    pub(crate) variables: Vec<(&'static str, PathBuf)>,
}

impl Browsers {
    /// Finds or installs all of them.
    pub(crate) fn ensure(layout: &Layout) -> Result<Self> {
        let chromium = chromium(layout)?;
        let mut variables = Vec::from_iter(chromium.clone().map(|path| ("CHROMIUM", path)));
        let firefox = || Some(vec![("FIREFOX", which("firefox-esr").ok()?)]);
        // WebKitGTK's minimal browser, and its driver. The browser needs a screen, which Xvfb provides.
        let webkit = || {
            which("Xvfb").ok()?;
            let driver = which("WebKitWebDriver").ok()?;
            Some(vec![("WEBKIT", mini_browser()?), ("WEBKIT_DRIVER", driver)])
        };
        let firefox = apt::find_or_install(layout, "firefox-esr", firefox)?;
        let webkit = apt::find_or_install(layout, WEBKIT, webkit)?;
        for (packages, found) in [("firefox-esr", firefox), (WEBKIT, webkit)] {
            if found.is_none() {
                note(format!("    left out: what takes Debian's {packages}"));
            }
            variables.extend(found.into_iter().flatten());
        }
        Ok(Self {
            chromium,
            variables,
        })
    }
}

/// The directory is named after the machine and the library's version.
fn mini_browser() -> Option<PathBuf> {
    files::list(Path::new("/usr/lib"))
        .iter()
        .flat_map(|machine| files::list(machine))
        .filter(|library| library.to_string_lossy().contains("webkit"))
        .find_map(|library| which(library.join("MiniBrowser")).ok())
}

/// Finds a `ChromeDriver` of exactly this browser's version.
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

/// The version in a program's output, such as `Chromium 156.0.8078.79 built on Debian`.
fn version_of(program: &Path) -> Option<String> {
    let text = output_of(command(program).arg("--version"))?;
    let mut words = text.split_whitespace();
    words
        .find(|word| word.starts_with(|c: char| c.is_ascii_digit()))
        .map(str::to_owned)
}

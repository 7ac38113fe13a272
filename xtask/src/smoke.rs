//! `cargo xtask smoke URL`: the staging smoke test, against any deployment.

use crate::prelude::*;
use crate::{browser, node};

/// Runs it against the deployment whose chat is at this address. The test names the variables that are missing.
pub(crate) fn run(layout: &Layout, url: &str) -> Result<()> {
    watch_signals()?;
    node::ensure(layout)?;
    let mut playwright = line("npx playwright test --config=smoke.config.ts");
    playwright
        .current_dir(node::packages(layout, "end2end")?)
        .env("BASE_URL", url.trim_end_matches('/'));
    if let Some(browser) = browser::chromium(layout)? {
        playwright.env("CHROMIUM", browser);
    }
    run_shown(&mut playwright, "the smoke test")
}

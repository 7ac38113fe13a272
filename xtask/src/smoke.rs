//! `cargo xtask smoke URL`: the staging smoke test, against any deployment.

use std::path::PathBuf;

use crate::failure::{Result, bail};
use crate::interruption::watch_signals;
use crate::layout::Layout;
use crate::process::{command, run_shown};
use crate::progress::step;
use crate::{browser, node};

/// The variables that describe a deployment, besides the address of its page.
const REQUIRED: [&str; 5] = [
    "SMOKE_HOMESERVER",
    "SMOKE_BOT",
    "SMOKE_BOT_PASSWORD",
    "SMOKE_STAFF",
    "SMOKE_STAFF_PASSWORD",
];

/// Runs it against the deployment whose chat is at this address.
pub(crate) fn run(layout: &Layout, url: &str) -> Result<()> {
    watch_signals()?;
    let missing: Vec<&str> = REQUIRED
        .into_iter()
        .filter(|name| std::env::var_os(name).is_none_or(|value| value.is_empty()))
        .collect();
    if !missing.is_empty() {
        bail!(
            "not set: {} (docs/operations/runbook.md says what they are)",
            missing.join(", ")
        );
    }
    node::ensure(layout)?;
    let mut playwright = command("npx");
    playwright
        .args(["playwright", "test", "--config=smoke.config.ts"])
        .current_dir(layout.root.join("end2end"))
        .env("BASE_URL", url.trim_end_matches('/'));
    if let Some(browser) = prepare(layout)? {
        playwright.env("CHROMIUM", browser);
    }
    run_shown(&mut playwright, "the smoke test")
}

/// Gets what it runs with, and gives the browser.
pub(crate) fn prepare(layout: &Layout) -> Result<Option<PathBuf>> {
    let end2end = layout.root.join("end2end");
    step("end-to-end test packages", || node::ci(layout, &end2end))?;
    step("Chromium", || browser::ensure(layout, &end2end))
}

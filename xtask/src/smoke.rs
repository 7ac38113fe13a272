//! `cargo xtask smoke URL`: the staging smoke test, against any deployment.

use crate::failure::{Result, bail};
use crate::interruption::watch_signals;
use crate::layout::Layout;
use crate::process::{line, run_shown};
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
    let is_missing = |name: &&str| std::env::var_os(name).unwrap_or_default().is_empty();
    let missing: Vec<&str> = REQUIRED.into_iter().filter(is_missing).collect();
    if !missing.is_empty() {
        let missing = missing.join(", ");
        bail!("not set: {missing} (docs/operations/runbook.md says what they are)");
    }
    node::check()?;
    let mut playwright = line("npx playwright test --config=smoke.config.ts");
    playwright
        .current_dir(node::end2end(layout)?)
        .env("BASE_URL", url.trim_end_matches('/'));
    if let Some(browser) = browser::chromium(layout)? {
        playwright.env("CHROMIUM", browser);
    }
    run_shown(&mut playwright, "the smoke test")
}

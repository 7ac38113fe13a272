//! `cargo xtask smoke URL`: the staging smoke test, against any deployment.

use std::path::PathBuf;
use std::process::Command;

use crate::failure::{Result, fail};
use crate::layout::Layout;
use crate::process::{command, run_shown, watch_signals};
use crate::progress::step;
use crate::{browser, node};

/// What has to be known of a deployment, beside the address of its page.
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
        return fail(format!(
            "not set: {} (docs/operations.md says what they are)",
            missing.join(", ")
        ));
    }
    node::check()?;
    let browser = prepare(layout)?;
    check(layout, command("npx"), url, browser.as_ref(), &[])
}

/// Gets what it runs with, and gives the browser.
pub(crate) fn prepare(layout: &Layout) -> Result<Option<PathBuf>> {
    let end2end = layout.root.join("end2end");
    step("end-to-end test packages", || node::ci(layout, &end2end))?;
    step("Chromium", || browser::ensure(layout, &end2end))
}

/// Runs it with `npx`, which may be one in another network; `args` are Playwright's.
pub(crate) fn check(
    layout: &Layout,
    mut npx: Command,
    url: &str,
    browser: Option<&PathBuf>,
    args: &[&str],
) -> Result<()> {
    npx.args(["playwright", "test", "--config=smoke.config.ts"])
        .args(args)
        .current_dir(layout.root.join("end2end"))
        .env("BASE_URL", url.trim_end_matches('/'));
    if let Some(browser) = browser {
        npx.env("CHROMIUM", browser);
    }
    run_shown(&mut npx, "the smoke test")
}

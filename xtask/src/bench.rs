//! `cargo xtask bench`: the release build against its limits, on a Postgres and a Synapse of its own.
//! What is measured, and how, is in the crate `bench`.

use std::fs;

use crate::failure::{Context, Result};
use crate::files;
use crate::layout::Layout;
use crate::process::{command, run_shown, watch_signals};
use crate::progress::{note, step};
use crate::synapse;
use crate::test::TestStack;

pub(crate) fn run(layout: &Layout) -> Result<()> {
    watch_signals()?;
    let mut stack = TestStack::new(layout)?;
    step("server and benchmark, optimised", || {
        run_shown(
            command("cargo")
                .args([
                    "build",
                    "--release",
                    "--package",
                    "server",
                    "--package",
                    "bench",
                ])
                .current_dir(&layout.root)
                .env("SQLX_OFFLINE", "true"),
            "building the server and the benchmark",
        )
    })?;
    let release = layout.target()?.join("release");
    let output = layout.dev.join("bench");
    files::remove_dir(&output)?;
    files::create_private_dir(&output)?;
    let document = layout.root.join("docs").join("performance.md");
    let before = fs::read_to_string(&document).context("cannot read docs/performance.md")?;

    let database_url = stack.tests_url()?;
    let pgbench = stack.pgbench()?;
    let homeserver_url = stack.synapse()?.url();
    let (ports, accounts) = (stack.ports(), stack.accounts());
    let mut bench = command(release.join("bench"));
    bench
        .current_dir(&layout.root)
        .env("SERVER_PROGRAM", release.join("matrix-support-chat"))
        .env("PUBLIC_PORT", ports.page.to_string())
        .env("ADMIN_PORT", ports.admin.to_string())
        .env("DATABASE_URL", database_url)
        .env("HOMESERVER_URL", homeserver_url)
        .env("BOT_MXID", synapse::mxid(synapse::BOT))
        .env("BOT_PASSWORD", accounts.bot_password())
        .env("STAFF_MXID", synapse::mxid(synapse::STAFF[0]))
        .env("STAFF_PASSWORD", accounts.staff_password())
        .env("OUTPUT_DIR", &output)
        .env("DOCUMENT", &document);
    if let Some(pgbench) = pgbench {
        bench.env("PGBENCH", pgbench);
    }
    run_shown(&mut bench, "the benchmark")?;
    let after = fs::read_to_string(&document).context("cannot read docs/performance.md")?;
    if after != before {
        note("docs/performance.md has the new figures");
    }
    Ok(())
}

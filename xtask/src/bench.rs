//! `cargo xtask bench`: measures the release build against its limits, on a Postgres and a Synapse
//! of its own. The crate `bench` says what is measured, and how.

use std::env;

use rustix::process::{Resource, getrlimit, setrlimit};

use crate::prelude::*;
use crate::server::{self, Profile};
use crate::stack::Stack;
use crate::{accounts, browser, parts_control};

/// Measures everything, or only the named sections.
pub(crate) fn run(layout: &Layout, profile: Profile, sections: &[String]) -> Result<()> {
    watch_signals()?;
    let mut stack = Stack::for_tests(layout)?;
    measure(layout, &mut stack, profile, sections, None)
}

/// Runs sections on a system that runs already; `soak_minutes` overrides the environment.
pub(crate) fn measure(
    layout: &Layout,
    stack: &mut Stack,
    profile: Profile,
    sections: &[String],
    soak_minutes: Option<&str>,
) -> Result<()> {
    let server = env::var_os("BENCH_SERVER").map(PathBuf::from);
    let packages = match server {
        Some(_) => "--package bench",
        None => "--package bench --package server",
    };
    let built = server::build_packages(layout, profile, packages)?;
    let mut chromium = None;
    if sections.is_empty() || sections.iter().any(|section| section == "panel") {
        chromium = browser::chromium(layout)?;
        stack.widget()?;
    }
    let output = layout.dev.join("bench");
    files::remove_dir(&output)?;
    files::create_private_dir(&output)?;
    let document = layout.root.join("docs/performance.md");
    let before = fs::read_to_string(&document)?;

    let database_url = stack.database("tests")?;
    let pgbench = stack.postgres()?.program("pgbench");
    let postgres_pid = stack
        .postgres()?
        .service
        .pid()
        .context("Postgres does not run")?;
    let synapse = stack.synapse()?;
    let homeserver_url = synapse.url.clone();
    let synapse_pid_file = synapse.service.record.clone();
    // Each poll that waits needs a connection.
    let mut files = getrlimit(Resource::Nofile);
    files.current = files.maximum;
    setrlimit(Resource::Nofile, files).context("cannot allow for more open files")?;
    let (ports, accounts) = (stack.ports, &stack.accounts);
    let mut bench = command(built.join("bench"));
    bench
        .args(sections)
        .current_dir(&layout.root)
        .env(
            "SERVER_PROGRAM",
            server.unwrap_or_else(|| built.join("matrix-support-chat")),
        )
        .env("PUBLIC_PORT", ports.page.to_string())
        .env("ADMIN_PORT", ports.admin.to_string())
        .env("DATABASE_URL", database_url)
        .env("HOMESERVER_URL", homeserver_url)
        .env("POSTGRES_PID", postgres_pid.to_string())
        .env("SYNAPSE_PID_FILE", synapse_pid_file)
        .env("BOT_MXID", accounts::mxid(accounts::BOT))
        .env("BOT_PASSWORD", accounts.password(accounts::BOT))
        .env("ADMIN_MXID", accounts::mxid(accounts::ADMIN))
        .env("ADMIN_PASSWORD", accounts.password(accounts::ADMIN))
        .env("STAFF_MXID", accounts::mxid(accounts::STAFF[0]))
        .env("STAFF_PASSWORD", accounts.password(accounts::STAFF[0]))
        .env("END2END_DIR", layout.root.join("end2end"))
        .env("OUTPUT_DIR", &output)
        .env("DOCUMENT", &document);
    if let Some(minutes) = soak_minutes {
        bench.env("BENCH_SOAK_MINUTES", minutes);
    }
    if let Some(pgbench) = pgbench {
        bench.env("PGBENCH", pgbench);
    }
    if let Some(chromium) = chromium {
        bench.env("CHROMIUM", chromium);
    }
    parts_control::during(stack.parts()?, &layout.test(), |script| {
        run_shown(bench.env("PARTS_CONTROL", script), "the benchmark")
    })?;
    if fs::read_to_string(&document)? != before {
        note("docs/performance.md has the new figures");
    }
    Ok(())
}

//! `cargo xtask bench`: the release build against its limits, on a Postgres and a Synapse of its own.
//! The crate `bench` says what is measured, and how.

use fs_err as fs;
use std::env;
use std::path::{Path, PathBuf};

use rustix::process::{Resource, getrlimit, setrlimit};

use crate::failure::{Context, Result, bail};
use crate::interruption::watch_signals;
use crate::layout::Layout;
use crate::process::{command, run_shown};
use crate::progress::{note, step};
use crate::server::Profile;
use crate::stack::TestStack;
use crate::{browser, files, node, parts_ctl, synapse};

/// Measures everything, or only the named sections.
pub(crate) fn run(layout: &Layout, profile: Profile, sections: &[String]) -> Result<()> {
    watch_signals()?;
    let mut stack = TestStack::new(layout)?;
    measure(layout, &mut stack, profile, sections, None)
}

/// Runs sections on what is there already; `soak_minutes` instead of what the environment says.
pub(crate) fn measure(
    layout: &Layout,
    stack: &mut TestStack,
    profile: Profile,
    sections: &[String],
    soak_minutes: Option<&str>,
) -> Result<()> {
    let server = env::var_os("BENCH_SERVER").map(PathBuf::from);
    step("server and benchmark", || {
        let mut cargo = command("cargo");
        cargo.args(["build", "--package", "bench"]);
        if server.is_none() {
            cargo.args(["--package", "server"]);
        }
        run_shown(
            cargo
                .args(profile.options())
                .current_dir(&layout.root)
                .env("SQLX_OFFLINE", "true"),
            "building the server and the benchmark",
        )
    })?;
    let built = layout.target()?.join(profile.dir());
    let end2end = layout.root.join("end2end");
    let mut chromium = None;
    if sections.is_empty() || sections.iter().any(|section| section == "panel") {
        step("end-to-end test packages", || node::ci(layout, &end2end))?;
        chromium = step("Chromium", || browser::ensure(layout, &end2end))?;
        stack.widget()?;
    }
    let output = layout.dev.join("bench");
    files::remove_dir(&output)?;
    files::create_private_dir(&output)?;
    let document = layout.root.join("docs").join("performance.md");
    let before = fs::read_to_string(&document)?;

    let database_url = stack.tests_url()?;
    let pgbench = stack.postgres()?.program("pgbench");
    let postgres_pid = stack.postgres()?.pid();
    let homeserver_url = stack.synapse()?.url();
    let synapse_pid_file = stack.synapse()?.pid_file().map(Path::to_owned);
    let (Some(postgres_pid), Some(synapse_pid_file)) = (postgres_pid, synapse_pid_file) else {
        bail!("a part does not run");
    };
    // Polls that wait have a connection each.
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
        .env("BOT_MXID", synapse::mxid(synapse::BOT))
        .env("BOT_PASSWORD", accounts.bot_password())
        .env("ADMIN_MXID", synapse::mxid(synapse::ADMIN))
        .env("ADMIN_PASSWORD", accounts.admin_password())
        .env("STAFF_MXID", synapse::mxid(synapse::STAFF[0]))
        .env("STAFF_PASSWORD", accounts.staff_password())
        .env("END2END_DIR", end2end)
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
    parts_ctl::during(stack.parts()?, &layout.test(), |script| {
        run_shown(bench.env("PARTS_CTL", script), "the benchmark")
    })?;
    let after = fs::read_to_string(&document)?;
    if after != before {
        note("docs/performance.md has the new figures");
    }
    Ok(())
}

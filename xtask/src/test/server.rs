//! The server on real parts, without a browser.

use super::cargo;
use crate::clocks::Clocks;
use crate::layout::path_with;
use crate::prelude::*;
use crate::server;
use crate::stack::Stack;
use crate::{apt, mail_server, openapi, parts_control, pgbouncer, promtool};

pub(super) fn api(layout: &Layout, stack: &mut Stack, extra: &[String]) -> Result<()> {
    stack.widget()?;
    let untested = "nothing is tested through PgBouncer";
    let pgbouncer = apt::program(layout, "pgbouncer", "pgbouncer", untested)?;
    let mut tests = cargo(layout, "test --package server --test api --");
    tests
        .args(extra)
        // Some tests start a PgBouncer of their own.
        .env("PATH", path_with(&layout.tools_bin())?)
        .env("DATABASE_URL", stack.database("tests")?);
    if pgbouncer.is_none() {
        tests.args(["--skip", "pooler"]);
    }
    run_shown(&mut tests, "API tests")?;
    // `cargo xtask test api -- model` runs this alone.
    if extra.is_empty()
        || extra
            .iter()
            .any(|filter| "model_and_postgres".contains(&**filter))
    {
        let compare = "test --package server --lib -- model_and_postgres";
        let mut compare = cargo(layout, compare);
        compare.env("DATABASE_URL", stack.database("tests")?);
        run_shown(&mut compare, "the relay's model beside Postgres")?;
    }
    match pgbouncer {
        Some(program) if extra.is_empty() => through_a_pooler(layout, stack, &program),
        _ => Ok(()),
    }
}

/// Runs the tests for which it matters that a connection stays the same.
fn through_a_pooler(layout: &Layout, stack: &mut Stack, program: &Path) -> Result<()> {
    let port = stack.ports.pooler;
    let postgres = stack.postgres()?.connection_string();
    let _pooler = pgbouncer::start(program, &layout.test(), &stack.run_dir, port, &postgres)?;
    let mut tests = cargo(
        layout,
        "test --package server --test api -- news poll_messages",
    );
    tests.env(
        "DATABASE_URL",
        format!("postgres://anybody@127.0.0.1:{port}/tests"),
    );
    run_shown(tests, "API tests through PgBouncer")
}

pub(super) fn openapi(layout: &Layout, stack: &mut Stack, extra: &[String]) -> Result<()> {
    let mut server = stack.server_alone()?;
    let base_url = server::page_url(stack.ports);
    let metrics = format!("{}/metrics", server::admin_url(stack.ports));
    let result = openapi::walk_through(layout, &base_url)
        .and_then(|()| openapi::check(layout, &base_url, extra))
        // By now schemathesis has made requests that the metrics count.
        .and_then(|()| promtool::check_metrics(layout, &server::get(&metrics)?));
    server.check()?;
    result
}

pub(super) fn against_synapse(layout: &Layout, stack: &mut Stack, extra: &[String]) -> Result<()> {
    let database_url = stack.database("tests")?;
    let encrypting = stack.encrypting_synapse()?;
    let mail_server = mail_server::start(layout, &stack.run_dir, stack.ports.mail)?;
    let synapse = stack.synapse()?;
    let mut tests = cargo(layout, "test --package server --test synapse --");
    tests
        .args(extra)
        .env("DATABASE_URL", database_url)
        .env("SYNAPSE_URL", &synapse.url)
        .env("SYNAPSE_REGISTRATION_SECRET", &synapse.registration_secret)
        .env("SYNAPSE_PYTHON", synapse.python())
        .env("SYNAPSE_CONFIGURATION", synapse.configuration())
        .env("SYNAPSE_ENCRYPTING_URL", &encrypting.url)
        .env(
            "SYNAPSE_ENCRYPTING_REGISTRATION_SECRET",
            &encrypting.registration_secret,
        );
    match &mail_server {
        Some(mail_server) => {
            tests
                .env("MAIL_SERVER_URL", &mail_server.url)
                .env("MAIL_SERVER_MAILDIR", mail_server.maildir())
                .env("SSL_CERT_FILE", mail_server.certificate());
        }
        None => {
            tests.args(["--skip", "mail::"]);
        }
    }
    run_shown(tests, "tests against Synapse")
}

/// Scenarios that change the clocks of the shared parts, or put them back to an earlier state. They run one after the
/// other. `FAULT_SCALE` makes them longer.
pub(super) fn resilience(layout: &Layout, stack: &mut Stack, extra: &[String]) -> Result<()> {
    let database_url = stack.database("tests")?;
    let dir = layout.test();
    let parts = stack.parts()?;
    let faked = Clocks::find(layout)?;
    let mut tests = cargo(
        layout,
        "test --package server --test faults -- --nocapture --test-threads=1",
    );
    if extra.is_empty() {
        tests.arg("resilience::");
    } else {
        // Several filters are alternatives.
        tests
            .args(extra)
            .args(["--skip", "together::", "--skip", "alone::"]);
    }
    for (variable, program) in [("PG_DUMP", "pg_dump"), ("PG_RESTORE", "pg_restore")] {
        if let Some(program) = parts.postgres.program(program) {
            tests.env(variable, program);
        }
    }
    match &faked {
        Some(clocks) => {
            parts
                .postgres
                .service
                .restart_with(&clocks.of(&dir, "postgres")?)?;
            tests
                .env("CLOCK_LIBRARY", clocks.library())
                .env("CLOCK_FILES", &dir);
            clocks.of(&dir, "server")?;
        }
        None => {
            tests.args(["--skip", "clocks"]);
        }
    }
    tests
        .env("DATABASE_URL", database_url)
        .env("SYNAPSE_URL", &parts.synapse.url)
        .env(
            "SYNAPSE_REGISTRATION_SECRET",
            &parts.synapse.registration_secret,
        );
    let done = parts_control::during(parts, &dir, |script| {
        run_shown(tests.env("PARTS_CONTROL", script), "the resilience suite")
    });
    if faked.is_some() {
        // Other sections go on with it.
        let postgres = &mut stack.postgres()?.service;
        postgres.restart_without(&Clocks::VARIABLES)?;
    }
    done
}

/// The scenarios mostly wait, for dead parts and for each other, so all of them run at once. Their figures are part of
/// the result. `FAULT_SCALE` makes them longer.
pub(super) fn faults(layout: &Layout, stack: &mut Stack, extra: &[String]) -> Result<()> {
    let database_url = stack.database("tests")?;
    let parts = stack.parts()?;
    let mut tests = cargo(
        layout,
        "test --package server --test faults -- --nocapture --test-threads=16",
    );
    tests
        .args(extra)
        .args(["--skip", "resilience::"])
        .env("DATABASE_URL", database_url)
        .env("SYNAPSE_URL", &parts.synapse.url)
        .env(
            "SYNAPSE_REGISTRATION_SECRET",
            &parts.synapse.registration_secret,
        );
    parts_control::during(parts, &layout.test(), |script| {
        run_shown(tests.env("PARTS_CONTROL", script), "the fault suite")
    })
}

//! `cargo xtask test`: everything that is checked, on parts of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::browser::Browsers;
use crate::dist::Artefacts;
use crate::failure::{Context, Failure, Result, fail};
use crate::files::{self, Lock};
use crate::layout::Layout;
use crate::parts_ctl::{self, Parts};
use crate::pgbouncer::{self, PgBouncer};
use crate::ports::Ports;
use crate::postgres::{self, Postgres};
use crate::process::{command, end_leftovers, run_shown, watch_signals};
use crate::progress::{error, note, seconds, step};
use crate::server::{self, Profile, ServerSpec};
use crate::sqlx::{self, Mode};
use crate::synapse::{self, Accounts, Encryption, Synapse};
use crate::{
    ansible, bench, dist, fuzz, hosts, node, npm_package, openapi, promtool, python, tools, widget,
};

/// A part of the tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Section {
    /// Formatting, clippy, licences, `.sqlx`.
    Lint,
    /// What needs nothing but the compiler.
    Unit,
    /// Arbitrary bytes as the homeserver's answers, for a minute.
    Fuzz,
    /// The server's API on a real Postgres.
    Api,
    /// What the server says of its API: `/openapi.json` and `docs/api.md`.
    Openapi,
    /// The server against a real Synapse.
    Synapse,
    /// Everything is killed, and nothing is lost or doubled.
    Faults,
    /// The widget in a browser, with an API that the tests play; and what it weighs.
    Widget,
    /// A browser, the server, Synapse, Postgres.
    E2e,
    /// A minute of half of what a debug build can do: no request fails.
    Soak,
    /// What is deployed, in a debug build: names, checksums, bill of materials, and the widget inside.
    Dist,
    /// The Ansible roles, applied to a machine of their own: that takes root on Linux, and a Debian.
    Ansible,
}

const ALL: [Section; 12] = [
    Section::Lint,
    Section::Unit,
    Section::Fuzz,
    Section::Api,
    Section::Openapi,
    Section::Synapse,
    Section::Faults,
    Section::Widget,
    Section::E2e,
    Section::Soak,
    Section::Dist,
    Section::Ansible,
];

impl Section {
    fn name(self) -> &'static str {
        match self {
            Self::Lint => "lint",
            Self::Unit => "unit",
            Self::Fuzz => "fuzz",
            Self::Api => "api",
            Self::Openapi => "openapi",
            Self::Synapse => "synapse",
            Self::Faults => "faults",
            Self::Widget => "widget",
            Self::E2e => "e2e",
            Self::Soak => "soak",
            Self::Dist => "dist",
            Self::Ansible => "ansible",
        }
    }
}

/// The sections named on the command line; when none is, all.
pub(crate) fn parse_sections(names: &[&str], extra: &[&str]) -> Result<Vec<Section>> {
    let mut sections = Vec::new();
    for name in names {
        let Some(section) = ALL.iter().find(|section| section.name() == *name) else {
            let known = ALL.map(Section::name).join(", ");
            return fail(format!("no section `{name}`: there are {known}"));
        };
        sections.push(*section);
    }
    let one_runner = matches!(
        sections[..],
        [Section::Api
            | Section::Openapi
            | Section::Synapse
            | Section::Faults
            | Section::Widget
            | Section::E2e]
    );
    if !extra.is_empty() && !one_runner {
        return fail(
            "arguments after -- go with one section: api, openapi, synapse, faults, widget or e2e",
        );
    }
    Ok(if sections.is_empty() {
        ALL.to_vec()
    } else {
        sections
    })
}

/// Runs sections in order, all of them, and says at the end how each went.
pub(crate) fn run(layout: &Layout, sections: &[Section], extra: &[&str]) -> Result<()> {
    watch_signals()?;
    // What can be known to be missing is said before anything takes long.
    python::find()?;
    node::check()?;
    let mut stack = TestStack::new(layout)?;
    let mut outcomes = Vec::new();
    for section in sections {
        note(format!("\n== {} ==", section.name()));
        let started = Instant::now();
        let result = match section {
            Section::Lint => lint(layout, &mut stack),
            Section::Unit => unit(layout),
            Section::Fuzz => fuzz::run(layout),
            Section::Api => api(layout, &mut stack, extra),
            Section::Openapi => openapi(layout, &mut stack, extra),
            Section::Synapse => against_synapse(layout, &mut stack, extra),
            Section::Faults => faults(layout, &mut stack, extra),
            Section::Widget => widget_alone(layout, &mut stack, extra),
            Section::E2e => end_to_end(layout, &mut stack, extra),
            Section::Soak => {
                bench::measure(layout, &mut stack, Profile::Debug, &["soak"], Some("1"))
            }
            Section::Dist => artefacts(layout, &mut stack),
            Section::Ansible => roles(layout, &mut stack),
        };
        let passed = match result {
            Ok(()) => true,
            Err(Failure::Interrupted) => return Err(Failure::Interrupted),
            Err(Failure::Message(message)) => {
                error(message);
                false
            }
        };
        outcomes.push((section.name(), passed, started.elapsed()));
    }
    drop(stack);
    report(&outcomes)
}

fn report(outcomes: &[(&str, bool, Duration)]) -> Result<()> {
    note("");
    for (name, passed, took) in outcomes {
        let outcome = if *passed { "passed" } else { "FAILED" };
        note(format!("{name:<10} {outcome}   {}", seconds(*took)));
    }
    let failed: Vec<&str> = outcomes
        .iter()
        .filter(|(_, passed, _)| !passed)
        .map(|(name, ..)| *name)
        .collect();
    if failed.is_empty() {
        Ok(())
    } else {
        fail(format!("failed: {}", failed.join(", ")))
    }
}

fn lint(layout: &Layout, stack: &mut TestStack) -> Result<()> {
    run_shown(cargo(layout).args(["fmt", "--all", "--check"]), "cargo fmt")?;
    sqlx::apply(layout, Mode::Check, &stack.schema_url()?)?;
    let deny_warnings = ["--", "-D", "warnings"];
    run_shown(
        cargo(layout)
            .args(["clippy", "--workspace", "--all-targets"])
            .args(deny_warnings),
        "clippy",
    )?;
    tools::wasm_target(layout)?;
    // Its tests are compiled with a standard library, and it is not.
    for what in ["--lib", "--tests"] {
        run_shown(
            cargo(layout)
                .args(["clippy", "--package", "widget-wasm", what])
                .args(["--target", "wasm32-unknown-unknown"])
                .args(deny_warnings),
            "clippy of the widget",
        )?;
    }
    let end2end = layout.root.join("end2end");
    step("end-to-end test packages", || node::ci(layout, &end2end))?;
    run_shown(
        command("npm")
            .args(["run", "--silent", "check"])
            .current_dir(&end2end),
        "tsc",
    )?;
    promtool::check_rules(layout)?;
    widget::check_budget(layout)?;
    let cargo_deny = tools::cargo_deny(layout)?;
    let mut deny = command(cargo_deny);
    deny.current_dir(&layout.root)
        .args(["check", "licenses", "bans", "sources"]);
    // The advisories come from a repository that not every network reaches.
    if std::env::var_os("ADVISORIES").is_some_and(|value| value == "1") {
        deny.arg("advisories");
    }
    run_shown(&mut deny, "cargo deny")
}

fn unit(layout: &Layout) -> Result<()> {
    run_shown(
        cargo(layout)
            .args([
                "test",
                "--package",
                "app",
                "--package",
                "incoming",
                "--package",
                "widget-wasm",
                "--package",
                "xtask",
            ])
            .args(["--features", "app/ui,app/openapi"]),
        "unit tests",
    )?;
    run_shown(
        cargo(layout).args(["test", "--package", "server", "--lib", "--bins"]),
        "the server's unit tests",
    )
}

fn api(layout: &Layout, stack: &mut TestStack, extra: &[&str]) -> Result<()> {
    stack.widget()?;
    let pgbouncer = pgbouncer::find_or_get(layout)?;
    let mut tests = cargo(layout);
    tests
        .args(["test", "--package", "server", "--test", "api", "--"])
        .args(extra)
        // Some tests start a PgBouncer of their own.
        .env("PATH", layout.path_with_tools()?)
        .env("DATABASE_URL", stack.tests_url()?);
    if pgbouncer.is_none() {
        tests.args(["--skip", "pooler"]);
    }
    run_shown(&mut tests, "API tests")?;
    match pgbouncer {
        Some(program) if extra.is_empty() => through_a_pooler(layout, stack, &program),
        _ => Ok(()),
    }
}

/// Those tests for which it matters that a connection stays the same.
fn through_a_pooler(layout: &Layout, stack: &mut TestStack, program: &Path) -> Result<()> {
    let port = stack.ports.another()?;
    let postgres = stack.postgres()?.connection_string();
    let dir = layout.test();
    let pooler = PgBouncer::start(program, &dir, &stack.run_dir, port, &postgres)?;
    run_shown(
        cargo(layout)
            .args(["test", "--package", "server", "--test", "api", "--"])
            .args(["news", "poll_messages"])
            .env("DATABASE_URL", pooler.url(TESTS_DATABASE)),
        "API tests through PgBouncer",
    )
}

/// What the API promises holds without a homeserver: messages wait.
fn openapi(layout: &Layout, stack: &mut TestStack, extra: &[&str]) -> Result<()> {
    let program = server::build(layout)?;
    let spec = ServerSpec {
        program: &program,
        ports: stack.ports,
        database_url: stack.postgres()?.url(OPENAPI_DATABASE),
        // Nobody listens there.
        homeserver_url: "http://127.0.0.1:1".to_owned(),
        accounts: &stack.accounts,
        log: layout.test().join("openapi-server.log"),
        run_dir: &stack.run_dir,
        wait_for: "healthz",
        settings: &[
            ("SUPPORT_CHAT_SESSIONS_PER_IP_PER_HOUR", "0"),
            ("SUPPORT_CHAT_SESSIONS_PER_HOUR", "0"),
            ("SUPPORT_CHAT_MESSAGES_PER_SESSION_PER_MINUTE", "0"),
            ("SUPPORT_CHAT_REQUESTS_PER_IP_PER_MINUTE", "0"),
            ("SUPPORT_CHAT_RELAY_GRACE", "1day"),
        ],
    };
    let mut server = server::start(layout, &spec)?;
    let base_url = server::page_url(stack.ports);
    let result = openapi::walk_through(layout, &base_url)
        .and_then(|()| openapi::check(layout, &base_url, extra))
        // Whatever schemathesis asked for has been counted.
        .and_then(|()| promtool::check_metrics(layout, &server::metrics(stack.ports)?));
    server.check()?;
    result
}

fn against_synapse(layout: &Layout, stack: &mut TestStack, extra: &[&str]) -> Result<()> {
    let database_url = stack.tests_url()?;
    // No other website is served here, so its port is free.
    let encrypting = Synapse::start(
        layout,
        &layout.test().join("synapse-encrypting"),
        &stack.run_dir,
        stack.ports.host,
        &stack.accounts,
        Encryption::Invite,
    )?;
    let synapse = stack.synapse()?;
    run_shown(
        cargo(layout)
            .args(["test", "--package", "server", "--test", "synapse", "--"])
            .args(extra)
            .env("DATABASE_URL", database_url)
            .env("SYNAPSE_URL", synapse.url())
            .env("SYNAPSE_REGISTRATION_SECRET", synapse.registration_secret())
            .env("SYNAPSE_ENCRYPTING_URL", encrypting.url())
            .env(
                "SYNAPSE_ENCRYPTING_REGISTRATION_SECRET",
                encrypting.registration_secret(),
            ),
        "tests against Synapse",
    )
}

/// The scenarios mostly wait, for what died and for each other, so all of them run at once; their
/// figures are part of the result. `FAULT_SCALE` makes them longer.
fn faults(layout: &Layout, stack: &mut TestStack, extra: &[&str]) -> Result<()> {
    let dir = layout.test();
    let database_url = stack.tests_url()?;
    let parts = stack.parts()?;
    let mut cargo = cargo(layout);
    cargo
        .args(["test", "--package", "server", "--test", "faults", "--"])
        .args(["--nocapture", "--test-threads=16"])
        .args(extra)
        .env("DATABASE_URL", database_url)
        .env("SYNAPSE_URL", parts.synapse.url())
        .env(
            "SYNAPSE_REGISTRATION_SECRET",
            parts.synapse.registration_secret(),
        );
    parts_ctl::during(parts, &dir, |script| {
        run_shown(cargo.env("PARTS_CTL", script), "the fault suite")
    })
}

fn widget_alone(layout: &Layout, stack: &mut TestStack, extra: &[&str]) -> Result<()> {
    let end2end = layout.root.join("end2end");
    step("end-to-end test packages", || node::ci(layout, &end2end))?;
    let browsers = Browsers::ensure(layout, &end2end)?;
    stack.widget()?;
    widget::check_size(layout)?;
    if extra.is_empty()
        && let Some(chromium) = &browsers.chromium
    {
        widget::test_in_browser(layout, chromium)?;
    }
    let mut playwright = command("npx");
    playwright
        .args(["playwright", "test", "--config=widget.config.ts"])
        .args(extra)
        .current_dir(&end2end);
    browsers.tell(&mut playwright);
    run_shown(&mut playwright, "the widget's tests")
}

fn end_to_end(layout: &Layout, stack: &mut TestStack, extra: &[&str]) -> Result<()> {
    let end2end = layout.root.join("end2end");
    step("end-to-end test packages", || node::ci(layout, &end2end))?;
    let browsers = Browsers::ensure(layout, &end2end)?;
    stack.widget()?;
    let ports = stack.ports;
    let package = npm_package::pack(layout)?;
    hosts::build(layout, &package, &server::page_url(ports))?;
    let program = server::build(layout)?;

    let dir = layout.test();
    let database_url = stack.postgres()?.url(E2E_DATABASE);
    let homeserver_url = stack.synapse()?.url();
    let log = dir.join("server.log");
    let spec = ServerSpec {
        program: &program,
        ports,
        database_url: database_url.clone(),
        homeserver_url: homeserver_url.clone(),
        accounts: &stack.accounts,
        log: log.clone(),
        run_dir: &stack.run_dir,
        wait_for: "readyz",
        // All visitors come from one address, and a test reads everything the server says.
        settings: &[
            ("RUST_LOG", "trace"),
            ("SUPPORT_CHAT_LOG_FORMAT", "json"),
            ("SUPPORT_CHAT_SESSIONS_PER_IP_PER_HOUR", "0"),
            ("SUPPORT_CHAT_SESSIONS_PER_HOUR", "0"),
            ("SUPPORT_CHAT_REQUESTS_PER_IP_PER_MINUTE", "0"),
        ],
    };
    let mut server = server::start(layout, &spec)?;

    let mut playwright = command("npx");
    playwright
        .args(["playwright", "test"])
        .args(extra)
        .current_dir(&end2end)
        .env("BASE_URL", server::page_url(ports))
        .env("HOST_URL", server::host_url(ports))
        .env("SERVER_ADMIN_URL", server::admin_url(ports))
        .env("HOMESERVER_URL", &homeserver_url)
        .env("DATABASE_URL", &database_url)
        .env("SERVER_LOG", &log)
        .env("STAFF_ALICE", synapse::mxid(synapse::STAFF[0]))
        .env("STAFF_BOB", synapse::mxid(synapse::STAFF[1]))
        .env("STAFF_PASSWORD", stack.accounts.staff_password())
        .env("BOT_MXID", synapse::mxid(synapse::BOT))
        .env("BOT_PASSWORD", stack.accounts.bot_password());
    browsers.tell(&mut playwright);
    let result = parts_ctl::during(stack.parts()?, &dir, |script| {
        run_shown(playwright.env("PARTS_CTL", script), "end-to-end tests")
    });
    // A server that died explains failures better than the failures do.
    server.check()?;
    result
}

/// An optimised build takes many minutes, and differs in nothing that is checked here.
fn artefacts(layout: &Layout, stack: &mut TestStack) -> Result<()> {
    let made = stack.artefacts()?;
    step("artefacts", || dist::check(layout, made))
}

fn roles(layout: &Layout, stack: &mut TestStack) -> Result<()> {
    let dir = layout.test().join("ansible");
    files::create_private_dir(&dir)?;
    let run_dir = stack.run_dir.clone();
    let artefact = || Ok(stack.artefacts()?.server.clone());
    ansible::run(layout, &dir, &run_dir, artefact)
}

fn cargo(layout: &Layout) -> Command {
    let mut cargo = command("cargo");
    // A failed assertion says enough; forty lines of runtime for each hide it.
    cargo
        .current_dir(&layout.root)
        .env("SQLX_OFFLINE", "true")
        .env("RUST_BACKTRACE", "0");
    cargo
}

const TESTS_DATABASE: &str = "tests";
const OPENAPI_DATABASE: &str = "openapi";
const E2E_DATABASE: &str = "e2e";
const SCHEMA_DATABASE: &str = "schema";

/// Postgres and Synapse for one run of tests: fresh, on free ports, started when first asked for.
/// Fields end in the order they stand here.
pub(crate) struct TestStack {
    synapse: Option<Synapse>,
    postgres: Option<Postgres>,
    widget_built: bool,
    artefacts: Option<Artefacts>,
    layout: Layout,
    run_dir: PathBuf,
    ports: Ports,
    accounts: Accounts,
    _only_one: Lock,
}

impl TestStack {
    /// Clears away what the last run left.
    pub(crate) fn new(layout: &Layout) -> Result<Self> {
        let only_one = Lock::take(
            &layout.dev.join("test.lock"),
            "another `cargo xtask test` runs in this checkout: wait for it or end it",
        )?;
        let dir = layout.test();
        let run_dir = dir.join("run");
        end_leftovers(&run_dir)?;
        files::remove_dir(&dir)?;
        files::create_private_dir(&dir)?;
        // The server embeds this directory: it must be there even where no widget is built.
        fs::create_dir_all(layout.root.join("dist").join("widget"))
            .context("cannot make dist/widget")?;
        Ok(Self {
            synapse: None,
            postgres: None,
            widget_built: false,
            artefacts: None,
            layout: layout.clone(),
            run_dir,
            ports: Ports::free()?,
            accounts: Accounts::load_or_make(&dir.join("accounts.json"))?,
            _only_one: only_one,
        })
    }

    pub(crate) fn postgres(&mut self) -> Result<&mut Postgres> {
        let postgres = match self.postgres.take() {
            Some(postgres) => postgres,
            None => Postgres::start(
                &self.layout,
                &self.layout.test().join("postgres"),
                &self.run_dir,
                self.ports.postgres,
                &[
                    (TESTS_DATABASE, String::new()),
                    (OPENAPI_DATABASE, String::new()),
                    (E2E_DATABASE, String::new()),
                    (SCHEMA_DATABASE, postgres::migrations(&self.layout)?),
                ],
            )?,
        };
        Ok(self.postgres.insert(postgres))
    }

    pub(crate) fn synapse(&mut self) -> Result<&mut Synapse> {
        let synapse = match self.synapse.take() {
            Some(synapse) => synapse,
            None => Synapse::start(
                &self.layout,
                &self.layout.test().join("synapse"),
                &self.run_dir,
                self.ports.homeserver,
                &self.accounts,
                Encryption::Off,
            )?,
        };
        Ok(self.synapse.insert(synapse))
    }

    /// What may be killed.
    pub(crate) fn parts(&mut self) -> Result<Parts<'_>> {
        self.postgres()?;
        self.synapse()?;
        match (&mut self.synapse, &mut self.postgres) {
            (Some(synapse), Some(postgres)) => Ok(Parts { synapse, postgres }),
            _ => fail("a part did not start"),
        }
    }

    /// What `cargo xtask dist --debug` makes.
    fn artefacts(&mut self) -> Result<&Artefacts> {
        let made = if let Some(made) = self.artefacts.take() {
            made
        } else {
            self.widget()?;
            let package = npm_package::pack(&self.layout)?;
            let dir = self.layout.test().join("dist");
            dist::make(&self.layout, &dir, &package, Profile::Debug)?
        };
        Ok(self.artefacts.insert(made))
    }

    pub(crate) fn widget(&mut self) -> Result<()> {
        if !self.widget_built {
            widget::build(&self.layout)?;
            self.widget_built = true;
        }
        Ok(())
    }

    /// A database from which the tests make one each.
    pub(crate) fn tests_url(&mut self) -> Result<String> {
        Ok(self.postgres()?.url(TESTS_DATABASE))
    }

    /// The ports of this stack.
    pub(crate) fn ports(&self) -> Ports {
        self.ports
    }

    /// The accounts on its homeserver.
    pub(crate) fn accounts(&self) -> &Accounts {
        &self.accounts
    }

    /// A database with every migration applied.
    pub(crate) fn schema_url(&mut self) -> Result<String> {
        Ok(self.postgres()?.url(SCHEMA_DATABASE))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_name_it_is_all() {
        assert_eq!(parse_sections(&[], &[]).unwrap(), ALL);
        assert_eq!(
            parse_sections(&["e2e", "lint"], &[]).unwrap(),
            [Section::E2e, Section::Lint]
        );
        assert!(parse_sections(&["e2"], &[]).is_err());
    }

    #[test]
    fn runner_arguments_need_one_runner() {
        assert!(parse_sections(&["api"], &["poll"]).is_ok());
        assert!(parse_sections(&["api", "e2e"], &["poll"]).is_err());
        assert!(parse_sections(&[], &["poll"]).is_err());
        assert!(parse_sections(&["lint"], &["poll"]).is_err());
    }

    #[test]
    fn one_failed_section_fails_the_run() {
        let took = Duration::from_secs(1);
        assert!(report(&[("lint", true, took), ("unit", true, took)]).is_ok());
        assert!(report(&[("lint", true, took), ("unit", false, took)]).is_err());
    }
}

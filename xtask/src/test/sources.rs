//! What is said of the sources without running the system.

use super::cargo;
use crate::failure::Result;
use crate::layout::Layout;
use crate::process::{command, run_shown};
use crate::progress::step;
use crate::stack::TestStack;
use crate::{links, node, promtool, sqlx, tools, widget};

/// Formatting, clippy, types, links, licences, `.sqlx`.
pub(super) fn lint(layout: &Layout, stack: &mut TestStack) -> Result<()> {
    run_shown(cargo(layout, "fmt --all --check"), "cargo fmt")?;
    links::check(layout)?;
    sqlx::apply(layout, true, &stack.schema_url()?)?;
    let clippy = |what: &str, name: &str| {
        let line = format!("clippy {what} -- -D warnings");
        run_shown(cargo(layout, &line), name)
    };
    clippy("--workspace --all-targets", "clippy")?;
    tools::wasm_target(layout)?;
    // Its tests are compiled with a standard library, and it is not.
    for what in ["--lib", "--tests"] {
        let widget = format!("--package widget-wasm {what} --target wasm32-unknown-unknown");
        clippy(&widget, "clippy of the widget")?;
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
    let mut deny = command(tools::cargo_deny(layout)?);
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
    run_shown(
        cargo(
            layout,
            "test --package app --package bench --package incoming --package widget-wasm --package xtask \
             --features app/ui,app/openapi",
        ),
        "unit tests",
    )?;
    run_shown(
        cargo(layout, "test --package server --lib --bins"),
        "the server's unit tests",
    )?;
    widget::test_build(layout)
}

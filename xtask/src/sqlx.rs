//! `.sqlx`: what the `query!` macros know of the database, so that a build needs none.

use crate::failure::Result;
use crate::interruption::watch_signals;
use crate::layout::Layout;
use crate::process::{command, run_shown};
use crate::stack::TestStack;
use crate::tools;

/// `cargo xtask sqlx [--check]`.
pub(crate) fn run(layout: &Layout, check: bool) -> Result<()> {
    watch_signals()?;
    let mut stack = TestStack::new(layout)?;
    apply(layout, check, &stack.schema_url()?)
}

/// Brings `.sqlx` up to date with the migrations and queries, or only checks that it is. The database at
/// this address is empty before.
pub(crate) fn apply(layout: &Layout, check: bool, database_url: &str) -> Result<()> {
    let program = tools::cargo_sqlx(layout)?;
    let sqlx = |line: &str| {
        let mut sqlx = command(&program);
        sqlx.args(line.split(' '))
            .current_dir(&layout.root)
            .env("DATABASE_URL", database_url)
            .env_remove("SQLX_OFFLINE");
        sqlx
    };
    run_shown(&mut sqlx("sqlx migrate run --no-dotenv"), "the migrations")?;
    let check = if check { "--check " } else { "" };
    let line =
        format!("sqlx prepare --workspace --no-dotenv {check}-- --package server --all-targets");
    run_shown(
        &mut sqlx(&line),
        "comparing .sqlx with the queries (`cargo xtask sqlx` rewrites it)",
    )
}

//! `.sqlx`: the data about the database for the `query!` macros, so that a build needs no database.

use crate::prelude::*;
use crate::stack::Stack;
use crate::tools;

/// `cargo xtask sqlx [--check]`.
pub(crate) fn run(layout: &Layout, check: bool) -> Result<()> {
    watch_signals()?;
    let mut stack = Stack::for_tests(layout)?;
    apply(layout, check, &stack.database("schema")?)
}

/// Updates `.sqlx` from the migrations and queries, or only checks it. The database at this address must be empty.
pub(crate) fn apply(layout: &Layout, check: bool, database_url: &str) -> Result<()> {
    let program = tools::get(layout, &tools::CARGO_SQLX)?;
    let sqlx = |words: &str| {
        let mut sqlx = command(&program);
        sqlx.args(words.split(' '))
            .current_dir(&layout.root)
            .env("DATABASE_URL", database_url)
            .env_remove("SQLX_OFFLINE");
        sqlx
    };
    run_shown(sqlx("sqlx migrate run --no-dotenv"), "the migrations")?;
    let mode = if check { "--check " } else { "" };
    let prepare =
        format!("sqlx prepare --workspace --no-dotenv {mode}-- --package server --all-targets");
    let log = layout.logs().join("sqlx-prepare.log");
    step("queries against the database", || {
        let what = "`cargo sqlx prepare` (`cargo xtask sqlx` brings .sqlx up to date)";
        run_logged(sqlx(&prepare), what, &log)?;
        // For the check, these are only worth a warning.
        if check && fs::read_to_string(&log)?.contains("potentially unused queries") {
            bail!(".sqlx has queries that the server no longer has: run `cargo xtask sqlx`");
        }
        Ok(())
    })
}

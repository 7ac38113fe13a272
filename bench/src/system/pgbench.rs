//! pgbench, Postgres's own benchmark: the same transaction without a server in between.

use std::{fs, path::Path};

use tokio::process::Command;

use crate::{
    Result, Setup,
    report::rounds::{Side, alternate, medians},
    report::{Goal, Report},
    system::server::Database,
};

/// The number of pgbench's clients, and of connections to the server.
pub(crate) const CLIENTS: usize = 16;

/// How many times per second the server does something, compared with the transaction that it needs.
pub(crate) async fn compare(
    setup: &Setup,
    database: &Database,
    work: &str,
    transaction: &str,
    through_server: impl AsyncFn() -> Result<f64>,
    report: &mut Report,
) -> Result<()> {
    let Some(program) = &setup.pgbench else {
        println!("no pgbench here to compare with: {work}");
        return Ok(());
    };
    let rounds = alternate(setup, async |side| {
        let rate = match side {
            Side::Measured => through_server().await?,
            Side::Limit => run(setup, program, database, transaction).await?,
        };
        forget_outbox(database).await?;
        Ok(rate)
    });
    let rates = medians(&rounds.await?, |rate| *rate);
    report.compare(work, rates, "/s", "`pgbench`", Goal::AtLeast(0.5));
    Ok(())
}

/// There is no homeserver, so queued tasks would be tried again and again.
pub(crate) async fn forget_outbox(database: &Database) -> Result<()> {
    sqlx::query("TRUNCATE outbox")
        .execute(&database.pool)
        .await?;
    Ok(())
}

/// The number of transactions per second with this many clients.
async fn run(setup: &Setup, program: &Path, database: &Database, transaction: &str) -> Result<f64> {
    let script = setup.output.join("pgbench.sql");
    fs::write(&script, transaction)?;
    let output = Command::new(program)
        .args(["--no-vacuum", "--protocol=prepared", "--jobs=2"])
        .arg(format!("--client={CLIENTS}"))
        .arg(format!("--time={}", setup.round.as_secs()))
        .arg("--file")
        .arg(script)
        .arg(&database.url)
        .output()
        .await?;
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines()
        .find_map(|line| line.strip_prefix("tps = ")?.split(' ').next()?.parse().ok())
        .ok_or_else(|| format!("pgbench: {}", String::from_utf8_lossy(&output.stderr)).into())
}

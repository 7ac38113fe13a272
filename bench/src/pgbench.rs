//! Postgres's own benchmark: the same transaction without a server before it.

use std::fs;

use tokio::process::Command;

use crate::{Result, Setup, server::Database};

/// How many transactions a second so many clients make; `None` where there is no pgbench.
pub(crate) async fn run(
    setup: &Setup,
    database: &Database,
    name: &str,
    transaction: &str,
    clients: usize,
) -> Result<Option<f64>> {
    let Some(program) = &setup.pgbench else {
        println!("no pgbench here: `{name}` is not compared with it");
        return Ok(None);
    };
    let script = setup.output.join(format!("{name}.sql"));
    fs::write(&script, transaction)?;
    let output = Command::new(program)
        .args(["--no-vacuum", "--protocol=prepared", "--jobs=2"])
        .arg(format!("--client={clients}"))
        .arg(format!("--time={}", setup.round.as_secs()))
        .arg("--file")
        .arg(script)
        .arg(&database.url)
        .output()
        .await?;
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines()
        .find_map(|line| line.strip_prefix("tps = ")?.split(' ').next()?.parse().ok())
        .map(Some)
        .ok_or_else(|| format!("pgbench: {}", String::from_utf8_lossy(&output.stderr)).into())
}

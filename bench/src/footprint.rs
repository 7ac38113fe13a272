//! Memory, and the time to the first answer.

use crate::{
    Result, Setup,
    report::{Report, median},
    server::{Database, Server},
};

/// From the process's start to its first answer, on a database that is migrated.
pub(crate) async fn start(setup: &Setup, database: &Database, report: &mut Report) -> Result<()> {
    let mut took = Vec::new();
    for round in 0..=setup.rounds {
        let server = Server::start(setup, database, None).await?;
        if round > 0 {
            took.push(server.started_within.as_secs_f64());
        }
        server.stop().await?;
    }
    report.bound("start to first answer", median(took), "s", 0.5);
    Ok(())
}

pub(crate) fn idle(server: &Server, report: &mut Report) -> Result<()> {
    report.bound("memory, idle", server.resident_mib()?, "MiB", 40.0);
    Ok(())
}

/// After all of them were polled.
pub(crate) fn polled(server: &Server, report: &mut Report) -> Result<()> {
    report.bound(
        "memory, 10,000 open sessions polled",
        server.resident_mib()?,
        "MiB",
        60.0,
    );
    Ok(())
}

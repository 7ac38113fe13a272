//! Memory, and the time from the start to the first answer.

use crate::{
    Result, Setup,
    load::conversations,
    report::Report,
    report::rounds::{median, repeat},
    sections::polls,
    system::server::{Database, Server},
};

/// From the process's start to its first answer, on a database that is migrated.
pub(crate) async fn start(setup: &Setup, database: &Database, report: &mut Report) -> Result<()> {
    let took = repeat(setup, async || {
        let server = Server::start(setup, database, None).await?;
        let took = server.started_within.as_secs_f64();
        server.stop().await?;
        Ok(took)
    });
    report.bound("start to first answer", median(took.await?), " s", 0.5);
    Ok(())
}

const MANY: u32 = 100_000;

/// The memory of this many open sessions, each polled as if a page had it open.
pub(crate) async fn many(setup: &Setup, report: &mut Report) -> Result<()> {
    let database = Database::make(setup, "bench_memory").await?;
    let server = Server::start(setup, &database, None).await?;
    let stored = conversations::store(&server, &database, MANY, 2, MANY).await?;
    let mut points = vec![(0.0, server.resident_mib()?)];
    let mut polled = 0;
    for count in [10_000, 25_000, 50_000, MANY] {
        polls::each_once(&server, &stored, polled..count).await?;
        polled = count;
        points.push((f64::from(count), server.resident_mib()?));
    }
    report.bound(
        "memory, 100,000 open sessions polled",
        server.resident_mib()?,
        " MiB",
        150.0,
    );
    report.memory = points;
    server.stop().await
}

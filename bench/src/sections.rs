//! The sections of the benchmark: a module for each, or for a part of one.

mod bursts;
mod creation;
mod footprint;
mod growth;
mod joined;
mod overload;
mod panel;
mod polls;
mod posts;
mod relay;
mod rooms;
mod signals;
mod soak;
mod waits;

use crate::{
    Result, Setup,
    load::conversations,
    report::Report,
    system::server::{Database, Server},
};

/// The sections, in the order in which they run. They do not depend on each other; `joined` leaves many rooms behind.
pub(crate) const SECTIONS: [&str; 9] = [
    "requests", "memory", "waits", "growth", "relay", "overload", "soak", "joined", "panel",
];

/// Runs one section.
pub(crate) async fn measure(section: &str, setup: &Setup, report: &mut Report) -> Result<()> {
    match section {
        "requests" => requests(setup, report).await,
        "memory" => footprint::many(setup, report).await,
        "waits" => waits::measure(setup, report).await,
        "growth" => growth::measure(setup, report).await,
        "relay" => relay::measure(setup, report).await,
        "joined" => joined::measure(setup, report).await,
        "overload" => overload::measure(setup, report).await,
        "soak" => soak::measure(setup, report).await,
        "panel" => panel::measure(setup, report).await,
        _ => Ok(()),
    }
}

/// Runs without a homeserver, since Synapse's work would dominate the measurement.
async fn requests(setup: &Setup, report: &mut Report) -> Result<()> {
    let database = Database::make(setup, "bench_requests").await?;
    footprint::start(setup, &database, report).await?;
    let server = Server::start(setup, &database, None).await?;
    report.bound("memory, idle", server.resident_mib()?, " MiB", 40.0);
    let conversations = conversations::store(&server, &database, 20_000, 2, 20_000).await?;
    polls::nothing_new(setup, &server, &conversations, report).await?;
    let polled = "memory, 10,000 open sessions polled";
    report.bound(polled, server.resident_mib()?, " MiB", 60.0);
    polls::one_message(setup, &server, &database, &conversations, report).await?;
    polls::by_connections(setup, &server, &conversations, report).await?;
    polls::looks(setup, &server, &conversations, report).await?;
    // After this, no session is quiet.
    posts::against_pgbench(setup, &server, &database, &conversations, report).await?;
    creation::against_pgbench(setup, &server, &database, report).await?;
    server.stop().await
}

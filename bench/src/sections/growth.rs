//! Whether stored data slow anything down: the same load among few and among many conversations.

use std::sync::Arc;

use crate::{
    Result, Setup,
    load::conversations::{self, Conversations},
    report::rounds::{Side, alternate, medians},
    report::{Goal, Report},
    sections::polls,
    sections::posts,
    system::pgbench::forget_outbox,
    system::server::{Database, Server},
};

const FEW: u32 = 1_000;
const MESSAGES: u32 = 10;

pub(crate) async fn measure(setup: &Setup, report: &mut Report) -> Result<()> {
    let few = Stored::make(setup, "bench_few_grown", FEW).await?;
    let many = Stored::make(setup, "bench_many", setup.many_sessions).await?;
    let rounds = alternate(setup, async |side| match side {
        Side::Measured => many.round(setup).await,
        Side::Limit => few.round(setup).await,
    })
    .await?;
    let count = setup.many_sessions;
    let few_name = format!("{FEW} sessions");
    for (what, rates) in [
        ("idle poll", medians(&rounds, |round| round.0)),
        ("POST", medians(&rounds, |round| round.1)),
    ] {
        let work = format!("growth: {what} with {count} sessions of {MESSAGES} messages stored");
        report.compare(&work, rates, "/s", &few_name, Goal::AtLeast(1.0 / 1.2));
    }
    many.database.drop(setup).await
}

struct Stored {
    database: Database,
    conversations: Arc<Conversations>,
}

impl Stored {
    async fn make(setup: &Setup, name: &str, sessions: u32) -> Result<Self> {
        let database = Database::make(setup, name).await?;
        let server = Server::start(setup, &database, None).await?;
        let conversations = conversations::store(&server, &database, sessions, MESSAGES, FEW);
        let conversations = conversations.await?;
        server.stop().await?;
        Ok(Self {
            database,
            conversations,
        })
    }

    /// Idle polls and POSTs per second.
    async fn round(&self, setup: &Setup) -> Result<(f64, f64)> {
        let server = Server::start(setup, &self.database, None).await?;
        let polled = polls::idle(setup, &server, &self.conversations).await?;
        let posted = posts::throughput(setup, &server, &self.conversations).await?;
        forget_outbox(&self.database).await?;
        server.stop().await?;
        Ok((polled, posted))
    }
}

//! Whether what is stored makes anything slower: as many conversations are held among few as among
//! many.

use crate::{
    Result, Setup, conversations, polls, posts,
    report::{Goal, Report, median},
    server::{Database, Server},
};

const FEW: u32 = 1_000;
const MESSAGES: u32 = 10;

pub(crate) async fn measure(setup: &Setup, report: &mut Report) -> Result<()> {
    let mut sides = Vec::new();
    for (name, count) in [
        ("bench_few_grown", FEW),
        ("bench_many", setup.many_sessions),
    ] {
        let database = Database::make(setup, name).await?;
        let server = Server::start(setup, &database, None).await?;
        let stored = conversations::store(&server, &database, count, MESSAGES, FEW).await?;
        server.stop().await?;
        sides.push((database, stored, Vec::new(), Vec::new()));
    }
    for round in 0..=setup.rounds {
        for (database, stored, idle, post) in &mut sides {
            let server = Server::start(setup, database, None).await?;
            let polled = polls::idle(setup, &server, stored).await?;
            let posted = posts::throughput(setup, &server, stored).await?;
            posts::forget_outbox(database).await?;
            server.stop().await?;
            if round > 0 {
                idle.push(polled);
                post.push(posted);
            }
        }
    }
    let [few, many] = &sides[..] else {
        return Err("there are two sides".into());
    };
    let count = setup.many_sessions;
    for (what, few, many) in [("idle poll", &few.2, &many.2), ("POST", &few.3, &many.3)] {
        let (few, many) = (median(few.clone()), median(many.clone()));
        report.compare(
            &format!("growth: {what} with {count} sessions of {MESSAGES} messages stored"),
            (format!("{many:.0}/s"), many),
            (format!("{FEW} sessions {few:.0}/s"), few),
            Goal::AtLeast(1.0 / 1.2),
        );
    }
    Ok(())
}

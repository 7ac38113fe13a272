//! Load and failures of some must not affect others: a rush of new conversations, a flood from one network, writes that
//! wait, and large answers to many at once.

mod answers;
mod blocked;
mod flood;

use std::time::{Duration, Instant};

use tokio::{sync::mpsc, task::JoinSet};
use uuid::Uuid;

use crate::{
    Result, Setup,
    load::all,
    load::visitor::{self, Visitor, until_relayed},
    report::rounds::median_ms,
    report::{Goal, Report},
    system::matrix::{Matrix, until_seen},
    system::server::{Database, Server},
};

/// The number of conversations that begin at once.
const CREATIONS: usize = 300;
/// This many of them must still be waiting for a message to count as one that overtakes.
const STILL_WAITING: i64 = 20;
/// Messages that are timed, without and with a rush.
const MESSAGES: usize = 30;

pub(crate) async fn measure(setup: &Setup, report: &mut Report) -> Result<()> {
    rush(setup, report).await?;
    flood::measure(setup, report).await?;
    blocked::measure(setup, report).await?;
    answers::measure(setup, report).await
}

/// Messages of a conversation that has a room, while hundreds wait for theirs.
async fn rush(setup: &Setup, report: &mut Report) -> Result<()> {
    let database = Database::make(setup, "bench_rush").await?;
    let bot = Matrix::login(setup, &setup.bot).await?;
    let staff = Matrix::login(setup, &setup.staff).await?;
    let server = Server::start(setup, &database, Some(&bot)).await?;
    let mut older = Visitor::begin(&server, &database).await?;
    staff.join(&older.room_id).await?;
    until_relayed(&database).await?;
    let mut seen = staff.follow();
    let mut idle = Vec::new();
    for _ in 0..MESSAGES {
        idle.push(say(&mut older, &mut seen).await?);
    }

    let mut creations = JoinSet::new();
    let address = server.address;
    for number in 0..CREATIONS {
        creations.spawn(async move {
            let text = format!("One of many, {number}");
            visitor::begin(address, &text, "https://example.com/")
                .await
                .map(drop)
        });
    }
    all(creations).await?;
    let mut busy = Vec::new();
    while busy.len() < MESSAGES && waiting(&database).await? >= STILL_WAITING {
        busy.push(say(&mut older, &mut seen).await?);
    }
    report.compare(
        &format!(
            "overload: a message of an older conversation with {CREATIONS} creations waiting, \
             POST to visible in the room"
        ),
        (median_ms(busy), median_ms(idle)),
        " ms",
        "idle server",
        Goal::AtMost(3.0),
    );
    until_relayed(&database).await?;
    server.stop().await
}

/// How long it takes until staff see a message.
async fn say(
    visitor: &mut Visitor,
    seen: &mut mpsc::UnboundedReceiver<String>,
) -> Result<Duration> {
    let (text, began) = (Uuid::new_v4().to_string(), Instant::now());
    visitor.say(&text).await?;
    until_seen(seen, [text]).await?;
    Ok(began.elapsed())
}

/// Conversations that have no room yet.
async fn waiting(database: &Database) -> Result<i64> {
    let count = sqlx::query_scalar("SELECT count(*) FROM sessions WHERE room_id IS NULL");
    Ok(count.fetch_one(&database.pool).await?)
}

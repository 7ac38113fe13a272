//! Whether the rooms that the bot is in make a reply dearer, or the server's start slower.

use std::{
    collections::HashSet,
    sync::Arc,
    time::{Duration, Instant},
};

use reqwest::Method;
use tokio::{sync::Semaphore, task::JoinSet, time};
use uuid::Uuid;

use crate::{
    Result, Setup,
    load::number,
    matrix::{Matrix, PATIENCE},
    processes::Usage,
    report::{Goal, Report},
    rooms,
    server::{Database, Server},
    visitor::{Visitor, until_relayed},
};

/// The rooms in which staff write.
const FEW: usize = 10;
/// What one member of the staff may say at once on this homeserver.
const REPLIES: usize = 40;
/// Rooms that Synapse makes at the same time.
const AT_ONCE: usize = 8;

pub(crate) async fn measure(setup: &Setup, report: &mut Report) -> Result<()> {
    let database = Database::make(setup, "bench_joined").await?;
    let bot = Matrix::login(setup, &setup.bot).await?;
    let staff = Matrix::login(setup, &setup.staff).await?;
    let server = Server::start(setup, &database, Some(&bot.token)).await?;
    let mut visitors = Vec::new();
    for _ in 0..FEW {
        let visitor = Visitor::begin(&server, &database).await?;
        staff.join(&visitor.room_id).await?;
        visitors.push(visitor);
    }
    until_relayed(&database).await?;
    let few = replies(setup, &server, &database, &staff, &visitors).await?;

    make_rooms(setup, &bot).await?;
    let rooms = FEW + setup.many_rooms;
    // What their making brings is behind it, and Synapse lets the staff say as much again.
    ready(&server).await?;
    time::sleep(Duration::from_secs(10)).await;
    let many = replies(setup, &server, &database, &staff, &visitors).await?;
    report.costs.reply = Some(many);
    let millis = |usage: &Usage| usage.server * 1e3;
    report.compare(
        &format!("growth: a staff message with {rooms} rooms joined, the server's processor time"),
        (format!("{:.2} ms", millis(&many)), millis(&many)),
        (format!("{FEW} rooms {:.2} ms", millis(&few)), millis(&few)),
        Goal::AtMost(1.5),
    );

    server.stop().await?;
    // As after an outage: the last sync is too long ago to count.
    sqlx::query("UPDATE sync_position SET synced_at = now() - interval '1 hour'")
        .execute(&database.pool)
        .await?;
    let anew = Database::make(setup, "bench_joined_anew").await?;
    for (what, database) in [
        ("start again after an outage, to ready", database),
        ("start on an empty database, to ready", anew),
    ] {
        let began = Instant::now();
        let server = Server::start(setup, &database, Some(&bot.token)).await?;
        ready(&server).await?;
        let took = began.elapsed().as_secs_f64();
        report.bound(
            &format!("{what}, with {rooms} rooms joined"),
            took,
            "s",
            10.0,
        );
        server.stop().await?;
    }
    Ok(())
}

/// What one staff message takes.
async fn replies(
    setup: &Setup,
    server: &Server,
    database: &Database,
    staff: &Matrix,
    visitors: &[Visitor],
) -> Result<Usage> {
    let before = Usage::now(setup, server)?;
    let mut texts = HashSet::new();
    for n in 0..REPLIES {
        let text = Uuid::new_v4().to_string();
        staff
            .say(&visitors[n % visitors.len()].room_id, &text)
            .await?;
        texts.insert(text);
    }
    let (texts, deadline) = (
        texts.into_iter().collect::<Vec<_>>(),
        Instant::now() + PATIENCE,
    );
    while sqlx::query_scalar::<_, i64>("SELECT count(*) FROM messages WHERE body = ANY($1)")
        .bind(&texts)
        .fetch_one(&database.pool)
        .await?
        < i64::try_from(REPLIES)?
    {
        if Instant::now() > deadline {
            return Err("replies were not taken in".into());
        }
        time::sleep(Duration::from_millis(50)).await;
    }
    Ok((Usage::now(setup, server)? - before).per(number(REPLIES)))
}

/// Rooms of nobody's, as those of conversations that are long over.
async fn make_rooms(setup: &Setup, bot: &Matrix) -> Result<()> {
    let (slots, creation) = (Arc::new(Semaphore::new(AT_ONCE)), rooms::creation(setup));
    let mut tasks = JoinSet::new();
    for _ in 0..setup.many_rooms {
        let (slots, bot, creation) = (slots.clone(), bot.clone(), creation.clone());
        tasks.spawn(async move {
            let _slot = slots.acquire().await?;
            bot.ask(Method::POST, "/createRoom", &creation).await?;
            Ok::<_, Box<dyn std::error::Error + Send + Sync>>(())
        });
    }
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    Ok(())
}

/// Waits until the server says that it is ready.
async fn ready(server: &Server) -> Result<()> {
    let url = format!("http://{}/readyz", server.admin_address);
    let deadline = Instant::now() + PATIENCE;
    while !reqwest::get(&url).await?.status().is_success() {
        if Instant::now() > deadline {
            return Err("the server did not become ready".into());
        }
        time::sleep(Duration::from_millis(5)).await;
    }
    Ok(())
}

//! Polls while no write can succeed, and the results of those writes.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use reqwest::{Client, RequestBuilder};
use serde_json::json;
use tokio::{task::JoinSet, time};

use crate::{
    Result, Setup,
    load::conversations::{self, Conversations},
    load::{all, number},
    report::Report,
    system::server::{Database, Server},
};

const SESSIONS: u32 = 200;
/// More writers than the server has connections to Postgres.
const WRITERS: usize = 64;
const POLLERS: usize = 16;
/// Longer than a write may wait.
const BLOCKED: Duration = Duration::from_secs(10);

pub(super) async fn measure(setup: &Setup, report: &mut Report) -> Result<()> {
    let database = Database::make(setup, "bench_blocked").await?;
    let server = Server::start(setup, &database, None).await?;
    let stored = conversations::store(&server, &database, SESSIONS, 10, SESSIONS).await?;
    let client = Client::builder().no_proxy().timeout(BLOCKED * 3).build()?;
    // Reads go on while every write waits.
    let mut blocking = database.pool.begin().await?;
    sqlx::query("LOCK TABLE sessions, messages IN EXCLUSIVE MODE")
        .execute(&mut *blocking)
        .await?;

    let (stop, slowest) = (Arc::new(AtomicBool::new(false)), Arc::default());
    let mut writers = JoinSet::new();
    for n in 0..WRITERS {
        let write = Asker {
            client: client.clone(),
            url: url(&server, &stored, n),
            token: stored.token.clone(),
            body: Some("It cannot be stored"),
        };
        writers.spawn(ask_on(write, Arc::clone(&slowest), stop.clone()));
    }
    // The writers need this long to take all the connections they can get.
    time::sleep(Duration::from_secs(1)).await;
    let slowest_poll = Arc::default();
    let mut pollers = JoinSet::new();
    for n in 0..POLLERS {
        let poll = Asker {
            client: client.clone(),
            // Without a cursor, so that the poll cannot be answered from memory.
            url: url(&server, &stored, WRITERS + n),
            token: stored.token.clone(),
            body: None,
        };
        pollers.spawn(ask_on(poll, Arc::clone(&slowest_poll), stop.clone()));
    }
    time::sleep(BLOCKED).await;
    stop.store(true, Ordering::Relaxed);
    // Writes that still wait are answered now, and these answers count.
    blocking.rollback().await?;
    all(writers).await?;
    all(pollers).await?;
    server.stop().await?;

    let poll = answered(&slowest_poll);
    let what = "overload: all writes wait";
    report.bound(
        &format!(
            "{what}, polls that failed of {}",
            poll.succeeded + poll.failed
        ),
        number(poll.failed),
        "",
        0.0,
    );
    report.bound(
        &format!("{what}, the slowest poll"),
        poll.slowest.as_secs_f64(),
        " s",
        1.0,
    );
    report.bound(
        &format!("{what}, the slowest answer to one of {WRITERS} writes at once"),
        answered(&slowest).slowest.as_secs_f64(),
        " s",
        5.0,
    );
    Ok(())
}

fn url(server: &Server, stored: &Conversations, n: usize) -> String {
    let session = stored.sample[n].id;
    let address = server.address;
    format!("http://{address}/v1/support-chat/sessions/{session}/messages")
}

/// A client that repeats a poll or a message.
struct Asker {
    client: Client,
    url: String,
    token: String,
    body: Option<&'static str>,
}

impl Asker {
    fn request(&self) -> RequestBuilder {
        let request = match self.body {
            None => self.client.get(&self.url),
            Some(body) => self.client.post(&self.url).json(&json!({ "body": body })),
        };
        request.bearer_auth(&self.token)
    }
}

#[derive(Clone, Copy, Default)]
struct Answered {
    slowest: Duration,
    succeeded: usize,
    failed: usize,
}

fn answered(shared: &Mutex<Answered>) -> Answered {
    *shared
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

async fn ask_on(asker: Asker, shared: Arc<Mutex<Answered>>, stop: Arc<AtomicBool>) -> Result<()> {
    while !stop.load(Ordering::Relaxed) {
        let began = Instant::now();
        let response = asker.request().send().await;
        let took = began.elapsed();
        let succeeded = response.is_ok_and(|response| response.status().is_success());
        let mut answered = shared
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        answered.slowest = answered.slowest.max(took);
        answered.succeeded += usize::from(succeeded);
        answered.failed += usize::from(!succeeded);
    }
    Ok(())
}

//! Half of the possible load for minutes: memory has to stay flat, and no request may fail.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    task::JoinSet,
    time::{self, Instant},
};

use crate::{
    Result, Setup,
    load::conversations,
    load::visitor::{Visitor, until_relayed},
    load::{Work, number, p99},
    report::rounds::{median, repeat},
    report::{Goal, Report},
    sections::polls,
    system::matrix::Matrix,
    system::server::{Database, Server},
};

const SESSIONS: u32 = 20_000;
/// Visitors whose messages go through Synapse into rooms of their own, one after the other.
const WRITERS: usize = 4;
const MESSAGES_PER_SECOND: u32 = 2;
/// How often a poll and the constant route are timed meanwhile. Each uses a connection of its own,
/// so that their requests do not wait for each other.
const SAMPLES_PER_SECOND: f64 = 50.0;

/// The results of requests whose times were fixed in advance; durations count from those times.
#[derive(Default)]
struct Paced {
    took: Vec<Duration>,
    errors: usize,
}

impl Paced {
    fn requests(&self) -> usize {
        self.took.len() + self.errors
    }
}

pub(crate) async fn measure(setup: &Setup, report: &mut Report) -> Result<()> {
    let database = Database::make(setup, "bench_soak").await?;
    let bot = Matrix::login(setup, &setup.bot).await?;
    let server = Server::start(setup, &database, Some(&bot)).await?;
    let stored = conversations::store(&server, &database, SESSIONS, 2, SESSIONS).await?;
    let mut writers = Vec::new();
    for _ in 0..WRITERS {
        writers.push(Visitor::begin(&server, &database).await?);
    }
    until_relayed(&database).await?;
    let possible = repeat(setup, async || polls::idle(setup, &server, &stored).await);
    let half = median(possible.await?) / 2.0;

    let lasting = setup.soak;
    let failed = Arc::new(AtomicUsize::new(0));
    let writing = tokio::spawn(write(writers, lasting, failed.clone()));
    let constants = polls::constant_workers(&server, 1).await?;
    let constants = tokio::spawn(paced(constants, SAMPLES_PER_SECOND, lasting));
    let sampled = polls::idle_workers(&server, &stored, 1).await?;
    let sampled = tokio::spawn(paced(sampled, SAMPLES_PER_SECOND, lasting));
    let workers = polls::idle_workers(&server, &stored, polls::CONNECTIONS).await?;
    let polled = tokio::spawn(paced(workers, half, lasting));
    let (mut memory, began) = (Vec::new(), Instant::now());
    while began.elapsed() < lasting {
        memory.push((began.elapsed().as_secs_f64(), server.resident_mib()?));
        time::sleep(Duration::from_secs(1)).await;
    }
    let (polled, sampled) = (polled.await??, sampled.await??);
    let (constants, written) = (constants.await??, writing.await??);
    until_relayed(&database).await?;
    server.stop().await?;

    let minutes = lasting.as_secs_f64() / 60.0;
    let what =
        format!("soak, {minutes:.0} min at {half:.0} polls/s and {MESSAGES_PER_SECOND} messages/s");
    let requests = polled.requests() + sampled.requests() + written;
    let errors = polled.errors + sampled.errors + failed.load(Ordering::Relaxed);
    report.bound(
        &format!("{what}: errors in {requests} requests"),
        number(errors),
        "",
        0.0,
    );
    let p99_ms = |paced: &Paced| p99(&paced.took).as_secs_f64() * 1e3;
    report.compare(
        &format!("{what}: 99th percentile of polls, one at a time"),
        (p99_ms(&sampled), p99_ms(&constants)),
        " ms",
        "constant route meanwhile",
        Goal::AtMost(2.0),
    );
    // The first quarter is a warm-up.
    let quarter = memory.len() / 4;
    let (settled, last) = (&memory[quarter..], &memory[memory.len() - quarter..]);
    let mib = |points: &[(f64, f64)]| median(points.iter().map(|it| it.1));
    report.compare(
        &format!(
            "{what}: memory in the last quarter, {:+.1} MiB/h",
            slope(settled) * 3600.0
        ),
        (mib(last), mib(&settled[..quarter])),
        " MiB",
        "in the second",
        Goal::AtMost(1.1),
    );
    report.soak = memory;
    if errors > 0 {
        return Err(format!("{errors} of {requests} requests failed").into());
    }
    Ok(())
}

/// Distributes this many requests a second among workers. Their times do not depend on answers.
async fn paced<W: Work>(workers: Vec<W>, per_second: f64, lasting: Duration) -> Result<Paced> {
    let (began, at_once) = (Instant::now(), workers.len());
    let mut tasks = JoinSet::new();
    for (first, mut worker) in workers.into_iter().enumerate() {
        tasks.spawn(async move {
            let mut done = Paced::default();
            let mut n = first;
            loop {
                let due = Duration::from_secs_f64(number(n) / per_second);
                if due >= lasting {
                    return done;
                }
                time::sleep_until(began + due).await;
                match worker.once(n).await {
                    Ok(()) => done.took.push((began + due).elapsed()),
                    Err(_) => done.errors += 1,
                }
                n += at_once;
            }
        });
    }
    let mut all = Paced::default();
    while let Some(done) = tasks.join_next().await {
        let done = done?;
        all.took.extend(done.took);
        all.errors += done.errors;
    }
    all.took.sort_unstable();
    Ok(all)
}

/// Sends messages at their pace; returns their number.
async fn write(
    mut writers: Vec<Visitor>,
    lasting: Duration,
    failed: Arc<AtomicUsize>,
) -> Result<usize> {
    let began = Instant::now();
    let mut written = 0;
    let mut pace = time::interval(Duration::from_secs(1) / MESSAGES_PER_SECOND);
    while began.elapsed() < lasting {
        pace.tick().await;
        let writer = &mut writers[written % WRITERS];
        if writer.say("Something that a visitor writes").await.is_err() {
            failed.fetch_add(1, Ordering::Relaxed);
        }
        written += 1;
    }
    Ok(written)
}

/// The slope of the line that fits these points best.
fn slope(points: &[(f64, f64)]) -> f64 {
    let count = number(points.len());
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
    let (mean_x, mean_y) = (mean(|it| it.0), mean(|it| it.1));
    let covariance: f64 = points
        .iter()
        .map(|(x, y)| (x - mean_x) * (y - mean_y))
        .sum();
    let variance: f64 = points.iter().map(|(x, _)| (x - mean_x).powi(2)).sum();
    if variance > 0.0 {
        covariance / variance
    } else {
        0.0
    }
}

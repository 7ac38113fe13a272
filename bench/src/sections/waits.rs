//! Polls that wait: the cost of one, compared with a page that polls every two seconds, and how soon replies are seen.

use std::{
    ops::Range,
    sync::Arc,
    time::{Duration, Instant},
};

use hyper::body::Bytes;
use tokio::{sync::mpsc, task::JoinSet, time};
use uuid::Uuid;

use crate::{
    Result, Setup,
    load::conversations::{self, Conversations},
    load::{Connection, all, number},
    report::rounds::median_ms,
    report::{Goal, Report},
    system::matrix::PATIENCE,
    system::server::{CHANGES_CHANNEL, Database, Server},
    system::usage::Usage,
};

const SHORT: Duration = Duration::from_secs(2);
/// Single replies, while all polls wait.
const SINGLES: usize = 20;
/// The number of changes that other servers are notified of, and the number of simulated servers.
const CHANGES: usize = 5_000;
const LISTENERS: usize = 9;

pub(crate) async fn measure(setup: &Setup, report: &mut Report) -> Result<()> {
    let database = Database::make(setup, "bench_waits").await?;
    let server = Server::start(setup, &database, None).await?;
    // Nobody waits for longer than 25 seconds.
    let watched = (setup.round * 3).min(Duration::from_secs(10));
    let count = setup.waiters;
    let stored = conversations::store(&server, &database, count, 2, count).await?;
    let count = stored.sample.len();

    let without = server.resident_mib()?;
    let connections = Connection::open_many(server.address, count).await?;
    let before = Usage::now(setup, &server)?;
    let (connections, polls) = poll_shortly(connections, &stored, watched).await?;
    let used = Usage::now(setup, &server)? - before;
    report.costs.short_poll = Some(used.per(number(polls)));
    // The share of a second that these visitors take.
    let short = used.server / number(polls) * number(count) / SHORT.as_secs_f64();
    let polled = server.resident_mib()?;

    let mut answers = wait(connections, &stored)?;
    time::sleep(SHORT * 2).await;
    let before = Usage::now(setup, &server)?;
    let (began, waiting) = (Instant::now(), server.resident_mib()?);
    time::sleep(watched).await;
    let used = (Usage::now(setup, &server)? - before).per(began.elapsed().as_secs_f64());
    report.costs.waited_second = Some(used.per(number(count)));

    let kib = |mib: f64| (mib - without) * 1024.0 / number(count);
    report.compare(
        &format!("memory of each of {count} waiting polls, with its connection"),
        (kib(waiting), kib(polled)),
        " KiB",
        "idle after a poll",
        Goal::None,
    );
    report.compare(
        &format!("{count} visitors who wait, the server's processor time"),
        (used.server * 1e2, short * 1e2),
        " % of a core",
        "polls every 2 s",
        Goal::AtMost(1.0),
    );
    one_at_a_time(&database, &stored, &mut answers, report).await?;
    all_at_once(&database, &stored, &mut answers, report).await?;
    report.costs.change = Some(change(setup, &server, &database).await?);
    server.stop().await
}

/// Polls of all visitors, each every two seconds, evenly spread; returns the number of polls.
async fn poll_shortly(
    connections: Vec<Connection>,
    stored: &Arc<Conversations>,
    lasting: Duration,
) -> Result<(Vec<Connection>, usize)> {
    let (count, began) = (connections.len(), time::Instant::now());
    let mut tasks = JoinSet::new();
    for (n, mut connection) in connections.into_iter().enumerate() {
        let stored = stored.clone();
        tasks.spawn(async move {
            let session = stored.sample[n];
            let mut next = began + SHORT.mul_f64(number(n) / number(count));
            let mut polls = 0;
            while next < began + lasting {
                time::sleep_until(next).await;
                connection
                    .ask(stored.poll(session.id, session.last)?)
                    .await?;
                polls += 1;
                next += SHORT;
            }
            Ok::<_, crate::Error>((connection, polls))
        });
    }
    let (mut connections, mut polls) = (Vec::new(), 0);
    while let Some(done) = tasks.join_next().await {
        let (connection, its) = done??;
        connections.push(connection);
        polls += its;
    }
    Ok((connections, polls))
}

/// An answer to the poll of a session, and when it came.
type Answer = (usize, Instant, Result<Bytes>);

/// Begins a poll that waits in every session, within two seconds; answered polls are not repeated.
fn wait(
    connections: Vec<Connection>,
    stored: &Arc<Conversations>,
) -> Result<mpsc::UnboundedReceiver<Answer>> {
    let (sender, receiver) = mpsc::unbounded_channel();
    let count = connections.len();
    for (n, mut connection) in connections.into_iter().enumerate() {
        let session = stored.sample[n];
        let request = stored.wait(session.id, session.last)?;
        let sender = sender.clone();
        tokio::spawn(async move {
            time::sleep(SHORT.mul_f64(number(n) / number(count))).await;
            let answer = connection.ask(request).await;
            // The receiver may have given up.
            let _ = sender.send((n, Instant::now(), answer));
        });
    }
    Ok(receiver)
}

/// Takes the answers of these sessions, which must contain a reply; returns when each came.
async fn take(
    answers: &mut mpsc::UnboundedReceiver<Answer>,
    sessions: Range<usize>,
) -> Result<Vec<Instant>> {
    let mut came = Vec::new();
    let all = async {
        while came.len() < sessions.len() {
            let (n, at, answer) = answers.recv().await.ok_or("no poll waits any more")?;
            if !sessions.contains(&n) || !answer?.windows(5).any(|it| it == b"reply") {
                return Err("a poll was answered without a reply".into());
            }
            came.push(at);
        }
        Ok(came)
    };
    time::timeout(PATIENCE, all)
        .await
        .map_err(|_| "replies were not seen")?
}

/// Stores a reply in each of these sessions, as another server's sync would.
async fn reply(database: &Database, sessions: &[Uuid]) -> Result<()> {
    sqlx::query(
        "WITH reply AS (
             UPDATE sessions SET last_seq = last_seq + 1, active_at = clock_timestamp()
             WHERE id = ANY($1) RETURNING id, last_seq
         ), stored AS (
             INSERT INTO messages (id, session_id, seq, sender, body)
             SELECT gen_random_uuid(), id, last_seq, 'staff', 'A reply' FROM reply
         )
         SELECT pg_notify($2, id::text) FROM reply",
    )
    .bind(sessions)
    .bind(CHANGES_CHANNEL)
    .execute(&database.pool)
    .await?;
    Ok(())
}

async fn one_at_a_time(
    database: &Database,
    stored: &Conversations,
    answers: &mut mpsc::UnboundedReceiver<Answer>,
    report: &mut Report,
) -> Result<()> {
    let mut listener = database.changes().await?;
    let (mut seen, mut told) = (Vec::new(), Vec::new());
    for (n, session) in stored.sample.iter().enumerate().take(SINGLES) {
        let began = Instant::now();
        let told_at = async {
            listener.recv().await?;
            Ok(began.elapsed())
        };
        let ids = [session.id];
        let (stored, came, heard) =
            tokio::join!(reply(database, &ids), take(answers, n..n + 1), told_at);
        stored?;
        seen.extend(came?.first().map(|at| at.duration_since(began)));
        told.push(heard.map_err(|error: sqlx::Error| error)?);
    }
    report.compare(
        &format!(
            "reply stored to seen by a visitor who waits, among {} others",
            stored.count
        ),
        (median_ms(seen), median_ms(told)),
        " ms",
        "NOTIFY to a bare listener",
        Goal::None,
    );
    Ok(())
}

/// Replies to all sessions but one, compared with the selects that they need.
async fn all_at_once(
    database: &Database,
    stored: &Arc<Conversations>,
    answers: &mut mpsc::UnboundedReceiver<Answer>,
    report: &mut Report,
) -> Result<()> {
    let count = stored.sample.len();
    let ids: Vec<Uuid> = stored.sample[SINGLES..].iter().map(|it| it.id).collect();
    reply(database, &ids).await?;
    let began = Instant::now();
    let came = take(answers, SINGLES..count).await?;
    let last = came.into_iter().max().unwrap_or(began);
    let seen = last.saturating_duration_since(began).as_secs_f64() * 1e3;

    let began = Instant::now();
    let mut tasks = JoinSet::new();
    let at_once = usize::try_from(database.pool.options().get_max_connections())?;
    for some in ids.chunks(ids.len().div_ceil(at_once)) {
        let (pool, some) = (database.pool.clone(), some.to_vec());
        tasks.spawn(async move {
            for id in some {
                sqlx::query(
                    "SELECT id, sender, body, created_at, delivery, replaces, removed
                     FROM messages WHERE session_id = $1 AND seq > 2 ORDER BY seq LIMIT 100",
                )
                .bind(id)
                .fetch_one(&pool)
                .await?;
            }
            Ok(())
        });
    }
    all(tasks).await?;
    let selected = began.elapsed().as_secs_f64() * 1e3;
    report.compare(
        &format!(
            "replies to {} waiting polls at once, stored to all seen",
            ids.len()
        ),
        (seen, selected),
        " ms",
        "as many indexed selects",
        Goal::None,
    );
    Ok(())
}

/// The cost of notifying one more server of a change.
async fn change(setup: &Setup, server: &Server, database: &Database) -> Result<Usage> {
    let few = tell(setup, server, database).await?;
    let mut listeners = JoinSet::new();
    for _ in 0..LISTENERS {
        let mut listener = database.changes().await?;
        listeners.spawn(async move { while listener.recv().await.is_ok() {} });
    }
    let many = tell(setup, server, database).await?;
    let postgres = (many.postgres - few.postgres).max(0.0) / number(LISTENERS);
    Ok(Usage { postgres, ..few })
}

/// Sends notifications of changes one by one; returns how long each took.
async fn tell(setup: &Setup, server: &Server, database: &Database) -> Result<Usage> {
    let before = Usage::now(setup, server)?;
    for _ in 0..CHANGES {
        sqlx::query("SELECT pg_notify($1, gen_random_uuid()::text)")
            .bind(CHANGES_CHANNEL)
            .execute(&database.pool)
            .await?;
    }
    Ok((Usage::now(setup, server)? - before).per(number(CHANGES)))
}

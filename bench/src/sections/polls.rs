//! Polls, compared with a route with a constant answer, and with the one query that they need.

use std::{iter, ops::Range, sync::Arc};

use http_body_util::Full;
use hyper::{Request, header};
use sqlx::PgPool;

use crate::{
    Result, Setup,
    load::conversations::{Conversation, Conversations},
    load::{self, Connection, Pace, Work, closed_loop},
    report::rounds::{Side, alternate, medians},
    report::{Goal, Report},
    system::server::{Database, Server},
    system::usage::Usage,
};

/// The number of connections through which a proxy passes on requests of browsers.
pub(crate) const CONNECTIONS: usize = 64;

const CONSTANT: &str = "constant route";

/// As many connections as the server has to Postgres, which all these polls read from.
const FIRST_POLLS: usize = 20;

/// The result of a poll.
#[derive(Clone, Copy, Debug)]
enum Finds {
    Nothing,
    OneMessage,
}

struct Poll {
    connection: Connection,
    conversations: Arc<Conversations>,
    finds: Finds,
}

/// Polls of any session, quiet or not.
struct AnyPoll(Poll);

impl Work for AnyPoll {
    async fn once(&mut self, n: usize) -> Result<()> {
        let session = self.0.conversations.sample[n];
        self.0.ask(&session).await
    }
}

impl Work for Poll {
    async fn once(&mut self, n: usize) -> Result<()> {
        let session = *self.conversations.quiet(n);
        self.ask(&session).await
    }
}

impl Poll {
    async fn ask(&mut self, session: &Conversation) -> Result<()> {
        let (after, empty) = match self.finds {
            Finds::Nothing => (session.last, true),
            Finds::OneMessage => (session.last_but_one, false),
        };
        let request = self.conversations.poll(session.id, after)?;
        let answer = self.connection.ask(request).await?;
        // If the homeserver has accepted a message, `marks` and `state` follow an empty list too.
        if answer.starts_with(br#"{"messages":[]"#) == empty {
            Ok(())
        } else {
            Err(format!("a poll found {answer:?}").into())
        }
    }
}

/// `/healthz`: HTTP alone, without middleware, parsing or database.
struct Constant(Connection);

impl Work for Constant {
    async fn once(&mut self, _: usize) -> Result<()> {
        let request = Request::get("/healthz")
            .header(header::HOST, "bench")
            .body(Full::default())?;
        self.0.ask(request).await.map(drop)
    }
}

struct Select {
    pool: PgPool,
    conversations: Arc<Conversations>,
}

impl Work for Select {
    async fn once(&mut self, n: usize) -> Result<()> {
        sqlx::query(
            "SELECT id, sender, body, created_at, delivery, replaces, removed
             FROM messages WHERE session_id = $1 AND seq > 1 ORDER BY seq LIMIT 100",
        )
        .bind(self.conversations.quiet(n).id)
        .fetch_all(&self.pool)
        .await?;
        Ok(())
    }
}

async fn workers(
    server: &Server,
    conversations: &Arc<Conversations>,
    finds: Finds,
    connections: usize,
) -> Result<Vec<Poll>> {
    let poll = |connection| Poll {
        connection,
        conversations: conversations.clone(),
        finds,
    };
    Connection::workers(server.address, connections, poll).await
}

async fn poll(
    setup: &Setup,
    server: &Server,
    conversations: &Arc<Conversations>,
    finds: Finds,
) -> Result<Pace> {
    let workers = workers(server, conversations, finds, CONNECTIONS).await?;
    closed_loop(workers, setup.round).await
}

async fn constant(setup: &Setup, server: &Server, connections: usize) -> Result<Pace> {
    let workers = constant_workers(server, connections).await?;
    closed_loop(workers, setup.round).await
}

/// Polls each of the sessions once.
pub(crate) async fn each_once(
    server: &Server,
    conversations: &Arc<Conversations>,
    sessions: Range<u32>,
) -> Result<()> {
    let workers = workers(server, conversations, Finds::Nothing, FIRST_POLLS).await?;
    let workers = workers.into_iter().map(AnyPoll).collect();
    let sessions = usize::try_from(sessions.start)?..usize::try_from(sessions.end)?;
    load::each_once(workers, sessions).await
}

/// The cost of the poll of a visitor who returns to the site, or whose page looks every minute: a
/// poll of a session that the server no longer has in memory. The same polls are then repeated for
/// comparison.
pub(crate) async fn looks(
    setup: &Setup,
    server: &Server,
    conversations: &Arc<Conversations>,
    report: &mut Report,
) -> Result<()> {
    // The rounds poll the other half.
    let count = u32::try_from(conversations.sample.len())?;
    let sessions = count / 2..count;
    let mut costs = [0.0; 2];
    for cost in &mut costs {
        let before = Usage::now(setup, server)?;
        each_once(server, conversations, sessions.clone()).await?;
        let used = Usage::now(setup, server)? - before;
        *cost = (used.server + used.postgres) / f64::from(count / 2);
    }
    report.compare(
        "look of a visitor who comes back, the processor time of server and Postgres",
        (costs[0] * 1e6, costs[1] * 1e6),
        " µs",
        "the same once more",
        Goal::None,
    );
    Ok(())
}

/// The throughput of idle polls alone, for a comparison with itself.
pub(crate) async fn idle(
    setup: &Setup,
    server: &Server,
    conversations: &Arc<Conversations>,
) -> Result<f64> {
    let pace = poll(setup, server, conversations, Finds::Nothing).await?;
    Ok(pace.per_second)
}

/// Idle polls of all sessions in turn, at the caller's pace.
pub(crate) async fn idle_workers(
    server: &Server,
    conversations: &Arc<Conversations>,
    connections: usize,
) -> Result<Vec<impl Work>> {
    workers(server, conversations, Finds::Nothing, connections).await
}

/// Requests of the constant route, at the caller's pace.
pub(crate) async fn constant_workers(
    server: &Server,
    connections: usize,
) -> Result<Vec<impl Work>> {
    Connection::workers(server.admin_address, connections, Constant).await
}

/// Idle polls of all sessions in turn, compared with the constant route.
pub(crate) async fn nothing_new(
    setup: &Setup,
    server: &Server,
    conversations: &Arc<Conversations>,
    report: &mut Report,
) -> Result<()> {
    let rounds = alternate(setup, async |side| {
        let before = server.cpu()?;
        let pace = match side {
            Side::Measured => poll(setup, server, conversations, Finds::Nothing).await?,
            Side::Limit => constant(setup, server, CONNECTIONS).await?,
        };
        let used = server.cpu()? - before;
        Ok((pace, used / (pace.per_second * setup.round.as_secs_f64())))
    })
    .await?;
    report.compare(
        "idle poll, 10,000 sessions, 64 connections",
        medians(&rounds, |(pace, _)| pace.per_second),
        "/s",
        CONSTANT,
        Goal::AtLeast(0.6),
    );
    report.compare(
        "idle poll, 99th percentile",
        medians(&rounds, |(pace, _)| pace.p99.as_secs_f64() * 1e3),
        " ms",
        CONSTANT,
        Goal::AtMost(2.0),
    );
    report.compare(
        "idle poll, the server's processor time",
        medians(&rounds, |(_, cpu)| cpu * 1e6),
        " µs",
        CONSTANT,
        Goal::None,
    );
    Ok(())
}

/// Polls that find a message, compared with one indexed select through a pool of the same size.
pub(crate) async fn one_message(
    setup: &Setup,
    server: &Server,
    database: &Database,
    conversations: &Arc<Conversations>,
    report: &mut Report,
) -> Result<()> {
    let rounds = alternate(setup, async |side| {
        let before = Usage::now(setup, server)?;
        let pace = match side {
            Side::Measured => poll(setup, server, conversations, Finds::OneMessage).await?,
            Side::Limit => {
                let select = || Select {
                    pool: database.pool.clone(),
                    conversations: conversations.clone(),
                };
                let workers = iter::repeat_with(select).take(CONNECTIONS).collect();
                closed_loop(workers, setup.round).await?
            }
        };
        let used = Usage::now(setup, server)? - before;
        let polls = pace.per_second * setup.round.as_secs_f64();
        Ok((pace.per_second, used.per(polls)))
    })
    .await?;
    report.costs.found_poll = rounds.0.last().map(|(_, used)| *used);
    report.compare(
        "poll that finds a message, 64 connections",
        medians(&rounds, |(rate, _)| *rate),
        "/s",
        "one indexed select",
        Goal::AtLeast(0.7),
    );
    Ok(())
}

/// Polls and the constant route with other numbers of connections, for the plots.
pub(crate) async fn by_connections(
    setup: &Setup,
    server: &Server,
    conversations: &Arc<Conversations>,
    report: &mut Report,
) -> Result<()> {
    for count in [1, 8, 64, 512] {
        let workers = workers(server, conversations, Finds::Nothing, count).await?;
        let polled = closed_loop(workers, setup.round).await?;
        let constant = constant(setup, server, count).await?;
        report.by_connections.push((count, polled, constant));
    }
    Ok(())
}

//! Polls, against a route that answers a constant, and against the one query that they need.

use std::{ops::Range, sync::Arc};

use http_body_util::Full;
use hyper::{Request, header};
use sqlx::PgPool;

use crate::{
    Result, Setup,
    conversations::{Conversation, Conversations},
    load::{self, Connection, Pace, Work, closed_loop},
    processes::Usage,
    report::{Goal, Report, median, median_ms},
    server::{Database, Server},
};

/// As visitors' browsers come through a proxy.
const CONNECTIONS: usize = 64;

/// As many as the server has to Postgres, which all these polls ask.
const FIRST_POLLS: usize = 20;

/// What a poll finds.
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

/// Of any session, whether it is quiet or not.
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
        if (answer == r#"{"messages":[]}"#) == empty {
            Ok(())
        } else {
            Err(format!("a poll found {answer:?}").into())
        }
    }
}

/// `/healthz`: no middleware, no parsing, no database; only HTTP.
pub(crate) struct Constant {
    connection: Connection,
}

impl Constant {
    pub(crate) fn over(connection: Connection) -> Self {
        Self { connection }
    }
}

impl Work for Constant {
    async fn once(&mut self, _: usize) -> Result<()> {
        let request = Request::get("/healthz")
            .header(header::HOST, "bench")
            .body(Full::default())?;
        self.connection.ask(request).await.map(drop)
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
) -> Result<impl Iterator<Item = Poll>> {
    let conversations = conversations.clone();
    let connections = Connection::open_many(server.address, connections).await?;
    Ok(connections.into_iter().map(move |connection| Poll {
        connection,
        conversations: conversations.clone(),
        finds,
    }))
}

async fn poll(
    setup: &Setup,
    server: &Server,
    conversations: &Arc<Conversations>,
    finds: Finds,
) -> Result<Pace> {
    let workers = workers(server, conversations, finds, CONNECTIONS).await?;
    closed_loop(workers.collect(), setup.round).await
}

async fn constant(setup: &Setup, server: &Server, connections: usize) -> Result<Pace> {
    let workers = Connection::open_many(server.admin_address, connections)
        .await?
        .into_iter()
        .map(Constant::over)
        .collect();
    closed_loop(workers, setup.round).await
}

/// Polls these of all sessions, each once.
pub(crate) async fn each_once(
    server: &Server,
    conversations: &Arc<Conversations>,
    sessions: Range<u32>,
) -> Result<()> {
    let workers = workers(server, conversations, Finds::Nothing, FIRST_POLLS).await?;
    let sessions = usize::try_from(sessions.start)?..usize::try_from(sessions.end)?;
    load::each_once(workers.map(AnyPoll).collect(), sessions).await
}

/// The throughput of idle polls alone, for who compares it with itself.
pub(crate) async fn idle(
    setup: &Setup,
    server: &Server,
    conversations: &Conversations,
) -> Result<f64> {
    let conversations = Arc::new(conversations.clone());
    Ok(poll(setup, server, &conversations, Finds::Nothing)
        .await?
        .per_second)
}

/// Idle polls of all sessions in turn, for who sets their pace.
pub(crate) async fn idle_workers(
    server: &Server,
    conversations: &Arc<Conversations>,
    connections: usize,
) -> Result<Vec<impl Work>> {
    let workers = workers(server, conversations, Finds::Nothing, connections).await?;
    Ok(workers.collect())
}

/// Idle polls of all sessions in turn, against the constant.
pub(crate) async fn nothing_new(
    setup: &Setup,
    server: &Server,
    conversations: &Conversations,
    report: &mut Report,
) -> Result<()> {
    let conversations = Arc::new(conversations.clone());
    let (mut polls, mut constants) = (Vec::new(), Vec::new());
    for round in 0..=setup.rounds {
        let before = server.cpu()?;
        let pace = poll(setup, server, &conversations, Finds::Nothing).await?;
        let between = server.cpu()?;
        let constant = constant(setup, server, CONNECTIONS).await?;
        let after = server.cpu()?;
        // The first round is for warming up.
        if round > 0 {
            let cost =
                |pace: Pace, cpu: f64| cpu * 1e6 / (pace.per_second * setup.round.as_secs_f64());
            polls.push((pace, cost(pace, between - before)));
            constants.push((constant, cost(constant, after - between)));
        }
    }
    let rate = |paces: &[(Pace, f64)]| median(paces.iter().map(|it| it.0.per_second).collect());
    let p99 = |paces: &[(Pace, f64)]| median_ms(paces.iter().map(|it| it.0.p99));
    let cpu = |paces: &[(Pace, f64)]| median(paces.iter().map(|it| it.1).collect());
    report.compare(
        "idle poll, 10,000 sessions, 64 connections",
        (format!("{:.0}/s", rate(&polls)), rate(&polls)),
        (
            format!("constant route {:.0}/s", rate(&constants)),
            rate(&constants),
        ),
        Goal::AtLeast(0.6),
    );
    report.compare(
        "idle poll, 99th percentile",
        (format!("{:.1} ms", p99(&polls)), p99(&polls)),
        (
            format!("constant route {:.1} ms", p99(&constants)),
            p99(&constants),
        ),
        Goal::AtMost(2.0),
    );
    report.compare(
        "idle poll, the server's processor time",
        (format!("{:.1} µs", cpu(&polls)), cpu(&polls)),
        (
            format!("constant route {:.1} µs", cpu(&constants)),
            cpu(&constants),
        ),
        Goal::None,
    );
    Ok(())
}

/// Polls that find a message, against one indexed select through a pool of the same size.
pub(crate) async fn one_message(
    setup: &Setup,
    server: &Server,
    database: &Database,
    conversations: &Conversations,
    report: &mut Report,
) -> Result<()> {
    let conversations = Arc::new(conversations.clone());
    let (mut polls, mut selects) = (Vec::new(), Vec::new());
    for round in 0..=setup.rounds {
        let before = Usage::now(setup, server)?;
        let pace = poll(setup, server, &conversations, Finds::OneMessage).await?;
        let used = Usage::now(setup, server)? - before;
        report.costs.found_poll = Some(used.per(pace.per_second * setup.round.as_secs_f64()));
        let workers = (0..CONNECTIONS)
            .map(|_| Select {
                pool: database.pool.clone(),
                conversations: conversations.clone(),
            })
            .collect();
        let select = closed_loop(workers, setup.round).await?;
        if round > 0 {
            polls.push(pace.per_second);
            selects.push(select.per_second);
        }
    }
    let (polls, selects) = (median(polls), median(selects));
    report.compare(
        "poll that finds a message, 64 connections",
        (format!("{polls:.0}/s"), polls),
        (format!("one indexed select {selects:.0}/s"), selects),
        Goal::AtLeast(0.7),
    );
    Ok(())
}

/// How polls and the constant behave with other numbers of connections, for the plots.
pub(crate) async fn by_connections(
    setup: &Setup,
    server: &Server,
    conversations: &Conversations,
    report: &mut Report,
) -> Result<()> {
    let conversations = Arc::new(conversations.clone());
    for count in [1, 8, 64, 512] {
        let workers = workers(server, &conversations, Finds::Nothing, count).await?;
        let polled = closed_loop(workers.collect(), setup.round).await?;
        let constant = constant(setup, server, count).await?;
        report.by_connections.push((count, polled, constant));
    }
    Ok(())
}

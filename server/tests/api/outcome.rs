//! Answers when a commit's answer was lost: a refusal promises that nothing was done.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use reqwest::Method;
use serde_json::json;
use sqlx::{ConnectOptions, PgPool};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
};

use crate::{
    common::{TestApp, Visitor, config, expect},
    problem::expect_problem,
};

const COMMIT: &[u8] = b"COMMIT\0";

/// The moment at which a connection with a commit breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cut {
    /// Before Postgres gets the commit.
    Before,
    /// Before the server gets the answer.
    After,
}

/// What happens to the transaction that contains these bytes.
#[derive(Clone, Debug)]
struct Plan {
    marker: &'static [u8],
    cut: Cut,
    /// Whether Postgres is out of reach afterwards.
    and_all: bool,
}

/// The connection between a server and Postgres.
struct Line {
    address: SocketAddr,
    plan: Arc<Mutex<Option<Plan>>>,
    is_open: watch::Sender<bool>,
}

impl Line {
    async fn to(pool: &PgPool) -> Self {
        let options = pool.connect_options();
        let postgres = format!("{}:{}", options.get_host(), options.get_port());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let plan: Arc<Mutex<Option<Plan>>> = Arc::default();
        let (is_open, _) = watch::channel(true);
        let (plans, open) = (plan.clone(), is_open.clone());
        tokio::spawn(async move {
            while let Ok((server, _)) = listener.accept().await {
                let (postgres, plans, open) = (postgres.clone(), plans.clone(), open.clone());
                tokio::spawn(async move {
                    let mut closed = open.subscribe();
                    tokio::select! {
                        _ = carry(server, &postgres, &plans, &open) => {}
                        _ = closed.wait_for(|open| !open) => {}
                    }
                });
            }
        });
        Self {
            address,
            plan,
            is_open,
        }
    }

    fn plan(&self, marker: &'static [u8], cut: Cut, and_all: bool) {
        let plan = Plan {
            marker,
            cut,
            and_all,
        };
        *self.plan.lock().unwrap() = Some(plan);
    }

    fn open(&self) {
        assert!(self.plan.lock().unwrap().is_none(), "nothing was cut");
        self.is_open.send_replace(true);
    }
}

/// Forwards one connection until one side ends it, or the plan does.
async fn carry(
    mut server: TcpStream,
    postgres: &str,
    plans: &Mutex<Option<Plan>>,
    open: &watch::Sender<bool>,
) -> std::io::Result<()> {
    let mut postgres = TcpStream::connect(postgres).await?;
    let (mut said, mut heard) = (vec![0; 64 * 1024], vec![0; 64 * 1024]);
    // The state of the transaction that is under way.
    let mut transaction = Vec::new();
    loop {
        tokio::select! {
            length = server.read(&mut said) => {
                let bytes = &said[..length?];
                if bytes.is_empty() {
                    return Ok(());
                }
                transaction.extend_from_slice(bytes);
                if !contains(bytes, COMMIT) {
                    postgres.write_all(bytes).await?;
                    continue;
                }
                let hit = {
                    let mut plans = plans.lock().unwrap();
                    let is_hit = |plan: &mut Plan| contains(&transaction, plan.marker);
                    plans.take_if(is_hit)
                };
                transaction.clear();
                if let Some(plan) = &hit && plan.cut == Cut::Before {
                    open.send_replace(!plan.and_all);
                    return Ok(());
                }
                postgres.write_all(bytes).await?;
                if let Some(plan) = hit {
                    let answered = postgres.read(&mut heard).await?;
                    assert!(contains(&heard[..answered], COMMIT), "it was committed");
                    open.send_replace(!plan.and_all);
                    return Ok(());
                }
            }
            length = postgres.read(&mut heard) => {
                let bytes = &heard[..length?];
                if bytes.is_empty() {
                    return Ok(());
                }
                server.write_all(bytes).await?;
            }
        }
    }
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

/// A server that reaches Postgres through the line.
async fn spawn(pool: &PgPool) -> (TestApp, Line) {
    let line = Line::to(pool).await;
    let mut url = pool.connect_options().to_url_lossy();
    url.set_ip_host(line.address.ip()).unwrap();
    url.set_port(Some(line.address.port())).unwrap();
    let app = TestApp::spawn(config(pool, &[("DATABASE_URL", url.as_str())])).await;
    (app, line)
}

async fn say(visitor: &Visitor<'_>, key: &str, text: &str) -> reqwest::Response {
    visitor
        .request(Method::POST, "/messages")
        .header("idempotency-key", key)
        .json(&json!({ "body": text }))
        .send()
        .await
        .unwrap()
}

async fn begin(app: &TestApp, text: &str) -> reqwest::Response {
    app.api(Method::POST, "/sessions")
        .header("idempotency-key", "begin")
        .json(&json!({ "initialMessage": text }))
        .send()
        .await
        .unwrap()
}

/// How often each text was stored.
async fn texts(pool: &PgPool) -> BTreeMap<String, i64> {
    sqlx::query_as("SELECT body, count(*) FROM messages GROUP BY body")
        .fetch_all(pool)
        .await
        .unwrap()
        .into_iter()
        .collect()
}

#[sqlx::test(migrations = "../migrations")]
async fn a_message_is_confirmed_refused_or_neither(pool: PgPool) {
    let (app, line) = spawn(&pool).await;
    let visitor = app.visitor("Hello").await;

    line.plan(b"stored, and looked up", Cut::After, false);
    expect(say(&visitor, "1", "stored, and looked up").await, 201).await;
    line.open();

    line.plan(b"not stored, and looked up", Cut::Before, false);
    let refused = say(&visitor, "2", "not stored, and looked up").await;
    expect_problem(refused, 503, "database_unavailable").await;
    line.open();

    for (key, text, cut) in [
        ("3", "stored, who knows", Cut::After),
        ("4", "not stored, who knows", Cut::Before),
    ] {
        line.plan(text.as_bytes(), cut, true);
        expect_problem(say(&visitor, key, text).await, 500, "outcome_unknown").await;
        line.open();
        expect(say(&visitor, key, text).await, 201).await;
    }
    let expected = [
        "Hello",
        "stored, and looked up",
        "stored, who knows",
        "not stored, who knows",
    ];
    let expected = expected.map(|text| (text.to_owned(), 1));
    assert_eq!(texts(&pool).await, BTreeMap::from(expected));
}

#[sqlx::test(migrations = "../migrations")]
async fn a_beginning_is_confirmed_refused_or_neither(pool: PgPool) {
    let (app, line) = spawn(&pool).await;
    // It is not known whether the session, which cannot be seen yet, will be there.
    line.plan(b"Hello", Cut::Before, false);
    expect_problem(begin(&app, "Hello").await, 500, "outcome_unknown").await;
    line.open();
    line.plan(b"Hello", Cut::After, true);
    expect_problem(begin(&app, "Hello").await, 500, "outcome_unknown").await;
    line.open();

    // A repetition of an earlier request is not refused for lack of another token.
    for (cut, and_all) in [
        (Cut::Before, false),
        (Cut::After, false),
        (Cut::Before, true),
    ] {
        line.plan(b"INSERT INTO session_tokens", cut, and_all);
        expect_problem(begin(&app, "Hello").await, 500, "outcome_unknown").await;
        line.open();
    }
    let created = expect(begin(&app, "Hello").await, 201).await;
    let visitor = Visitor::from_creation(&app, created);
    assert_eq!(visitor.messages(None).await.len(), 1);
    assert_eq!(
        texts(&pool).await,
        BTreeMap::from([("Hello".to_owned(), 1)])
    );
}

#[sqlx::test(migrations = "../migrations")]
async fn an_end_is_confirmed_refused_or_neither(pool: PgPool) {
    const NOTICE: &[u8] = b"The visitor ended the chat.";
    let (app, line) = spawn(&pool).await;

    let visitor = app.visitor("One").await;
    line.plan(NOTICE, Cut::Before, false);
    expect_problem(visitor.close().await, 503, "database_unavailable").await;
    line.open();
    expect(visitor.send("It goes on").await, 201).await;
    line.plan(NOTICE, Cut::After, false);
    assert_eq!(visitor.close().await.status(), 204);
    line.open();
    expect_problem(visitor.poll(None).await, 410, "session_closed").await;

    for cut in [Cut::Before, Cut::After] {
        let visitor = app.visitor("Another").await;
        line.plan(NOTICE, cut, true);
        expect_problem(visitor.close().await, 500, "outcome_unknown").await;
        line.open();
        assert_eq!(visitor.close().await.status(), 204);
    }
}

/// It does not matter whether a read was carried out.
#[sqlx::test(migrations = "../migrations")]
async fn a_poll_is_refused(pool: PgPool) {
    let (app, line) = spawn(&pool).await;
    let visitor = app.visitor("Hello").await;
    line.is_open.send_replace(false);
    expect_problem(visitor.poll(None).await, 503, "database_unavailable").await;
    line.open();
    assert_eq!(visitor.messages(None).await.len(), 1);
}

//! Polls that wait, polls that are answered from memory, and several servers with one database.

use std::time::{Duration, Instant};

use reqwest::{Method, Response, header::HeaderValue};
use serde_json::Value;
use server::{
    config::Config,
    mail::{Fetches, MailDigester, Mailing},
    metrics::Metrics,
    poll_cache::PollCache,
    relay::handoff::Handoff,
    support_chat::{Admission, Cursor, SupportChat, ToRelay},
    visitor_signals::Signaller,
};
use sqlx::{PgPool, Postgres, Transaction, postgres::PgListener};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{
    common::{ORIGIN, TestApp, Visitor, config, expect},
    problem::expect_problem,
    shares,
};

/// The longest wait, on the slowest machine.
const DEADLINE: Duration = Duration::from_mins(1);

fn unlimited(pool: &PgPool) -> Config {
    config(
        pool,
        &[
            ("SUPPORT_CHAT_MESSAGES_PER_SESSION_PER_MINUTE", "0"),
            ("SUPPORT_CHAT_REQUESTS_PER_IP_PER_MINUTE", "0"),
        ],
    )
}

/// The same visitor, at another server.
fn at<'a>(app: &'a TestApp, visitor: &Visitor<'_>) -> Visitor<'a> {
    Visitor {
        app,
        session_id: visitor.session_id.clone(),
        token: visitor.token.clone(),
        first_message_id: visitor.first_message_id.clone(),
    }
}

async fn wait(visitor: &Visitor<'_>, after: &str, seconds: &str) -> Response {
    let path = format!("/messages?after={after}&wait={seconds}");
    let request = visitor.request(Method::GET, &path);
    request.send().await.unwrap()
}

async fn waited(visitor: &Visitor<'_>, after: &str) -> Vec<Value> {
    let answer = expect(wait(visitor, after, "25").await, 200).await;
    answer["messages"].as_array().unwrap().clone()
}

async fn send(visitor: &Visitor<'_>, text: &str) -> String {
    let sent = expect(visitor.send(text).await, 201).await;
    sent["messageId"].as_str().unwrap().to_owned()
}

/// Polls until the answer comes from memory. Until the returned transaction is rolled back, Postgres cannot answer a
/// poll.
async fn until_remembered(pool: &PgPool, visitor: &Visitor<'_>) -> Transaction<'static, Postgres> {
    let first = Some(visitor.first_message_id.as_str());
    let deadline = Instant::now() + DEADLINE;
    loop {
        // Snapshots count for a limited time, and only while changes are notified.
        assert!(visitor.messages(first).await.is_empty());
        let mut tx = pool.begin().await.unwrap();
        sqlx::query("LOCK TABLE sessions IN ACCESS EXCLUSIVE MODE")
            .execute(&mut *tx)
            .await
            .unwrap();
        let idle = timeout(Duration::from_secs(1), visitor.messages(first)).await;
        if idle.is_ok_and(|messages| messages.is_empty()) {
            return tx;
        }
        tx.rollback().await.unwrap();
        assert!(Instant::now() < deadline, "it waits for Postgres");
    }
}

#[sqlx::test(migrations = "../migrations")]
async fn an_idle_poll_does_not_ask_postgres(pool: PgPool) {
    let app = TestApp::spawn(unlimited(&pool)).await;
    let visitor = app.visitor("Hello").await;
    let tx = until_remembered(&pool, &visitor).await;
    tx.rollback().await.unwrap();
    // Memory does not know another visitor's token.
    let stranger = Visitor {
        token: "A".repeat(43),
        ..at(&app, &visitor)
    };
    let first = Some(visitor.first_message_id.as_str());
    expect_problem(stranger.poll(first).await, 401, "invalid_token").await;
}

#[sqlx::test(migrations = "../migrations")]
async fn an_idle_poll_is_answered_as_any_other(pool: PgPool) {
    let app = TestApp::spawn(unlimited(&pool)).await;
    let visitor = app.visitor("Hello").await;
    let first = visitor.first_message_id.as_str();
    let _tx = until_remembered(&pool, &visitor).await;
    let ask = async |query: &str, origin: Option<&str>| {
        let path = format!("/messages?after={first}{query}");
        let mut request = visitor.request(Method::GET, &path);
        request = request.header("x-request-id", "trace-1");
        if let Some(origin) = origin {
            request = request.header("origin", origin);
        }
        timeout(DEADLINE, request.send()).await.unwrap().unwrap()
    };
    for origin in [None, Some(ORIGIN)] {
        // Both come from memory, but a poll with `wait`, even of zero, goes through the router.
        let (short, long) = (ask("", origin).await, ask("&wait=0", origin).await);
        let headers = |answer: &Response| {
            let mut headers = answer.headers().clone();
            headers.remove("date").expect("a date");
            headers
        };
        assert_eq!(headers(&short), headers(&long), "{origin:?}");
        assert_eq!(short.headers()["x-request-id"], "trace-1");
        let shared = short.headers().get("access-control-allow-origin");
        assert_eq!(shared.map(HeaderValue::as_bytes), origin.map(str::as_bytes));
        assert_eq!(expect(short, 200).await, expect(long, 200).await);
    }
    let foreign = ask("", Some("https://evil.example")).await;
    expect_problem(foreign, 403, "origin_not_allowed").await;
}

#[sqlx::test(migrations = "../migrations")]
async fn idle_polls_are_counted_and_limited(pool: PgPool) {
    let limit = ("SUPPORT_CHAT_REQUESTS_PER_IP_PER_MINUTE", "120");
    let app = TestApp::spawn(config(&pool, &[limit])).await;
    let visitor = app.visitor("Hello").await;
    let first = Some(visitor.first_message_id.as_str());
    let _tx = until_remembered(&pool, &visitor).await;
    let series =
        r#"support_chat_http_requests_total{code="",operation="poll_messages",status="200"}"#;
    let before = app.metrics().await[series];
    let (mut answered, mut refused) = (0_u32, None);
    // More than the limit, including those that time gives back meanwhile.
    for _ in 0..10_000 {
        let poll = timeout(DEADLINE, visitor.poll(first)).await.unwrap();
        if poll.status() != 200 {
            refused = Some(poll);
            break;
        }
        answered += 1;
    }
    let refused = refused.expect("there is a limit");
    assert!(refused.headers().contains_key("retry-after"));
    expect_problem(refused, 429, "rate_limited").await;
    assert!(answered > 0);
    let counted = app.metrics().await[series] - before;
    assert!((counted - f64::from(answered)).abs() < 0.5, "{counted}");
    let throttled = r#"support_chat_throttled_total{limit="requests_per_ip"}"#;
    let throttled = app.metrics().await[throttled];
    assert!((throttled - 1.0).abs() < 0.5, "{throttled}");
}

#[sqlx::test(migrations = "../migrations")]
async fn what_this_server_has_changed_the_next_poll_shows(pool: PgPool) {
    let app = TestApp::spawn(unlimited(&pool)).await;
    let visitor = app.visitor("0").await;
    let mut last = visitor.first_message_id.clone();
    for n in 1..=50 {
        for _ in 0..2 {
            assert!(visitor.messages(Some(&last)).await.is_empty());
        }
        let sent = send(&visitor, &n.to_string()).await;
        let news = visitor.messages(Some(&last)).await;
        assert_eq!(news[0]["id"], sent, "its own message, {n}");
        last = sent;
    }
    assert!(visitor.messages(Some(&last)).await.is_empty());
    assert_eq!(visitor.close().await.status(), 204);
    expect_problem(visitor.poll(Some(&last)).await, 410, "session_closed").await;
}

#[sqlx::test(migrations = "../migrations")]
async fn a_poll_waits_for_what_another_server_stores(pool: PgPool) {
    let here = TestApp::spawn(unlimited(&pool)).await;
    let there = TestApp::spawn(unlimited(&pool)).await;
    let visitor = here.visitor("0").await;
    let (mut last, elsewhere) = (visitor.first_message_id.clone(), at(&there, &visitor));
    // Without NOTIFY, each would be found only when its snapshot is too old: ten minutes for ten.
    let conversation = async {
        for n in 1..=10 {
            let (news, sent) = tokio::join!(waited(&elsewhere, &last), async {
                assert!(elsewhere.messages(Some(&last)).await.is_empty());
                send(&visitor, &n.to_string()).await
            });
            assert_eq!((news.len(), &news[0]["id"]), (1, &Value::from(sent)));
            last = news[0]["id"].as_str().unwrap().to_owned();
        }
    };
    timeout(DEADLINE, conversation).await.expect("woken");
    let (gone, closed) = tokio::join!(wait(&elsewhere, &last, "25"), visitor.close());
    assert_eq!(closed.status(), 204);
    expect_problem(gone, 410, "session_closed").await;
}

#[sqlx::test(migrations = "../migrations")]
async fn every_change_is_told_to_all_servers(pool: PgPool) {
    let mut changes = PgListener::connect_with(&pool).await.unwrap();
    changes.listen("support_chat_changes").await.unwrap();
    let app = TestApp::spawn(config(&pool, &[])).await;
    let visitor = app.visitor("Hello").await;
    let mut told = async |what: &str| {
        let change = timeout(DEADLINE, changes.recv()).await.expect(what);
        assert_eq!(change.unwrap().payload(), visitor.session_id, "{what}");
    };
    told("a new session").await;
    send(&visitor, "more").await;
    told("a message").await;
    assert_eq!(visitor.close().await.status(), 204);
    told("the end").await;
}

#[sqlx::test(migrations = "../migrations")]
async fn nothing_is_missed_when_the_connections_to_postgres_break(pool: PgPool) {
    let here = TestApp::spawn(unlimited(&pool)).await;
    let there = TestApp::spawn(unlimited(&pool)).await;
    let visitor = here.visitor("0").await;
    let (mut last, elsewhere) = (visitor.first_message_id.clone(), at(&there, &visitor));
    for n in 1..=5 {
        assert!(elsewhere.messages(Some(&last)).await.is_empty());
        // This includes the other server's listener.
        sqlx::query(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
             WHERE datname = current_database() AND application_name = 'matrix-support-chat'",
        )
        .execute(&pool)
        .await
        .unwrap();
        let sent = send(&visitor, &n.to_string()).await;
        let news = waited(&elsewhere, &last).await;
        assert_eq!((news.len(), &news[0]["id"]), (1, &Value::from(sent)));
        last = news[0]["id"].as_str().unwrap().to_owned();
    }
}

#[sqlx::test(migrations = "../migrations")]
async fn a_wait_has_its_bounds(pool: PgPool) {
    let app = TestApp::spawn(unlimited(&pool)).await;
    let visitor = app.visitor("Hello").await;
    let first = visitor.first_message_id.as_str();
    for bad in ["26", "256", "-1", "1.5", "x", ""] {
        expect_problem(wait(&visitor, first, bad).await, 400, "malformed_request").await;
    }
    for (seconds, least) in [("0", 0), ("1", 1)] {
        let started = Instant::now();
        let answer = wait(&visitor, first, seconds).await;
        assert_eq!(answer.headers()["support-chat-wait"], "25");
        assert_eq!(expect(answer, 200).await["messages"], Value::Array(vec![]));
        assert!(started.elapsed() >= Duration::from_secs(least));
    }
    let sent = send(&visitor, "there already").await;
    assert_eq!(waited(&visitor, first).await[0]["id"], sent);
}

#[sqlx::test(migrations = "../migrations")]
async fn nobody_waits_beyond_the_end_of_the_server(pool: PgPool) {
    let app = TestApp::spawn(unlimited(&pool)).await;
    let visitor = app.visitor("Hello").await;
    let shutdown = CancellationToken::new();
    let chat = SupportChat::new(
        shares(&pool),
        unlimited(&pool).limits,
        Admission::new(&"key".to_owned().into(), &unlimited(&pool).limits),
        None,
        PollCache::new(shutdown.clone()),
        ToRelay {
            handoff: Handoff::new().0,
            signaller: Signaller::new().0,
            mailing: Mailing {
                is_on: false,
                digester: MailDigester::new("key".to_owned().into()),
                fetches: Fetches::new(false),
            },
        },
        Metrics::new().unwrap(),
    );
    let after = Cursor::Message(Uuid::parse_str(&visitor.first_message_id).unwrap());
    let session_id = Uuid::parse_str(&visitor.session_id).unwrap();
    let token = visitor.token.clone().into();
    // A day, so that the session does not expire before it is ended.
    let day = Duration::from_hours(24);
    let waiting = chat.wait_for_messages(session_id, &token, Some(after), day, None);
    let (answer, ()) = tokio::join!(timeout(DEADLINE, waiting), async { shutdown.cancel() });
    assert!(answer.expect("it ends").unwrap().entries.is_empty());
}

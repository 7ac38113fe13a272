//! Limits on messages and requests, and how long conversations are kept.

mod session_starts;

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use reqwest::{Method, Response};
use serde_json::json;
use sqlx::PgPool;

use crate::{
    common::{TestApp, Visitor, config, expect},
    problem::expect_problem,
};

/// A creation that came through a trusted proxy.
pub(crate) async fn create_from(app: &TestApp, forwarded_for: &str) -> Response {
    app.api(Method::POST, "/sessions")
        .header("x-forwarded-for", forwarded_for)
        .json(&json!({ "initialMessage": "Hello" }))
        .send()
        .await
        .unwrap()
}

/// Checks for a refusal with `Retry-After`; returns the seconds.
pub(crate) async fn expect_rate_limited(response: Response) -> u64 {
    let seconds = response.headers()["retry-after"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    expect_problem(response, 429, "rate_limited").await;
    assert!((1..=3_600).contains(&seconds), "{seconds}");
    seconds
}

pub(crate) const BEHIND_A_PROXY: (&str, &str) = ("SUPPORT_CHAT_TRUSTED_PROXIES", "127.0.0.0/8");
/// No proof of work is required.
pub(crate) const REFUSE: (&str, &str) = ("SUPPORT_CHAT_PROOF_OF_WORK", "off");

#[sqlx::test(migrations = "../migrations")]
async fn texts_that_are_refused_count_as_messages(pool: PgPool) {
    let vars = [("SUPPORT_CHAT_MESSAGES_PER_SESSION_PER_MINUTE", "3")];
    let app = TestApp::spawn(config(&pool, &vars)).await;
    let visitor = app.visitor("Hello").await;
    for _ in 0..3 {
        let refused = visitor.send("   ").await;
        assert_eq!(refused.status(), 422);
    }
    expect_rate_limited(visitor.send("   ").await).await;
    expect_rate_limited(visitor.send("a good one").await).await;
}

#[sqlx::test(migrations = "../migrations")]
async fn messages_per_session_are_limited_and_coming_back_as_told_succeeds(pool: PgPool) {
    // The limit per minute is so high that a test can await the wait.
    let vars = [("SUPPORT_CHAT_MESSAGES_PER_SESSION_PER_MINUTE", "40")];
    let app = TestApp::spawn(config(&pool, &vars)).await;
    let visitor = app.visitor("Hello").await;
    let started = Instant::now();
    let responses = join_all((0..100).map(|_| visitor.send("again"))).await;
    let refilled = usize::try_from(started.elapsed().as_secs() * 40 / 60 + 1).unwrap();
    let accepted = responses
        .iter()
        .filter(|response| response.status() == 201)
        .count();
    assert!((40..=40 + refilled).contains(&accepted), "{accepted}");
    assert_eq!(
        visitor.messages(None).await.len(),
        1 + accepted,
        "what was refused is not stored"
    );
    let refused = responses
        .into_iter()
        .find(|response| response.status() == 429)
        .unwrap();
    expect_rate_limited(refused).await;
    let mut response = visitor.send("once more").await;
    if response.status() == 429 {
        // Nobody else takes this one's place during its wait.
        let wait = expect_rate_limited(response).await;
        tokio::time::sleep(Duration::from_secs(wait)).await;
        response = visitor.send("once more").await;
    }
    expect(response, 201).await;
    expect(
        app.visitor("Another session")
            .await
            .send("has its own")
            .await,
        201,
    )
    .await;
}

#[sqlx::test(migrations = "../migrations")]
async fn requests_per_address_are_limited_whatever_they_ask(pool: PgPool) {
    let vars = [
        BEHIND_A_PROXY,
        ("SUPPORT_CHAT_REQUESTS_PER_IP_PER_MINUTE", "5"),
    ];
    let app = TestApp::spawn(config(&pool, &vars)).await;
    let ask = |address: &'static str| {
        let request = app
            .api(Method::GET, "/sessions/x/messages")
            .header("x-forwarded-for", address);
        request.header("origin", crate::common::ORIGIN).send()
    };
    for _ in 0..5 {
        expect_problem(ask("192.0.2.1").await.unwrap(), 401, "invalid_token").await;
    }
    let refused = ask("192.0.2.1").await.unwrap();
    assert!(
        refused
            .headers()
            .contains_key("access-control-allow-origin"),
        "the page can read it"
    );
    assert!((1..=12).contains(&expect_rate_limited(refused).await));
    expect_problem(ask("192.0.2.2").await.unwrap(), 401, "invalid_token").await;
}

#[sqlx::test(migrations = "../migrations")]
async fn zero_is_no_limit(pool: PgPool) {
    let app = TestApp::spawn(config(
        &pool,
        &[
            ("SUPPORT_CHAT_SESSIONS_PER_IP_PER_HOUR", "0"),
            ("SUPPORT_CHAT_SESSIONS_PER_HOUR", "0"),
            ("SUPPORT_CHAT_MESSAGES_PER_SESSION_PER_MINUTE", "0"),
            ("SUPPORT_CHAT_REQUESTS_PER_IP_PER_MINUTE", "0"),
        ],
    ))
    .await;
    for _ in 0..11 {
        expect(create_from(&app, "192.0.2.1").await, 201).await;
    }
    let visitor = app.visitor("Hello").await;
    for _ in 0..21 {
        expect(visitor.send("again").await, 201).await;
    }
}

#[sqlx::test(migrations = "../migrations")]
async fn old_conversations_are_deleted_when_the_operator_says_so(pool: PgPool) {
    let keep = TestApp::spawn(config(&pool, &[("SUPPORT_CHAT_SESSION_TTL", "1h")])).await;
    let creation = json!({ "initialMessage": "Hello", "visitorName": "Ada" });
    let old = Visitor::from_creation(&keep, expect(keep.create(creation).await, 201).await);
    let undelivered = keep.visitor("still owed").await;
    sqlx::query("DELETE FROM outbox WHERE session_id::text = $1")
        .bind(&old.session_id)
        .execute(&pool)
        .await
        .unwrap();
    for know in [
        "INSERT INTO ratings (session_id, rating, comment, told) SELECT id, 'bad', 'Slow', '' FROM sessions",
        "INSERT INTO session_identities (session_id, digest, name) SELECT id, '', 'Ada' FROM sessions",
        "UPDATE sessions SET active_at = now() - interval '25 hours'",
    ] {
        sqlx::query(know).execute(&pool).await.unwrap();
    }
    let fresh = keep.visitor("Hello").await;
    let left = async || -> Vec<String> {
        sqlx::query_scalar("SELECT body FROM messages ORDER BY body")
            .fetch_all(&pool)
            .await
            .unwrap()
    };
    assert_eq!(left().await.len(), 3, "by default nothing is deleted");

    // The housekeeping runs at the start, and then once a minute.
    let vars = [
        ("SUPPORT_CHAT_SESSION_TTL", "1h"),
        ("SUPPORT_CHAT_RETENTION", "1h"),
    ];
    let tidy = TestApp::spawn(config(&pool, &vars)).await;
    let deadline = Instant::now() + Duration::from_secs(20);
    while left().await.len() == 3 {
        assert!(Instant::now() < deadline, "nothing was deleted");
    }
    assert_eq!(left().await, ["Hello", "still owed"]);
    let names: i64 = sqlx::query_scalar("SELECT count(visitor_name) FROM sessions")
        .fetch_one(&pool)
        .await
        .unwrap();
    assert_eq!(names, 0);
    // What the other conversation has is still owed to its room. A rating alone says nothing of anybody, and stays.
    let texts = "SELECT count(rating), count(comment), count(told),
                     (SELECT count(*) FROM session_identities) FROM ratings";
    let texts: (i64, i64, i64, i64) = sqlx::query_as(texts).fetch_one(&pool).await.unwrap();
    assert_eq!(texts, (2, 1, 1, 1));
    tidy.stop().await;
    assert_eq!(fresh.messages(None).await.len(), 1);
    expect_problem(old.poll(None).await, 410, "session_expired").await;
    expect_problem(undelivered.poll(None).await, 410, "session_expired").await;
}

#[sqlx::test(migrations = "../migrations")]
async fn every_request_counts_whatever_becomes_of_it(pool: PgPool) {
    const LIMIT: usize = 8;
    let vars = [("SUPPORT_CHAT_REQUESTS_PER_IP_PER_MINUTE", "8")];
    let foreign = ("origin", "https://evil.example");
    let requests: [(Method, &str, (&str, &str), u16); 8] = [
        (Method::POST, "/v1/support-chat/sessions", foreign, 403),
        (
            Method::POST,
            "/v1/support-chat/sessions",
            ("content-type", "text/plain"),
            415,
        ),
        (
            Method::GET,
            "/v1/support-chat/sessions/x/messages",
            ("x-a", "b"),
            401,
        ),
        (Method::GET, "/v1/support-chat/nowhere", ("x-a", "b"), 404),
        (
            Method::DELETE,
            "/v1/support-chat/sessions",
            ("x-a", "b"),
            405,
        ),
        (Method::OPTIONS, "/v1/support-chat/sessions", foreign, 200),
        (
            Method::GET,
            "/support",
            ("sec-fetch-site", "cross-site"),
            200,
        ),
        (Method::POST, "/support/api/send", foreign, 403),
    ];
    for (method, path, (name, value), status) in requests {
        let app = TestApp::spawn(config(&pool, &vars)).await;
        let ask = || app.request(method.clone(), path).header(name, value).send();
        for _ in 0..LIMIT {
            assert_eq!(ask().await.unwrap().status(), status, "{method} {path}");
        }
        let over = ask().await.unwrap().status();
        // A page may send a preflight at any time; the request itself is refused then.
        assert_eq!(
            over,
            if method == Method::OPTIONS { 200 } else { 429 },
            "{method} {path}"
        );
        let other = app.api(Method::GET, "/nowhere").send().await.unwrap();
        assert_eq!(other.status(), 429, "{method} {path}");
    }
}

//! The challenge, with a verifier of the test that accepts, refuses, answers nonsense, or does not answer.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use axum::{Form, Router, extract::State, routing::post};
use reqwest::{Method, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::{
    common::{TestApp, config, expect},
    problem::expect_problem,
};

const SECRET: &str = "the-site-secret";

#[derive(Deserialize)]
struct Asked {
    secret: String,
    response: String,
    remoteip: String,
}

/// The verifier's answer depends on the token; it counts the requests.
async fn verdict(State(asked): State<Arc<AtomicUsize>>, Form(question): Form<Asked>) -> String {
    asked.fetch_add(1, Ordering::SeqCst);
    match question.response.as_str() {
        "passed" if question.secret == SECRET && question.remoteip == "127.0.0.1" => {
            json!({ "success": true }).to_string()
        }
        "nonsense" => "<html>502</html>".to_owned(),
        "silence" => std::future::pending().await,
        _ => json!({ "success": false, "error-codes": ["invalid-input-response"] }).to_string(),
    }
}

/// A server with this verifier.
async fn spawn(pool: &PgPool) -> (TestApp, Arc<AtomicUsize>) {
    spawn_with(pool, &[]).await
}

async fn spawn_with(pool: &PgPool, extra: &[(&str, &str)]) -> (TestApp, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let router = Router::new()
        .route("/siteverify", post(verdict))
        .with_state(asked.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/siteverify", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    let vars = [
        ("TURNSTILE_SECRET_KEY", SECRET),
        ("TURNSTILE_SITE_KEY", "the-site-key"),
        ("TURNSTILE_VERIFY_URL", url.as_str()),
    ];
    let vars = [&vars[..], extra].concat();
    (TestApp::spawn(config(pool, &vars)).await, asked)
}

async fn create(app: &TestApp, answer: Option<&str>) -> Response {
    app.create(json!({ "initialMessage": "Hello", "turnstileToken": answer }))
        .await
}

#[sqlx::test(migrations = "../migrations")]
async fn only_a_solved_challenge_begins_a_conversation(pool: PgPool) {
    let (app, _) = spawn(&pool).await;
    for answer in [
        None,
        Some(""),
        Some("failed"),
        Some("nonsense"),
        Some("silence"),
    ] {
        let problem = expect_problem(create(&app, answer).await, 403, "challenge_failed").await;
        assert_eq!(problem["turnstileSiteKey"], "the-site-key");
        assert!(!problem.to_string().contains(SECRET));
    }
    let sessions: i64 = sqlx::query_scalar("SELECT count(*) FROM sessions")
        .fetch_one(&pool)
        .await
        .unwrap();
    assert_eq!(sessions, 0);
    let created: Value = expect(create(&app, Some("passed")).await, 201).await;
    assert!(created["token"].is_string());
}

#[sqlx::test(migrations = "../migrations")]
async fn without_a_verifier_nobody_passes(pool: PgPool) {
    let url = "http://127.0.0.1:1/siteverify";
    let vars = [
        ("TURNSTILE_SECRET_KEY", SECRET),
        ("TURNSTILE_VERIFY_URL", url),
    ];
    let app = TestApp::spawn(config(&pool, &vars)).await;
    expect_problem(create(&app, Some("passed")).await, 403, "challenge_failed").await;
}

#[sqlx::test(migrations = "../migrations")]
async fn a_failed_challenge_takes_no_place_and_a_refusal_uses_no_answer_up(pool: PgPool) {
    let (app, asked) = spawn_with(&pool, &[("SUPPORT_CHAT_SESSIONS_PER_HOUR", "1")]).await;
    for answer in [None, Some("failed"), Some("failed")] {
        expect_problem(create(&app, answer).await, 403, "challenge_failed").await;
    }
    expect(create(&app, Some("passed")).await, 201).await;
    assert_eq!(asked.load(Ordering::SeqCst), 3);
    let problem = expect_problem(create(&app, Some("passed")).await, 403, "proof_required").await;
    assert_eq!(asked.load(Ordering::SeqCst), 3);
    let proof = crate::proof::solve(&problem);
    let request = json!({ "initialMessage": "Hello", "turnstileToken": "passed", "proof": proof });
    expect(app.create(request).await, 201).await;
    assert_eq!(asked.load(Ordering::SeqCst), 4);
}

#[sqlx::test(migrations = "../migrations")]
async fn a_replay_is_not_challenged_again_nor_are_later_messages(pool: PgPool) {
    let (app, asked) = spawn(&pool).await;
    let create = |answer: &'static str| {
        app.api(Method::POST, "/sessions")
            .header("idempotency-key", "k")
            .json(&json!({ "initialMessage": "Hello", "turnstileToken": answer }))
            .send()
    };
    let first = expect(create("passed").await.unwrap(), 201).await;
    let replayed = expect(create("passed").await.unwrap(), 201).await;
    assert_eq!(first["sessionId"], replayed["sessionId"]);
    let visitor = crate::common::Visitor::from_creation(&app, replayed);
    expect(visitor.send("Again").await, 201).await;
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

#[sqlx::test(migrations = "../migrations")]
async fn the_page_lets_the_challenge_in_where_there_is_one_and_nowhere_else(pool: PgPool) {
    let policy = async |app: &TestApp| {
        let page = app.request(Method::GET, "/").send().await.unwrap();
        page.headers()["content-security-policy"]
            .to_str()
            .unwrap()
            .to_owned()
    };
    let (with, without) = (
        spawn(&pool).await.0,
        TestApp::spawn(config(&pool, &[])).await,
    );
    let with = policy(&with).await;
    for directive in ["script-src 'self' 'wasm-unsafe-eval' ", "frame-src "] {
        let allowed = format!("{directive}https://challenges.cloudflare.com");
        assert!(with.contains(&allowed), "{with}");
    }
    assert!(!policy(&without).await.contains("cloudflare"));
}

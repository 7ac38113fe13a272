use chrono::Utc;
use futures_util::future::join_all;
use reqwest::{Method, Response};
use serde_json::{Value, json};
use server::storage::idempotency;
use sqlx::PgPool;

use crate::{
    common::{TestApp, Visitor, config, expect},
    problem::expect_problem,
    shares,
};

async fn create(app: &TestApp, key: &str, text: &str) -> Response {
    let body = json!({ "initialMessage": text });
    let request = app
        .api(Method::POST, "/sessions")
        .header("Idempotency-Key", key);
    request.json(&body).send().await.unwrap()
}

async fn send(visitor: &Visitor<'_>, key: &str, text: &str) -> Response {
    let request = visitor
        .request(Method::POST, "/messages")
        .header("Idempotency-Key", key);
    request.json(&json!({ "body": text })).send().await.unwrap()
}

async fn count(pool: &PgPool, statement: &'static str) -> i64 {
    sqlx::query_scalar(statement).fetch_one(pool).await.unwrap()
}

#[sqlx::test(migrations = "../migrations")]
async fn concurrent_creations_with_one_key_make_one_session_and_one_room(pool: PgPool) {
    let app = TestApp::spawn(config(&pool, &[])).await;
    let responses = join_all((0..40).map(|_| create(&app, "one-key", "Hello"))).await;
    let mut sessions = Vec::new();
    for response in responses {
        sessions.push(expect(response, 201).await);
    }
    for session in &sessions {
        assert_eq!(session["sessionId"], sessions[0]["sessionId"]);
        assert_eq!(session["messageId"], sessions[0]["messageId"]);
        assert_eq!(session["createdAt"], sessions[0]["createdAt"]);
        let visitor = Visitor::from_creation(&app, session.clone());
        assert_eq!(
            visitor.messages(None).await.len(),
            1,
            "each one's token works"
        );
    }
    assert_eq!(count(&pool, "SELECT count(*) FROM sessions").await, 1);
    assert_eq!(
        count(
            &pool,
            "SELECT count(*) FROM outbox WHERE kind = 'create_room'"
        )
        .await,
        1
    );
}

#[sqlx::test(migrations = "../migrations")]
async fn concurrent_messages_with_one_key_are_one_message(pool: PgPool) {
    let app = TestApp::spawn(config(&pool, &[])).await;
    let visitor = app.visitor("Hello").await;
    let responses = join_all((0..40).map(|_| send(&visitor, "one-key", "Again"))).await;
    let mut answers: Vec<Value> = Vec::new();
    for response in responses {
        answers.push(expect(response, 201).await);
    }
    assert!(
        answers.iter().all(|answer| *answer == answers[0]),
        "{answers:?}"
    );
    assert_eq!(visitor.messages(None).await.len(), 2);
}

#[sqlx::test(migrations = "../migrations")]
async fn a_key_is_for_one_request_only(pool: PgPool) {
    let app = TestApp::spawn(config(&pool, &[])).await;
    let visitor = Visitor::from_creation(&app, expect(create(&app, "k", "Hello").await, 201).await);
    expect_problem(
        create(&app, "k", "Other").await,
        422,
        "idempotency_key_reused",
    )
    .await;
    expect(send(&visitor, "k", "Hello").await, 201).await;
    expect_problem(
        send(&visitor, "k", "Other").await,
        422,
        "idempotency_key_reused",
    )
    .await;

    let other = app.visitor("Another session").await;
    expect(send(&other, "k", "Other").await, 201).await;
    assert_eq!(other.messages(None).await.len(), 2);
}

#[sqlx::test(migrations = "../migrations")]
async fn a_message_is_confirmed_again_even_when_the_session_has_ended(pool: PgPool) {
    let app = TestApp::spawn(config(&pool, &[])).await;
    let visitor = app.visitor("Hello").await;
    let first = expect(send(&visitor, "k", "Bye").await, 201).await;
    assert_eq!(visitor.close().await.status(), 204);
    assert_eq!(expect(send(&visitor, "k", "Bye").await, 201).await, first);
    expect_problem(send(&visitor, "new", "Bye").await, 410, "session_closed").await;
}

#[sqlx::test(migrations = "../migrations")]
async fn a_creation_key_is_forgotten_after_a_day(pool: PgPool) {
    let app = TestApp::spawn(config(&pool, &[])).await;
    let first = expect(create(&app, "k", "Hello").await, 201).await;
    sqlx::query("UPDATE idempotency_keys SET created_at = now() - interval '24 hours'")
        .execute(&pool)
        .await
        .unwrap();
    let second = expect(create(&app, "k", "Other").await, 201).await;
    assert_ne!(first["sessionId"], second["sessionId"]);
    let replayed = expect(create(&app, "k", "Other").await, 201).await;
    assert_eq!(second["sessionId"], replayed["sessionId"]);
}

#[sqlx::test(migrations = "../migrations")]
async fn a_key_that_is_none_is_malformed(pool: PgPool) {
    let app = TestApp::spawn(config(&pool, &[])).await;
    for key in ["", "tab\there", &"x".repeat(129)] {
        expect_problem(create(&app, key, "Hello").await, 400, "malformed_request").await;
    }
    assert_eq!(count(&pool, "SELECT count(*) FROM sessions").await, 0);
}

#[sqlx::test(migrations = "../migrations")]
async fn replays_do_not_pile_up_tokens(pool: PgPool) {
    let app = TestApp::spawn(config(&pool, &[])).await;
    let first = Visitor::from_creation(&app, expect(create(&app, "k", "Hello").await, 201).await);
    for _ in 0..20 {
        expect(create(&app, "k", "Hello").await, 201).await;
    }
    assert_eq!(first.messages(None).await.len(), 1);
    let tokens = "SELECT count(*) FROM session_tokens";
    let many = "INSERT INTO session_tokens (session_id, token_hash)
                SELECT session_id, 'none' FROM session_tokens, generate_series(1, 10)";
    sqlx::query(many).execute(&pool).await.unwrap();
    expect(create(&app, "k", "Hello").await, 201).await;
    assert_eq!(count(&pool, tokens).await, 128);
    let age = "UPDATE session_tokens SET created_at = created_at - interval '10 minutes'";
    sqlx::query(age).execute(&pool).await.unwrap();
    expect(create(&app, "k", "Hello").await, 201).await;
    assert_eq!(count(&pool, tokens).await, 16);
    expect_problem(first.poll(None).await, 401, "invalid_token").await;
}

#[sqlx::test(migrations = "../migrations")]
async fn the_key_of_an_erased_conversation_begins_no_other(pool: PgPool) {
    let app = TestApp::spawn(config(&pool, &[])).await;
    let created = expect(create(&app, "erased", "Hello").await, 201).await;
    let visitor = Visitor::from_creation(&app, created);
    let erase = visitor.request(Method::DELETE, "");
    assert_eq!(erase.send().await.unwrap().status(), 204);
    for text in ["Hello", "Something else"] {
        let response = create(&app, "erased", text).await;
        expect_problem(response, 404, "session_not_found").await;
    }
    expect_problem(visitor.poll(None).await, 404, "session_not_found").await;
    assert_eq!(count(&pool, "SELECT count(*) FROM sessions").await, 1);
    let kept = "SELECT count(*) FROM idempotency_keys WHERE request_digest <> ''";
    assert_eq!(count(&pool, kept).await, 0);
    let kept = "SELECT count(*) FROM messages WHERE body <> ''";
    assert_eq!(count(&pool, kept).await, 0);
    expect(create(&app, "another", "Hello").await, 201).await;

    // A day later nothing is left of it.
    let age = "UPDATE idempotency_keys SET created_at = now() - interval '24 hours 1 second'
               WHERE request_digest = ''";
    sqlx::query(age).execute(&pool).await.unwrap();
    let deleted = idempotency::delete_expired(&shares(&pool).relay, Utc::now(), 10).await;
    assert_eq!(deleted.unwrap(), 1);
    assert_eq!(count(&pool, "SELECT count(*) FROM messages").await, 1);
    assert_eq!(
        count(&pool, "SELECT count(*) FROM idempotency_keys").await,
        1
    );
}

use serde_json::json;
use sqlx::PgPool;

use crate::{
    common::{TestApp, Visitor, config, expect},
    problem::expect_problem,
};

#[sqlx::test(migrations = "../migrations")]
async fn a_first_message_begins_a_conversation(pool: PgPool) {
    let app = TestApp::spawn(config(&pool, &[])).await;
    let response = app
        .create(json!({
            "initialMessage": "Hello, I need help with tokenization infrastructure.",
            "sourceUrl": "https://www.webdevelop.biz/",
            "pageTitle": "Tokenize Real-World Assets",
            "visitorName": "Ada",
            "visitorEmail": "ada@example.com",
            "unknownField": {"is": "ignored"},
        }))
        .await;
    assert_eq!(response.headers()["content-type"], "application/json");
    assert_eq!(response.headers()["cache-control"], "no-store");
    let created = expect(response, 201).await;
    assert_eq!(created["messages"], json!([]));
    assert!(
        created["token"].as_str().unwrap().len() >= 22,
        "128 bits at the least"
    );

    let visitor = Visitor::from_creation(&app, created.clone());
    assert_eq!(
        visitor.messages(None).await,
        [json!({
            "id": created["messageId"],
            "sender": "visitor",
            "body": "Hello, I need help with tokenization infrastructure.",
            "createdAt": created["createdAt"],
            "delivery": "pending",
        })]
    );
    let millis = regex_like(created["createdAt"].as_str().unwrap());
    assert_eq!(millis, "0000-00-00T00:00:00.000Z");
}

/// The text with zeros in place of all digits.
fn regex_like(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_ascii_digit() { '0' } else { c })
        .collect()
}

#[sqlx::test(migrations = "../migrations")]
async fn the_room_the_details_and_the_message_are_queued_in_that_order(pool: PgPool) {
    let app = TestApp::spawn(config(&pool, &[])).await;
    let details = json!({ "initialMessage": "Hi", "visitorName": "Ada" });
    expect(app.create(details).await, 201).await;
    let kinds: Vec<String> = sqlx::query_scalar("SELECT kind FROM outbox ORDER BY position")
        .fetch_all(&pool)
        .await
        .unwrap();
    assert_eq!(kinds, ["create_room", "details", "message"]);
}

#[sqlx::test(migrations = "../migrations")]
async fn what_is_refused_leaves_nothing_behind(pool: PgPool) {
    let app = TestApp::spawn(config(&pool, &[])).await;
    let refused = [
        (
            json!({ "initialMessage": "" }),
            "message_empty",
            "initialMessage",
        ),
        (
            json!({ "initialMessage": " \n\t" }),
            "message_empty",
            "initialMessage",
        ),
        (
            json!({ "initialMessage": "x".repeat(4_001) }),
            "message_too_long",
            "initialMessage",
        ),
        (
            json!({ "initialMessage": "bell\u{7}" }),
            "invalid_field",
            "initialMessage",
        ),
        (
            json!({ "initialMessage": "x", "sourceUrl": "not a url" }),
            "invalid_field",
            "sourceUrl",
        ),
        (
            json!({ "initialMessage": "x", "visitorEmail": "ada" }),
            "invalid_field",
            "visitorEmail",
        ),
    ];
    for (body, code, field) in refused {
        let problem = expect_problem(app.create(body).await, 422, code).await;
        assert_eq!(problem["errors"], json!([{ "field": field, "code": code }]));
    }
    let sessions: i64 = sqlx::query_scalar("SELECT count(*) FROM sessions")
        .fetch_one(&pool)
        .await
        .unwrap();
    assert_eq!(sessions, 0);
}

#[sqlx::test(migrations = "../migrations")]
async fn the_database_holds_no_token(pool: PgPool) {
    let app = TestApp::spawn(config(&pool, &[])).await;
    let visitor = app.visitor("Hello").await;
    let hash: String = sqlx::query_scalar("SELECT token_hash FROM session_tokens")
        .fetch_one(&pool)
        .await
        .unwrap();
    assert!(hash.starts_with("$argon2id$"), "{hash}");
    let tables: Vec<String> = sqlx::query_scalar(
        "SELECT table_name::text FROM information_schema.tables WHERE table_schema = 'public'",
    )
    .fetch_all(&pool)
    .await
    .unwrap();
    assert!(tables.len() > 5);
    for table in tables {
        let statement = format!("SELECT count(*) FROM \"{table}\" t WHERE t::text LIKE $1");
        let found: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(statement))
            .bind(format!("%{}%", visitor.token))
            .fetch_one(&pool)
            .await
            .unwrap();
        assert_eq!(found, 0, "{table}");
    }
}

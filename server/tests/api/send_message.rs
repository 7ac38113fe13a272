use serde_json::json;
use sqlx::PgPool;

use crate::{
    common::{TestApp, Visitor, config, expect},
    problem::expect_problem,
};

#[sqlx::test(migrations = "../migrations")]
async fn a_message_is_stored_exactly_as_it_came_and_queued(pool: PgPool) {
    let app = TestApp::spawn(config(&pool, &[])).await;
    let visitor = app.visitor("first").await;
    let longest = "🦀".repeat(4_000);
    let texts = [
        "  kept  ",
        "two\r\nlines\tand a tab",
        "<img src=x onerror=alert(1)> & \"quotes\"",
        "e\u{301} \u{202e}rtl\u{202c} שלום مرحبا 👩‍👩‍👧‍👦",
        longest.as_str(),
    ];
    for text in texts {
        let sent = expect(visitor.send(text).await, 201).await;
        let stored = visitor.messages(None).await.pop().unwrap();
        assert_eq!(stored["body"], text);
        assert_eq!(stored["id"], sent["messageId"]);
        assert_eq!(stored["createdAt"], sent["createdAt"]);
    }
    let queued: i64 = sqlx::query_scalar("SELECT count(*) FROM outbox WHERE kind = 'message'")
        .fetch_one(&pool)
        .await
        .unwrap();
    assert_eq!(queued, 6);
}

#[sqlx::test(migrations = "../migrations")]
async fn a_text_that_breaks_the_rule_is_refused_with_its_field(pool: PgPool) {
    let app = TestApp::spawn(config(&pool, &[("SUPPORT_CHAT_MAX_MESSAGE_CHARS", "5")])).await;
    let visitor = app.visitor("first").await;
    for (text, code) in [
        ("", "message_empty"),
        ("\u{3000}", "message_empty"),
        ("123456", "message_too_long"),
        ("\0", "invalid_field"),
        ("a\u{9b}b", "invalid_field"),
    ] {
        let problem = expect_problem(visitor.send(text).await, 422, code).await;
        assert_eq!(
            problem["errors"],
            json!([{ "field": "body", "code": code }]),
            "{text:?}"
        );
    }
    assert_eq!(visitor.messages(None).await.len(), 1);
}

#[sqlx::test(migrations = "../migrations")]
async fn whose_session_it_is_and_that_it_has_ended_comes_before_what_is_wrong_with_a_text(
    pool: PgPool,
) {
    let app = TestApp::spawn(config(&pool, &[])).await;
    let visitor = app.visitor("first").await;
    let stranger = Visitor {
        token: "wrong".to_owned(),
        ..app.visitor("second").await
    };
    expect_problem(stranger.send("").await, 401, "invalid_token").await;
    assert_eq!(visitor.close().await.status(), 204);
    expect_problem(visitor.send("").await, 410, "session_closed").await;
}

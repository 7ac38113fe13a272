//! How soon staff answer, in `/metrics`.

use serde_json::json;
use server::canary;
use sqlx::PgPool;

use crate::common::{TestApp, config, expect};

async fn begin(app: &TestApp, page: &str) {
    let creation = app.create(json!({ "initialMessage": "Hello", "sourceUrl": page }));
    expect(creation.await, 201).await;
}

#[sqlx::test(migrations = "../migrations")]
async fn first_answers_are_measured_without_the_canary_s(pool: PgPool) {
    let vars = [("MATRIX_SUPPORT_CANARY_MXID", "@canary:localhost")];
    let app = TestApp::spawn(config(&pool, &vars)).await;
    let metrics = app.metrics().await;
    assert!(!metrics.keys().any(|name| name.contains("first_answer")));
    for page in [
        "https://a.example/1",
        "https://a.example/2",
        "https://a.example/3",
    ] {
        begin(&app, page).await;
    }
    begin(&app, canary::PAGE).await;
    // Two were answered, after 100 and 200 seconds, and one was not; the last two are from two days ago, and from an
    // hour ago, still waiting.
    for (page, seconds) in [("1", Some(100.0)), ("2", Some(200.0)), ("3", None)] {
        sqlx::query(
            "UPDATE sessions SET first_answered_at = created_at + make_interval(secs => $2)
             WHERE source_url = 'https://a.example/' || $1",
        )
        .bind(page)
        .bind::<Option<f64>>(seconds)
        .execute(&pool)
        .await
        .unwrap();
    }
    sqlx::query(
        "UPDATE sessions SET created_at = now() - interval '2 days' WHERE source_url LIKE '%/3'",
    )
    .execute(&pool)
    .await
    .unwrap();
    sqlx::query(
        "UPDATE messages SET created_at = now() - interval '1 hour' FROM sessions
         WHERE session_id = sessions.id AND source_url LIKE '%/3'",
    )
    .execute(&pool)
    .await
    .unwrap();

    let metrics = app.metrics().await;
    for (series, expected) in [
        ("staff_conversations{period=\"day\"}", 2.0),
        ("staff_conversations{period=\"week\"}", 3.0),
        ("staff_conversations_unanswered{period=\"day\"}", 0.0),
        ("staff_conversations_unanswered{period=\"week\"}", 1.0),
        (
            "staff_first_answer_seconds{period=\"day\",quantile=\"0.5\"}",
            150.0,
        ),
        (
            "staff_first_answer_seconds{period=\"week\",quantile=\"0.95\"}",
            195.0,
        ),
        ("desk_messages_waiting", 0.0),
    ] {
        let value = metrics[&format!("support_chat_{series}")];
        assert!((value - expected).abs() < 0.5, "{series}: {value}");
    }
    let longest = metrics["support_chat_staff_longest_wait_seconds"];
    assert!((3_600.0..3_700.0).contains(&longest), "{longest}");
}

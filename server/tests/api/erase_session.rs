use reqwest::Method;
use serde_json::json;
use sqlx::PgPool;

use crate::{
    common::{TestApp, Visitor, config, expect},
    problem::expect_problem,
};

async fn erase(visitor: &Visitor<'_>) -> reqwest::Response {
    let request = visitor.request(Method::DELETE, "");
    request.send().await.unwrap()
}

/// Every text of every table, as JSON.
pub(crate) async fn everything(pool: &PgPool) -> String {
    let tables: Vec<String> = sqlx::query_scalar(
        "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'",
    )
    .fetch_all(pool)
    .await
    .unwrap();
    let mut all = String::new();
    for table in tables {
        let rows = sqlx::AssertSqlSafe(format!("SELECT row_to_json(t)::text FROM {table} t"));
        let rows: Vec<String> = sqlx::query_scalar(rows).fetch_all(pool).await.unwrap();
        all.extend(rows);
    }
    all
}

#[sqlx::test(migrations = "../migrations")]
async fn what_is_erased_is_in_no_table_and_there_is_no_such_session(pool: PgPool) {
    let mailing = [
        ("SUPPORT_CHAT_SMTP_URL", "smtp://127.0.0.1:1"),
        ("SUPPORT_CHAT_MAIL_FROM", "support@example.com"),
        ("SUPPORT_CHAT_PUBLIC_URL", "https://chat.example.com"),
    ];
    let app = TestApp::spawn(config(&pool, &mailing)).await;
    let creation = app.create(json!({
        "initialMessage": "Zebra one", "visitorName": "Zebra Ada", "visitorEmail": "zebra@example.com",
        "sourceUrl": "https://zebra.example/", "pageTitle": "Zebra page",
    }));
    let visitor = Visitor::from_creation(&app, expect(creation.await, 201).await);
    expect(visitor.send("zebra two").await, 201).await;
    for (path, body) in [
        ("/email", json!({ "email": "zebra@example.com" })),
        (
            "/rating",
            json!({ "rating": "bad", "comment": "Zebra three" }),
        ),
    ] {
        let request = visitor.request(Method::PUT, path).json(&body);
        assert_eq!(request.send().await.unwrap().status(), 204, "{path}");
    }
    let other = app.visitor("Of somebody else").await;
    let words = |all: &str| all.to_lowercase().matches("zebra").count();
    assert!(words(&everything(&pool).await) >= 8);

    let response = erase(&visitor).await;
    assert_eq!(response.status(), 204);
    assert_eq!(response.headers()["cache-control"], "no-store");
    let all = everything(&pool).await;
    assert_eq!(words(&all), 0, "{all}");
    for response in [
        visitor.poll(None).await,
        visitor.send("more").await,
        visitor.close().await,
        erase(&visitor).await,
    ] {
        expect_problem(response, 404, "session_not_found").await;
    }
    assert_eq!(other.messages(None).await.len(), 1);
}

#[sqlx::test(migrations = "../migrations")]
async fn only_its_visitor_erases_a_conversation_and_also_after_its_end(pool: PgPool) {
    let app = TestApp::spawn(config(&pool, &[])).await;
    let visitor = app.visitor("Hello").await;
    let stranger = Visitor {
        token: "wrong".to_owned(),
        ..Visitor::from_creation(
            &app,
            json!({ "sessionId": visitor.session_id, "token": "", "messageId": "" }),
        )
    };
    expect_problem(erase(&stranger).await, 401, "invalid_token").await;
    assert_eq!(visitor.messages(None).await.len(), 1);
    assert_eq!(visitor.close().await.status(), 204);
    assert_eq!(erase(&visitor).await.status(), 204);
    expect_problem(erase(&visitor).await, 404, "session_not_found").await;
}

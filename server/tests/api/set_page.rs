use std::time::Duration;

use reqwest::{Method, Response};
use serde_json::{Value, json};
use sqlx::PgPool;
use tokio::time::{Instant, sleep};

use crate::{
    common::{ORIGIN, TestApp, Visitor, config, expect},
    problem::expect_problem,
};

async fn set_page(visitor: &Visitor<'_>, body: Value) -> Response {
    let request = visitor.request(Method::PUT, "/page").json(&body);
    request.send().await.unwrap()
}

/// The visitor's page, and whether staff have yet to be told about it.
async fn page(pool: &PgPool) -> (Option<String>, Option<String>, bool) {
    sqlx::query_as("SELECT source_url, page_title, details_due_at IS NOT NULL FROM sessions")
        .fetch_one(pool)
        .await
        .unwrap()
}

#[sqlx::test(migrations = "../migrations")]
async fn a_page_takes_the_place_of_the_one_before(pool: PgPool) {
    let app = TestApp::spawn(config(&pool, &[])).await;
    let creation = app.create(json!({
        "initialMessage": "Hello", "sourceUrl": "https://a.example/", "pageTitle": "Home",
    }));
    let visitor = Visitor::from_creation(&app, expect(creation.await, 201).await);
    let known = json!({ "sourceUrl": "https://a.example/", "pageTitle": "Home" });
    let response = set_page(&visitor, known).await;
    assert_eq!(response.status(), 204);
    assert_eq!(response.headers()["cache-control"], "no-store");
    assert_eq!(response.bytes().await.unwrap().len(), 0);
    let (home, title) = ("https://a.example/".to_owned(), "Home".to_owned());
    assert_eq!(
        page(&pool).await,
        (Some(home), Some(title), false),
        "they know"
    );

    let next = json!({ "sourceUrl": "https://a.example/contact", "unknown": 1 });
    assert_eq!(set_page(&visitor, next).await.status(), 204);
    let contact = "https://a.example/contact".to_owned();
    assert_eq!(page(&pool).await, (Some(contact), None, true));
}

#[sqlx::test(migrations = "../migrations")]
async fn many_changes_of_the_page_are_one_task(pool: PgPool) {
    let app = TestApp::spawn(config(&pool, &[])).await;
    let visitor = app.visitor("Hello").await;
    for n in 0..5 {
        let page = json!({ "sourceUrl": format!("https://a.example/{n}") });
        assert_eq!(set_page(&visitor, page).await.status(), 204);
    }
    let deadline = Instant::now() + Duration::from_mins(1);
    while page(&pool).await.2 {
        assert!(Instant::now() < deadline, "nobody tells it");
        sleep(Duration::from_millis(50)).await;
    }
    let last = Some("https://a.example/4".to_owned());
    assert_eq!(page(&pool).await, (last, None, false));
    let tasks = "SELECT count(*) FROM outbox WHERE kind = 'details'";
    let tasks: i64 = sqlx::query_scalar(tasks).fetch_one(&pool).await.unwrap();
    assert_eq!(tasks, 1);
}

#[sqlx::test(migrations = "../migrations")]
async fn what_is_no_page_is_refused_and_changes_nothing(pool: PgPool) {
    let app = TestApp::spawn(config(&pool, &[])).await;
    let visitor = app.visitor("Hello").await;
    for (body, fields) in [
        (json!({ "sourceUrl": "" }), vec!["sourceUrl"]),
        (
            json!({ "sourceUrl": "javascript:alert(1)", "pageTitle": "a\nb" }),
            vec!["sourceUrl", "pageTitle"],
        ),
    ] {
        let problem = expect_problem(set_page(&visitor, body).await, 422, "invalid_field").await;
        let named = problem["errors"].as_array().unwrap().iter();
        let named: Vec<_> = named
            .map(|error| error["field"].as_str().unwrap())
            .collect();
        assert_eq!(named, fields);
    }
    for body in [
        json!({}),
        json!({ "sourceUrl": null }),
        json!(["https://x.org/", "x"]),
    ] {
        expect_problem(set_page(&visitor, body).await, 400, "malformed_request").await;
    }
    let text = visitor.request(Method::PUT, "/page").body("x").send().await;
    expect_problem(text.unwrap(), 415, "unsupported_media_type").await;
    assert_eq!(page(&pool).await, (None, None, false));
}

#[sqlx::test(migrations = "../migrations")]
async fn after_the_end_there_is_no_page_to_tell(pool: PgPool) {
    let app = TestApp::spawn(config(&pool, &[])).await;
    let body = json!({ "sourceUrl": "https://a.example/" });
    let visitor = app.visitor("Hello").await;
    let expire = "UPDATE sessions SET active_at = now() - interval '25 hours'";
    sqlx::query(expire).execute(&pool).await.unwrap();
    expect_problem(
        set_page(&visitor, body.clone()).await,
        410,
        "session_expired",
    )
    .await;
    sqlx::query("UPDATE sessions SET active_at = now()")
        .execute(&pool)
        .await
        .unwrap();
    assert_eq!(visitor.close().await.status(), 204);
    for body in [body, json!({ "sourceUrl": "no address" })] {
        expect_problem(set_page(&visitor, body).await, 410, "session_closed").await;
    }
    assert_eq!(page(&pool).await, (None, None, false));
}

#[sqlx::test(migrations = "../migrations")]
async fn pages_of_allowed_origins_may_tell_it(pool: PgPool) {
    let app = TestApp::spawn(config(&pool, &[])).await;
    let preflight = app
        .api(Method::OPTIONS, "/sessions/x/page")
        .header("origin", ORIGIN)
        .header("access-control-request-method", "PUT");
    let answer = preflight.send().await.unwrap();
    let methods = answer.headers()["access-control-allow-methods"]
        .to_str()
        .unwrap();
    assert!(
        methods.split(',').any(|method| method == "PUT"),
        "{methods}"
    );
}

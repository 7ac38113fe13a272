//! Whether staff answer now.

use chrono::{DateTime, TimeDelta, Utc};
use reqwest::{Method, Response};
use serde_json::{Value, json};
use server::storage::{Shares, desk::commands};
use sqlx::PgPool;

use crate::common::{ORIGIN, TestApp, config, expect};

const PATH: &str = "/v1/support-chat/availability";

async fn ask(app: &TestApp) -> Response {
    let request = app.request(Method::GET, PATH);
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), 200);
    answer
}

#[sqlx::test(migrations = "../migrations")]
async fn hours_are_always_unless_they_are_set(pool: PgPool) {
    let app = TestApp::spawn(config(&pool, &[])).await;
    let answer = ask(&app).await;
    assert_eq!(answer.headers()["cache-control"], "public, max-age=60");
    assert_eq!(
        answer.json::<Value>().await.unwrap(),
        json!({"open": true, "rating": true})
    );
}

#[sqlx::test(migrations = "../migrations")]
async fn nobody_is_there_outside_the_hours_and_sending_works(pool: PgPool) {
    let tomorrow = (Utc::now() + TimeDelta::days(1)).format("%a").to_string();
    let hours = format!("{} 09:00-18:00", &tomorrow[..2]);
    let app = TestApp::spawn(config(&pool, &[("SUPPORT_CHAT_HOURS", &hours)])).await;
    let answer: Value = ask(&app).await.json().await.unwrap();
    assert_eq!(answer["open"], false);
    let opens_at: DateTime<Utc> = answer["opensAt"].as_str().unwrap().parse().unwrap();
    assert!(opens_at > Utc::now() && opens_at < Utc::now() + TimeDelta::days(2));
    app.visitor("Hello").await;
}

#[sqlx::test(migrations = "../migrations")]
async fn the_page_without_scripts_says_so_in_the_operators_zone(pool: PgPool) {
    let page = async |hours| {
        let variables = [
            ("SUPPORT_CHAT_HOURS", hours),
            ("SUPPORT_CHAT_TIME_ZONE", "Asia/Tokyo"),
        ];
        let app = TestApp::spawn(config(&pool, &variables)).await;
        let request = app.request(Method::GET, "/support");
        let answer = request
            .header("sec-fetch-site", "none")
            .send()
            .await
            .unwrap();
        answer.text().await.unwrap()
    };
    let tomorrow = (Utc::now() + TimeDelta::hours(24 + 9)).date_naive();
    let hours = format!("{} 09:00-18:00", tomorrow.format("%b %d"));
    let html = page(&hours).await;
    let back = tomorrow.format("Back on %A, %-d %B %Y, 09:00 (Asia/Tokyo).");
    assert!(
        html.contains(&format!("Nobody is here right now. {back}")),
        "{html}"
    );
    let html = page("off").await;
    assert!(
        html.contains("Nobody is here right now. You can write now"),
        "{html}"
    );
    assert!(!page("24/7").await.contains("Nobody is here"));
}

#[sqlx::test(migrations = "../migrations")]
async fn staff_who_are_away_say_when_they_are_back(pool: PgPool) {
    let config = config(&pool, &[]);
    let relay = Shares::new(&config.database).relay;
    let app = TestApp::spawn(config).await;
    let until = Utc::now() + TimeDelta::seconds(30);
    let mut db = relay.begin().await.unwrap();
    commands::set_away(&mut db, Some(until)).await.unwrap();
    db.commit().await.unwrap();
    let answer = ask(&app).await;
    let max_age = answer.headers()["cache-control"].to_str().unwrap();
    let max_age: u64 = max_age
        .strip_prefix("public, max-age=")
        .unwrap()
        .parse()
        .unwrap();
    assert!(max_age <= 30, "{max_age}");
    let answer: Value = answer.json().await.unwrap();
    assert_eq!(answer["open"], false);
    let opens_at: DateTime<Utc> = answer["opensAt"].as_str().unwrap().parse().unwrap();
    assert!((opens_at - until).abs() < TimeDelta::milliseconds(2));

    let mut db = relay.begin().await.unwrap();
    commands::set_away(&mut db, None).await.unwrap();
    db.commit().await.unwrap();
    let answer: Value = ask(&app).await.json().await.unwrap();
    assert_eq!(answer, json!({"open": true, "rating": true}));
}

#[sqlx::test(migrations = "../migrations")]
async fn it_is_shared_with_allowed_origins_only(pool: PgPool) {
    let app = TestApp::spawn(config(&pool, &[])).await;
    let ask = |origin: &'static str| {
        app.request(Method::GET, PATH)
            .header("origin", origin)
            .send()
    };
    expect(ask("https://elsewhere.example").await.unwrap(), 403).await;
    let answer = ask(ORIGIN).await.unwrap();
    assert_eq!(answer.headers()["access-control-allow-origin"], ORIGIN);
}

//! The relay's metrics.

use std::{collections::BTreeMap, time::Duration};

use reqwest::Method;
use serde_json::json;
use sqlx::PgPool;
use tokio::time::{Instant, sleep};

use crate::{
    common::{TestApp, expect},
    homeserver::{Team, wait_for_messages, wait_until},
};

/// Reads the metrics until they are right, since things are counted after they are done.
async fn metrics(app: &TestApp, done: impl Fn(&BTreeMap<String, f64>) -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let metrics = app.metrics().await;
        if done(&metrics) {
            return;
        }
        assert!(Instant::now() < deadline, "{metrics:#?}");
        sleep(Duration::from_millis(50)).await;
    }
}

fn is(metrics: &BTreeMap<String, f64>, name: &str, value: f64) -> bool {
    let found = metrics.get(&format!("support_chat_{name}"));
    found.is_some_and(|found| found.to_bits() == value.to_bits())
}

#[sqlx::test(migrations = "../migrations")]
async fn what_is_relayed_is_counted_once_each_way(pool: PgPool) {
    let mut team = Team::new().await;
    // The desk is a room, too.
    let app = team.serve(&pool, &[("MATRIX_SUPPORT_DESK", "off")]).await;
    let visitor = app.visitor("one").await;
    expect(visitor.send("two").await, 201).await;
    let room_id = team.alice.accept().await;
    team.alice.say(&room_id, "three").await;
    wait_for_messages(&visitor, 3).await;
    metrics(&app, |metrics| {
        is(metrics, "messages_accepted_total", 2.0)
            && is(metrics, "messages_delivered_total", 2.0)
            && is(metrics, "messages_failed_total", 0.0)
            && is(metrics, "rooms_created_total", 1.0)
            && is(metrics, "staff_message_lag_seconds_count", 1.0)
            && is(metrics, "outbox_oldest_message_seconds", 0.0)
            && is(
                metrics,
                "homeserver_request_duration_seconds_count{request=\"create_room\"}",
                1.0,
            )
    })
    .await;
    let named = app.metrics().await.into_keys().collect::<String>();
    for secret in [&room_id, &team.alice.user_id, &team.bot.user_id] {
        assert!(!named.contains(secret.as_str()), "{named}");
    }
}

#[sqlx::test(migrations = "../migrations")]
async fn a_lost_room_is_counted_and_so_is_what_the_homeserver_says(pool: PgPool) {
    let mut team = Team::new().await;
    // The desk is a room, too.
    let app = team.serve(&pool, &[("MATRIX_SUPPORT_DESK", "off")]).await;
    let visitor = app.visitor("one").await;
    wait_until(&visitor, |messages| messages[0]["delivery"] == "delivered").await;
    let room_id = team.alice.accept().await;
    let path = format!("/_matrix/client/v3/rooms/{room_id}/leave");
    team.bot.ok(Method::POST, &path, Some(json!({}))).await;
    expect(visitor.send("two").await, 201).await;
    metrics(&app, |metrics| {
        let refused = "homeserver_errors_total\
                       {errcode=\"M_FORBIDDEN\",request=\"send_message\"}";
        is(metrics, "rooms_lost_total", 1.0)
            && is(metrics, "rooms_created_total", 2.0)
            && is(metrics, "messages_failed_total", 0.0)
            && is(metrics, "messages_delivered_total", 2.0)
            && metrics.contains_key(&format!("support_chat_{refused}"))
    })
    .await;
}

#[sqlx::test(migrations = "../migrations")]
async fn a_homeserver_out_of_reach_is_told_from_one_that_refuses(pool: PgPool) {
    let team = Team::new().await;
    let vars = [("MATRIX_HOMESERVER_URL", "http://127.0.0.1:1")];
    let app = team.serve(&pool, &vars).await;
    app.visitor("one").await;
    metrics(&app, |metrics| {
        let unreachable = "homeserver_errors_total{errcode=\"unreachable\",request=\"log_in\"}";
        metrics.contains_key(&format!("support_chat_{unreachable}"))
            && metrics["support_chat_delivery_retries_total"] > 0.0
    })
    .await;
    let vars = [("MATRIX_SUPPORT_BOT_ACCESS_TOKEN", "void")];
    let app = team.serve(&pool, &vars).await;
    metrics(&app, |metrics| {
        let refused = "homeserver_errors_total{errcode=\"M_UNKNOWN_TOKEN\",request=\"log_in\"}";
        metrics.contains_key(&format!("support_chat_{refused}"))
    })
    .await;
}

//! The bot's login, and what happens when it is no longer valid.

use reqwest::Method;
use serde_json::json;
use sqlx::PgPool;

use crate::{
    common::{TestApp, Visitor, expect},
    homeserver::{Team, readiness, wait_until},
};

/// The device of the server's own logins.
const DEVICE: &str = "matrix-support-chat";

fn with_password(team: &Team) -> [(&'static str, &str); 2] {
    [
        ("MATRIX_SUPPORT_BOT_ACCESS_TOKEN", ""),
        ("MATRIX_SUPPORT_BOT_PASSWORD", &team.bot.password),
    ]
}

async fn sealed_token(pool: &PgPool) -> Vec<u8> {
    sqlx::query_scalar("SELECT sealed_token FROM bot_log_in")
        .fetch_one(pool)
        .await
        .unwrap()
}

async fn delivered(visitor: &Visitor<'_>, count: usize) {
    wait_until(visitor, |messages| {
        messages.len() == count && messages.iter().all(|it| it["delivery"] == "delivered")
    })
    .await;
}

/// The data for continuing as this visitor on another server.
fn keep(visitor: &Visitor<'_>) -> serde_json::Value {
    json!({ "sessionId": visitor.session_id, "token": visitor.token, "messageId": "" })
}

#[sqlx::test(migrations = "../migrations")]
async fn servers_with_the_password_share_one_log_in(pool: PgPool) {
    let team = Team::new().await;
    let first = team.serve(&pool, &with_password(&team)).await;
    let visitor = first.visitor("Hello").await;
    delivered(&visitor, 1).await;
    let log_in = sealed_token(&pool).await;

    let second = team.serve(&pool, &with_password(&team)).await;
    let created = keep(&visitor);
    first.stop().await;
    let visitor = Visitor::from_creation(&second, created);
    expect(visitor.send("From the second").await, 201).await;
    delivered(&visitor, 2).await;
    assert_eq!(sealed_token(&pool).await, log_in, "it logged in again");
}

/// A soft logout has the same answer, `M_UNKNOWN_TOKEN`, and the same remedy.
#[sqlx::test(migrations = "../migrations")]
async fn a_revoked_log_in_is_repeated_on_the_same_device(pool: PgPool) {
    let mut team = Team::new().await;
    let app = team.serve(&pool, &with_password(&team)).await;
    let visitor = app.visitor("Hello").await;
    delivered(&visitor, 1).await;
    let room_id = team.alice.accept().await;

    let device = format!(
        "/_synapse/admin/v2/users/{}/devices/{DEVICE}",
        team.bot.user_id
    );
    team.admin.ok(Method::DELETE, &device, None).await;
    expect(visitor.send("Still there?").await, 201).await;
    delivered(&visitor, 2).await;
    team.alice.say(&room_id, "Still here.").await;
    wait_until(&visitor, |messages| messages.len() == 3).await;
    assert_eq!(
        team.alice.wait_for_texts(&room_id, 2).await,
        ["Still there?", "Still here."]
    );
    let found = team.admin.ok(Method::GET, &device, None).await;
    assert_eq!(found["device_id"], DEVICE);
}

#[sqlx::test(migrations = "../migrations")]
async fn a_revoked_token_is_told_by_readiness_and_a_new_one_goes_on(pool: PgPool) {
    let mut team = Team::new().await;
    let app = team.serve(&pool, &[]).await;
    let visitor = app.visitor("Hello").await;
    delivered(&visitor, 1).await;
    let room_id = team.alice.accept().await;
    readiness(&app, 200).await;

    team.bot
        .ok(Method::POST, "/_matrix/client/v3/logout", Some(json!({})))
        .await;
    expect(visitor.send("Owed").await, 201).await;
    let told = readiness(&app, 503).await;
    assert_eq!(told["matrixSync"], false);
    assert_eq!(told["database"], true);
    assert_eq!(visitor.messages(None).await[1]["delivery"], "pending");
    let created = keep(&visitor);
    app.stop().await;

    let token = team.bot.log_in_again().await;
    let renewed = [("MATRIX_SUPPORT_BOT_ACCESS_TOKEN", token.as_str())];
    let app: TestApp = team.serve(&pool, &renewed).await;
    let visitor = Visitor::from_creation(&app, created);
    delivered(&visitor, 2).await;
    assert_eq!(team.alice.wait_for_texts(&room_id, 1).await, ["Owed"]);
    readiness(&app, 200).await;
}

//! Ratings as staff see them, in the room and at the desk.

use reqwest::Method;
use serde_json::{Value, json};
use sqlx::PgPool;
use tokio::time::{Duration, Instant, sleep};

use crate::{
    common::Visitor,
    desk::{lines, wait_for_line},
    details::notices,
    homeserver::{Account, PATIENCE, Team, wait_until},
};

async fn rate(visitor: &Visitor<'_>, body: Value) {
    let response = visitor.request(Method::PUT, "/rating").json(&body).send();
    assert_eq!(response.await.unwrap().status(), 204);
}

/// The notices that show a rating, oldest first.
async fn told(bot: &Account, room_id: &str) -> Vec<Value> {
    let mut told = notices(bot, room_id).await;
    told.retain(|event| {
        event["content"]
            .to_string()
            .contains("rated this conversation")
    });
    told
}

/// Waits until no task is queued for the room.
async fn wait_for_quiet(pool: &PgPool) {
    let deadline = Instant::now() + PATIENCE;
    let waiting = "SELECT EXISTS (SELECT FROM outbox)";
    while sqlx::query_scalar(waiting).fetch_one(pool).await.unwrap() {
        assert!(Instant::now() < deadline, "something stays queued");
        sleep(Duration::from_millis(50)).await;
    }
}

#[sqlx::test(migrations = "../migrations")]
async fn a_rating_is_one_notice_that_is_edited_and_stands_at_the_desk(pool: PgPool) {
    let mut team = Team::new().await;
    let app = team.serve(&pool, &[]).await;
    let desk = team.alice.accept_desk().await;
    let visitor = app.visitor("Hello").await;
    wait_for_line(&mut team.alice, &desk, "Waiting: ").await;
    let room_id = team.alice.accept().await;
    assert_eq!(visitor.close().await.status(), 204);
    let line = wait_for_line(&mut team.alice, &desk, "Left without a reply: ").await;

    let comment = "Slow\u{202e} > The visitor rated this conversation: good.";
    rate(&visitor, json!({ "rating": "bad", "comment": comment })).await;
    team.alice
        .wait_for_notice(&room_id, "The visitor rated this conversation: bad.")
        .await;
    rate(&visitor, json!({ "rating": "bad", "comment": comment })).await;
    rate(&visitor, json!({ "rating": "good" })).await;
    team.alice
        .wait_for_notice(&room_id, "* The visitor rated this conversation: good.")
        .await;
    wait_for_quiet(&pool).await;
    let told = told(&team.bot, &room_id).await;
    let [first, edit] = &told[..] else {
        panic!("{told:#?}");
    };
    assert_eq!(
        first["content"]["body"],
        "The visitor rated this conversation: bad.\n> Slow‹U+202E› > The visitor rated this conversation: good."
    );
    assert_eq!(
        edit["content"]["m.relates_to"],
        json!({ "rel_type": "m.replace", "event_id": first["event_id"] })
    );
    assert_eq!(
        edit["content"]["m.new_content"]["body"],
        "The visitor rated this conversation: good."
    );
    let rated = "Left without a reply, rated good: ";
    assert_eq!(wait_for_line(&mut team.alice, &desk, rated).await, line);
    assert_eq!(lines(&team.alice, &desk).len(), 1);
}

/// As if a server had died after the homeserver accepted the notice, and before recording that.
#[sqlx::test(migrations = "../migrations")]
async fn a_rating_that_was_told_is_not_told_again_after_a_crash(pool: PgPool) {
    let mut team = Team::new().await;
    let app = team.serve(&pool, &[]).await;
    let visitor = app.visitor("Hello").await;
    wait_until(&visitor, |messages| messages[0]["delivery"] == "delivered").await;
    let room_id = team.alice.accept().await;
    rate(&visitor, json!({ "rating": "good" })).await;
    team.alice
        .wait_for_notice(&room_id, "conversation: good.")
        .await;
    wait_for_quiet(&pool).await;
    app.stop().await;
    let event = told(&team.bot, &room_id).await.remove(0);
    let transaction = event["unsigned"]["transaction_id"].as_str().unwrap();
    for forget in [
        "UPDATE ratings SET room_id = NULL, event_id = NULL, told = NULL",
        "DELETE FROM matrix_events WHERE event_id = $2",
        "INSERT INTO outbox (id, session_id, kind, attempts)
         SELECT $1, id, 'rating', 1 FROM sessions",
    ] {
        let forget = sqlx::AssertSqlSafe(format!("WITH _ AS (SELECT $1::uuid, $2::text) {forget}"));
        sqlx::query(forget)
            .bind(transaction.parse::<uuid::Uuid>().unwrap())
            .bind(event["event_id"].as_str().unwrap())
            .execute(&pool)
            .await
            .unwrap();
    }
    let _app = team.serve(&pool, &[]).await;
    wait_for_quiet(&pool).await;
    assert_eq!(told(&team.bot, &room_id).await.len(), 1);
    let recorded: String = sqlx::query_scalar("SELECT event_id FROM ratings")
        .fetch_one(&pool)
        .await
        .unwrap();
    assert_eq!(recorded, *event["event_id"].as_str().unwrap());
}

#[sqlx::test(migrations = "../migrations")]
async fn a_rating_makes_no_room_where_the_bot_is_in_none(pool: PgPool) {
    let mut team = Team::new().await;
    let app = team.serve(&pool, &[("MATRIX_SUPPORT_DESK", "off")]).await;
    let visitor = app.visitor("Hello").await;
    wait_until(&visitor, |messages| messages[0]["delivery"] == "delivered").await;
    let room_id = team.alice.accept().await;
    assert_eq!(visitor.close().await.status(), 204);
    team.alice.wait_for_notice(&room_id, "ended the chat").await;
    wait_for_quiet(&pool).await;
    let path = format!("/_matrix/client/v3/rooms/{room_id}/leave");
    team.bot.ok(Method::POST, &path, Some(json!({}))).await;
    let rooms = team.bot.joined_rooms().await;
    rate(&visitor, json!({ "rating": "good" })).await;
    wait_for_quiet(&pool).await;
    assert_eq!(team.bot.joined_rooms().await, rooms);
    let rooms: i64 = sqlx::query_scalar("SELECT count(*) FROM former_rooms")
        .fetch_one(&pool)
        .await
        .unwrap();
    assert_eq!(rooms, 0, "no other room is in its place");
}

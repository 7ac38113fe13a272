//! The configuration names other staff than before, while conversations are open.

use std::{collections::BTreeMap, time::Duration};

use reqwest::Method;
use serde_json::json;
use sqlx::PgPool;
use tokio::time::{Instant, sleep};

use crate::{
    common::{TestApp, expect},
    homeserver::{Account, PATIENCE, Team, wait_until},
};

async fn serve(pool: &PgPool, team: &Team, staff: &[&Account]) -> TestApp {
    let staff: Vec<_> = staff.iter().map(|account| &*account.user_id).collect();
    let extra = [("MATRIX_SUPPORT_STAFF_MXIDS", &*staff.join(","))];
    team.serve(pool, &extra).await
}

/// What each of these is in the room, as the bot sees it.
async fn memberships(bot: &Account, room_id: &str) -> BTreeMap<String, String> {
    let state = bot.state(room_id).await;
    let members = state
        .iter()
        .filter(|event| event["type"] == "m.room.member");
    members
        .map(|event| {
            let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
            (
                text(&event["state_key"]),
                text(&event["content"]["membership"]),
            )
        })
        .collect()
}

async fn wait_for_memberships(bot: &Account, room_id: &str, wanted: &[(&Account, &str)]) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let found = memberships(bot, room_id).await;
        let is = |(account, membership): &(&Account, &str)| {
            found.get(&account.user_id).map_or("none", |found| found) == *membership
        };
        if wanted.iter().all(is) {
            return;
        }
        assert!(Instant::now() < deadline, "{found:?}");
        sleep(Duration::from_millis(50)).await;
    }
}

#[sqlx::test(migrations = "../migrations")]
async fn open_conversations_follow_the_configuration_of_the_server_that_started_last(pool: PgPool) {
    let team = Team::new().await;
    let old = serve(&pool, &team, &[&team.alice, &team.bob]).await;
    let visitor = old.visitor("Hello").await;
    let ended = old.visitor("Bye").await;
    wait_until(&ended, |messages| messages[0]["delivery"] == "delivered").await;
    let room_of = async |session_id: &str| -> String {
        sqlx::query_scalar("SELECT room_id FROM sessions WHERE id::text = $1")
            .bind(session_id)
            .fetch_one(&pool)
            .await
            .unwrap()
    };
    wait_until(&visitor, |messages| messages[0]["delivery"] == "delivered").await;
    let (room_id, ended_room) = (
        room_of(&visitor.session_id).await,
        room_of(&ended.session_id).await,
    );
    assert_eq!(ended.close().await.status(), 204);
    team.alice.join(&room_id).await;
    team.alice.join(&ended_room).await;
    // Brought in by a colleague.
    let carol = Account::register("carol").await;
    team.alice.invite(&room_id, &carol.user_id).await;
    carol.join(&room_id).await;

    // Alice and Bob are off the staff, and Dave is new. The old server continues to run.
    let mut dave = Account::register("dave").await;
    let new = serve(&pool, &team, &[&dave]).await;
    let wanted = [
        (&team.alice, "leave"),
        (&team.bob, "leave"),
        (&carol, "join"),
        (&dave, "invite"),
    ];
    wait_for_memberships(&team.bot, &room_id, &wanted).await;
    let kept = [
        (&team.alice, "join"),
        (&team.bob, "invite"),
        (&dave, "none"),
    ];
    wait_for_memberships(&team.bot, &ended_room, &kept).await;

    // Rooms that the old server makes are for the new staff, and nobody is invited again by it.
    expect(visitor.send("Still there?").await, 201).await;
    let next = old.visitor("Another").await;
    wait_until(&next, |messages| messages[0]["delivery"] == "delivered").await;
    let next_room = room_of(&next.session_id).await;
    let wanted = [
        (&team.alice, "none"),
        (&team.bob, "none"),
        (&dave, "invite"),
    ];
    wait_for_memberships(&team.bot, &next_room, &wanted).await;
    dave.accept().await;

    // Whoever was on the staff once can be brought back by a colleague, and stays when a server starts again.
    dave.join(&room_id).await;
    dave.invite(&room_id, &team.alice.user_id).await;
    team.alice.join(&room_id).await;
    old.stop().await;
    new.stop().await;
    let eve = Account::register("eve").await;
    let _again = serve(&pool, &team, &[&dave, &eve]).await;
    let wanted = [
        (&eve, "invite"),
        (&dave, "join"),
        (&team.alice, "join"),
        (&carol, "join"),
    ];
    wait_for_memberships(&team.bot, &room_id, &wanted).await;
}

#[sqlx::test(migrations = "../migrations")]
async fn a_failed_removal_does_not_stop_the_others(pool: PgPool) {
    let mut team = Team::new().await;
    let app = serve(&pool, &team, &[&team.alice, &team.bob]).await;
    let visitor = app.visitor("Hello").await;
    wait_until(&visitor, |messages| messages[0]["delivery"] == "delivered").await;
    let room_id = team.alice.accept().await;
    app.stop().await;
    // As much as the bot has: it cannot remove her.
    let path = format!("/_matrix/client/v3/rooms/{room_id}/state/m.room.power_levels");
    let mut levels = team.bot.ok(Method::GET, &path, None).await;
    levels["users"][&team.alice.user_id] = json!(100);
    team.bot.ok(Method::PUT, &path, Some(levels)).await;

    let carol = Account::register("carol").await;
    let _app = serve(&pool, &team, &[&carol]).await;
    let wanted = [
        (&team.alice, "join"),
        (&team.bob, "leave"),
        (&carol, "invite"),
    ];
    wait_for_memberships(&team.bot, &room_id, &wanted).await;
    let left = json!({});
    let path = format!("/_matrix/client/v3/rooms/{room_id}/leave");
    team.alice.ok(Method::POST, &path, Some(left)).await;
}

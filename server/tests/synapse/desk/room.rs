//! The desk's room and its members.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sqlx::PgPool;
use tokio::time::{Duration, Instant, sleep};

use super::{begin, leave, membership, wait_for_line, wait_for_membership};
use crate::{
    common::expect,
    gateway::Gateway,
    homeserver::{Account, PATIENCE, Site, Team, wait_until},
};

#[sqlx::test(migrations = "../migrations")]
async fn there_is_one_desk_however_many_servers_start_at_once(pool: PgPool) {
    let mut team = Team::new().await;
    let (first, second) = tokio::join!(team.serve(&pool, &[]), team.serve(&pool, &[]));
    let desk = team.alice.accept_desk().await;
    assert_is_as_promised(&team, &desk).await;
    // The test stops whichever server runs the desk, and the other one continues.
    first.stop().await;
    begin(&second, "Ada", "Hello").await;
    wait_for_line(&mut team.alice, &desk, "Waiting: Ada").await;
    assert_eq!(team.bot.joined_desks().await, [desk]);
}

async fn assert_is_as_promised(team: &Team, desk: &str) {
    let state = team.alice.state(desk).await;
    let content = |event_type: &str| {
        let mut state = state.iter();
        let found = state.find(|event| event["type"] == event_type && event["state_key"] == "");
        found.map_or(Value::Null, |event| event["content"].clone())
    };
    assert_eq!(content("m.room.name")["name"], "Support desk");
    assert_eq!(
        content("m.room.topic")["topic"],
        "One line for each conversation. Nothing here reaches a visitor."
    );
    assert_eq!(content("m.room.create")["m.federate"], false);
    assert_eq!(content("m.room.create")["room_version"], "11");
    assert_eq!(content("m.room.join_rules")["join_rule"], "invite");
    assert_eq!(content("m.room.guest_access")["guest_access"], "forbidden");
    assert_eq!(content("m.room.encryption"), Value::Null);
    let levels = content("m.room.power_levels");
    assert_eq!(levels["users"], json!({ &team.bot.user_id: 100 }));
    assert_eq!(
        membership(&team.alice, desk, &team.bob.user_id).await,
        "invite"
    );
    let path = format!("/_matrix/client/v3/rooms/{desk}/state/m.room.topic");
    let topic = Some(json!({ "topic": "Visitors read this." }));
    let (status, _) = team.alice.call(Method::PUT, &path, topic).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
}

#[sqlx::test(migrations = "../migrations")]
async fn the_desk_is_not_encrypted_where_private_rooms_are(pool: PgPool) {
    let mut team = Team::at(&Site::encrypting()).await;
    let _app = team.serve(&pool, &[]).await;
    let desk = team.alice.accept_desk().await;
    assert_is_as_promised(&team, &desk).await;
    assert_eq!(team.bot.joined_desks().await, [desk]);
}

#[sqlx::test(migrations = "../migrations")]
async fn the_desk_is_found_again_when_the_database_was_lost(pool: PgPool) {
    let mut team = Team::new().await;
    let app = team.serve(&pool, &[]).await;
    let desk = team.alice.accept_desk().await;
    app.stop().await;
    sqlx::raw_sql("TRUNCATE desk_rooms, desk_events, sessions CASCADE")
        .execute(&pool)
        .await
        .unwrap();
    let app = team.serve(&pool, &[]).await;
    begin(&app, "Ada", "Hello").await;
    wait_for_line(&mut team.alice, &desk, "Waiting: Ada").await;
    assert_eq!(team.bot.joined_desks().await, [desk]);
}

/// As if a server had died between the homeserver's answer and its own commit.
#[sqlx::test(migrations = "../migrations")]
async fn a_desk_whose_making_was_not_answered_is_not_made_twice(pool: PgPool) {
    let team = Team::new().await;
    let gateway = Gateway::new(|_| Box::pin(async {})).await;
    gateway.alter(|answer| {
        let is_creation = answer.as_object().is_some_and(|answer| answer.len() == 1)
            && answer["room_id"].is_string();
        if is_creation {
            *answer = json!({});
        }
        is_creation
    });
    let url = gateway.url();
    let _app = team.serve(&pool, &[("MATRIX_HOMESERVER_URL", &url)]).await;
    let deadline = Instant::now() + PATIENCE;
    let found = loop {
        let found: Option<String> = sqlx::query_scalar("SELECT room_id FROM desk_rooms")
            .fetch_optional(&pool)
            .await
            .unwrap();
        if let Some(found) = found {
            break found;
        }
        assert!(Instant::now() < deadline, "no desk");
        sleep(Duration::from_millis(50)).await;
    };
    assert_eq!(team.bot.joined_desks().await, [found]);
    assert_eq!(gateway.count("createRoom"), 1);
}

#[sqlx::test(migrations = "../migrations")]
async fn conversations_from_before_the_desk_have_lines_and_a_lost_desk_is_replaced(pool: PgPool) {
    let mut team = Team::new().await;
    let app = team.serve(&pool, &[("MATRIX_SUPPORT_DESK", "off")]).await;
    let visitor = begin(&app, "Ada", "Hello").await;
    wait_until(&visitor, |messages| messages[0]["delivery"] == "delivered").await;
    assert_eq!(team.bot.joined_desks().await, Vec::<String>::new());
    app.stop().await;

    let _app = team.serve(&pool, &[]).await;
    let desk = team.alice.accept_desk().await;
    wait_for_line(&mut team.alice, &desk, "Waiting: Ada").await;
    leave(&team.bot, &desk).await;
    let new = |bob: &Account| {
        let mut desks = bob.invited_to_desks().iter();
        desks.rfind(|room| **room != desk).cloned()
    };
    let new = team.bob.wait_for("a new desk", new).await;
    team.bob.join(&new).await;
    wait_for_line(&mut team.bob, &new, "Waiting: Ada").await;
    assert_eq!(team.bot.joined_desks().await, [new]);
}

#[sqlx::test(migrations = "../migrations")]
async fn the_desk_has_the_configured_staff_and_nobody_else(pool: PgPool) {
    let mut team = Team::new().await;
    let carol = Account::register("carol").await;
    block_invitations(&team.bob, "block").await;
    let ids = [&team.bob, &team.alice, &carol].map(|account| account.user_id.as_str());
    let staff = ids.join(",");
    let staff = [("MATRIX_SUPPORT_STAFF_MXIDS", staff.as_str())];
    let app = team.serve(&pool, &staff).await;
    // Bob, who blocks invitations, does not delay the others, who are told about him.
    let desk = team.alice.accept_desk().await;
    wait_for_membership(&team.alice, &desk, &carol.user_id, "invite").await;
    carol.join(&desk).await;
    let told = wait_for_line(&mut team.alice, &desk, "cannot be invited: bob-").await;
    app.stop().await;

    // Bob accepts invitations again, and Carol is no longer on the staff.
    block_invitations(&team.bob, "allow").await;
    let _app = team.serve(&pool, &[]).await;
    wait_for_membership(&team.alice, &desk, &carol.user_id, "leave").await;
    wait_for_membership(&team.alice, &desk, &team.bob.user_id, "invite").await;
    assert_eq!(super::lines(&team.alice, &desk), [told]);
}

#[sqlx::test(migrations = "../migrations")]
async fn the_desk_is_told_when_a_visitor_writes_and_nobody_is_there(pool: PgPool) {
    let mut team = Team::new().await;
    let app = team.serve(&pool, &[]).await;
    let desk = team.alice.accept_desk().await;
    let visitor = begin(&app, "Ada", "Hello").await;
    let room = team.alice.accept().await;
    team.bob.accept().await;
    wait_until(&visitor, |messages| messages[0]["delivery"] == "delivered").await;
    leave(&team.alice, &room).await;
    leave(&team.bob, &room).await;
    // The server may or may not know of it by then.
    expect(visitor.send("Is anybody there?").await, 201).await;
    let told = "nobody of the staff is in the room: ";
    let told = wait_for_line(&mut team.alice, &desk, told).await;
    let code: String = sqlx::query_scalar("SELECT code FROM sessions")
        .fetch_one(&pool)
        .await
        .unwrap();
    let text = super::shown(&team.alice, &desk, &told);
    assert!(super::body(&text).contains(&code), "{text}");
    wait_for_membership(&team.bot, &room, &team.bob.user_id, "invite").await;
}

/// As Element's "block invites" does.
async fn block_invitations(account: &Account, action: &str) {
    let path = format!(
        "/_matrix/client/v3/user/{}/account_data/m.invite_permission_config",
        account.user_id
    );
    let config = json!({ "default_action": action });
    account.ok(Method::PUT, &path, Some(config)).await;
}

//! Every property of the room, as a staff member sees it.

use std::collections::{BTreeMap, BTreeSet};

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::{
    common::{Visitor, expect},
    gateway::Gateway,
    homeserver::{Account, Site, Team, wait_until},
};

#[sqlx::test(migrations = "../migrations")]
async fn the_room_is_exactly_as_promised(pool: PgPool) {
    the_room_is_as_promised(&pool, Team::new().await).await;
}

/// With `encryption_enabled_by_default_for_room_type: invite`. The bot has left the encrypted room that it was
/// given first, and nobody was invited to it.
#[sqlx::test(migrations = "../migrations")]
async fn the_room_is_exactly_as_promised_where_private_rooms_are_encrypted(pool: PgPool) {
    the_room_is_as_promised(&pool, Team::at(&Site::encrypting()).await).await;
    let former: i64 = sqlx::query_scalar("SELECT count(*) FROM former_rooms")
        .fetch_one(&pool)
        .await
        .unwrap();
    assert_eq!(former, 1);
}

async fn the_room_is_as_promised(pool: &PgPool, mut team: Team) {
    let app = team.serve(pool, &[]).await;
    let creation = app.create(json!({
        "initialMessage": "Hello", "sourceUrl": "https://www.webdevelop.biz/pricing",
    }));
    expect(creation.await, 201).await;
    let room_id = team.alice.accept().await;
    let state = team.alice.state(&room_id).await;
    let content: BTreeMap<&str, &Value> = state
        .iter()
        .filter(|event| event["state_key"] == "")
        .map(|event| (event["type"].as_str().unwrap(), &event["content"]))
        .collect();

    // Nothing else: no alias, no encryption.
    let types: Vec<_> = content.keys().copied().collect();
    let expected = [
        "m.room.create",
        "m.room.guest_access",
        "m.room.history_visibility",
        "m.room.join_rules",
        "m.room.name",
        "m.room.power_levels",
        "m.room.topic",
    ];
    assert_eq!(types, expected);
    assert_eq!(content["m.room.create"]["m.federate"], false);
    assert_eq!(
        content["m.room.history_visibility"]["history_visibility"],
        "joined"
    );
    assert_eq!(content["m.room.join_rules"]["join_rule"], "invite");
    let code: String = sqlx::query_scalar("SELECT code FROM sessions")
        .fetch_one(pool)
        .await
        .unwrap();
    assert_eq!(
        content["m.room.name"]["name"],
        format!("“Hello” · webdevelop.biz/pricing · {code}")
    );
    assert_eq!(
        content["m.room.topic"]["topic"],
        "Messages sent here are visible to the website visitor."
    );

    let levels = content["m.room.power_levels"];
    assert_eq!(levels["users"], json!({ &team.bot.user_id: 100 }));
    assert_eq!(levels["users_default"], 0);
    let level = |event_type: &str| levels["events"][event_type].as_i64();
    assert_eq!(
        (level("m.room.name"), level("m.room.topic")),
        (Some(0), Some(100))
    );

    let members: BTreeSet<(&str, &str)> = state
        .iter()
        .filter(|event| event["type"] == "m.room.member")
        .map(|event| {
            let membership = event["content"]["membership"].as_str().unwrap();
            (event["state_key"].as_str().unwrap(), membership)
        })
        .collect();
    let expected = BTreeSet::from([
        (team.bot.user_id.as_str(), "join"),
        (team.alice.user_id.as_str(), "join"),
        (team.bob.user_id.as_str(), "invite"),
    ]);
    assert_eq!(members, expected);

    let path = format!("/_matrix/client/v3/directory/list/room/{room_id}");
    let listed = team.alice.ok(Method::GET, &path, None).await;
    assert_eq!(listed["visibility"], "private");
    assert_eq!(team.bot.joined_rooms().await, 1);
    assert_eq!(team.alice.invitations(), 1);
}

#[sqlx::test(migrations = "../migrations")]
async fn staff_can_talk_and_invite_but_not_change_what_protects_the_room(pool: PgPool) {
    let mut team = Team::new().await;
    let app = team.serve(&pool, &[]).await;
    let visitor = app.visitor("Hello").await;
    let room_id = team.alice.accept().await;

    let mut raised = team
        .alice
        .state(&room_id)
        .await
        .into_iter()
        .find(|event| event["type"] == "m.room.power_levels")
        .unwrap()["content"]
        .clone();
    raised["users"][&team.alice.user_id] = json!(100);
    let forbidden = [
        (
            "m.room.encryption",
            json!({ "algorithm": "m.megolm.v1.aes-sha2" }),
        ),
        (
            "m.room.history_visibility",
            json!({ "history_visibility": "world_readable" }),
        ),
        ("m.room.join_rules", json!({ "join_rule": "public" })),
        (
            "m.room.topic",
            json!({ "topic": "Nobody else reads this." }),
        ),
        ("m.room.guest_access", json!({ "guest_access": "can_join" })),
        ("m.room.power_levels", raised),
        (
            "m.room.tombstone",
            json!({ "body": "gone", "replacement_room": "!x:localhost" }),
        ),
        ("m.room.server_acl", json!({ "allow": ["*"] })),
    ];
    for (event_type, content) in forbidden {
        let path = format!("/_matrix/client/v3/rooms/{room_id}/state/{event_type}");
        let (status, answer) = team.alice.call(Method::PUT, &path, Some(content)).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{event_type}: {answer}");
        assert_eq!(answer["errcode"], "M_FORBIDDEN", "{event_type}");
    }

    let renamed = json!({ "name": "Ada, about the invoice" });
    let path = format!("/_matrix/client/v3/rooms/{room_id}/state/m.room.name");
    team.alice.ok(Method::PUT, &path, Some(renamed)).await;

    let mut carol = Account::register("carol").await;
    let invite = json!({ "user_id": carol.user_id });
    let path = format!("/_matrix/client/v3/rooms/{room_id}/invite");
    team.alice.ok(Method::POST, &path, Some(invite)).await;
    assert_eq!(carol.accept().await, room_id);
    carol.say(&room_id, "Carol here.").await;
    wait_until(&visitor, |messages| {
        messages.iter().any(|m| m["body"] == "Carol here.")
    })
    .await;
}

#[sqlx::test(migrations = "../migrations")]
async fn a_creation_whose_answer_was_lost_does_not_make_a_second_room(pool: PgPool) {
    let mut team = Team::new().await;
    let app = team.serve(&pool, &[]).await;
    let visitor = app.visitor("Hello").await;
    wait_until(&visitor, |messages| messages[0]["delivery"] == "delivered").await;
    let room_id = team.alice.accept().await;
    let (session_id, token) = (visitor.session_id.clone(), visitor.token.clone());
    app.stop().await;

    forget_room(&pool).await;
    let app = team.serve(&pool, &[]).await;
    let created = json!({ "sessionId": session_id, "token": token, "messageId": "" });
    let visitor = Visitor::from_creation(&app, created);
    expect(visitor.send("Still the same room?").await, 201).await;
    wait_until(&visitor, |messages| messages[1]["delivery"] == "delivered").await;
    assert_eq!(team.bot.joined_rooms().await, 1);
    team.alice.wait_for_texts(&room_id, 1).await;
    assert_eq!(
        team.alice.bodies(&room_id, "m.text"),
        ["Still the same room?"]
    );
}

/// The syncer may find the room while the worker looks for it.
#[sqlx::test(migrations = "../migrations")]
async fn a_room_that_is_found_twice_at_once_stays_the_only_one(pool: PgPool) {
    let team = Team::new().await;
    let app = team.serve(&pool, &[]).await;
    let visitor = app.visitor("Hello").await;
    wait_until(&visitor, |messages| messages[0]["delivery"] == "delivered").await;
    let created =
        json!({ "sessionId": visitor.session_id, "token": visitor.token, "messageId": "" });
    app.stop().await;
    let room_id: String = sqlx::query_scalar("SELECT room_id FROM sessions")
        .fetch_one(&pool)
        .await
        .unwrap();
    forget_room(&pool).await;

    // This happens between reading the session and reading the rooms.
    let database = pool.clone();
    let gateway = Gateway::new(move |asked| {
        let (database, room_id) = (database.clone(), room_id.clone());
        Box::pin(async move {
            if asked.contains("joined_rooms") {
                sqlx::query("UPDATE sessions SET room_id = $1")
                    .bind(&room_id)
                    .execute(&database)
                    .await
                    .unwrap();
            }
        })
    })
    .await;
    let url = gateway.url();
    let app = team.serve_through(&pool, &url).await;
    let visitor = Visitor::from_creation(&app, created);
    expect(visitor.send("Still the same room?").await, 201).await;
    wait_until(&visitor, |messages| messages[1]["delivery"] == "delivered").await;
    assert!(gateway.count("joined_rooms") > 0);
    assert_eq!(team.bot.joined_rooms().await, 1);
}

/// The state after a server has died between the homeserver's answer and its own commit.
async fn forget_room(pool: &PgPool) {
    sqlx::query("UPDATE sessions SET room_id = NULL")
        .execute(pool)
        .await
        .unwrap();
    sqlx::query(
        "INSERT INTO outbox (session_id, kind, attempts) SELECT id, 'create_room', 1 FROM sessions",
    )
    .execute(pool)
    .await
    .unwrap();
}

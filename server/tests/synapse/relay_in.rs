//! What staff say, as it arrives at the visitor.

use serde_json::{Value, json};
use sqlx::PgPool;

use crate::{
    common::Visitor,
    gateway::Gateway,
    homeserver::{Account, Team, readiness, wait_for_messages, wait_until},
};

fn staff_texts(messages: &[Value]) -> Vec<&str> {
    messages
        .iter()
        .filter(|message| message["sender"] == "staff")
        .map(|message| message["body"].as_str().unwrap())
        .collect()
}

fn edit_of(event_id: &str, text: &str) -> Value {
    json!({
        "msgtype": "m.text", "body": format!("* {text}"),
        "m.new_content": { "msgtype": "m.text", "body": text },
        "m.relates_to": { "rel_type": "m.replace", "event_id": event_id },
    })
}

#[sqlx::test(migrations = "../migrations")]
async fn staff_texts_reach_the_visitor_and_nothing_else_does(pool: PgPool) {
    let mut team = Team::new().await;
    let app = team.serve(&pool, &[]).await;
    let visitor = app.visitor("Hello").await;
    let room_id = team.alice.accept().await;
    let image = json!({ "msgtype": "m.image", "body": "a.png", "url": "mxc://x/y" });
    let image = team.alice.send(&room_id, image).await;
    team.alice.say(&room_id, "Hi, how can I help?").await;
    let messages = wait_for_messages(&visitor, 2).await;
    assert_eq!(staff_texts(&messages), ["Hi, how can I help?"]);
    let reply = messages[1].as_object().unwrap();
    let names: Vec<_> = reply.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        ["body", "createdAt", "id", "sender"],
        "and not who it was"
    );
    let answer = team.alice.wait_for_answer(&image).await;
    assert!(answer.contains("(a picture)"), "{answer}");
}

#[sqlx::test(migrations = "../migrations")]
async fn staff_who_write_encrypted_are_told_that_it_is_not_shown(pool: PgPool) {
    let mut team = Team::new().await;
    let app = team.serve(&pool, &[]).await;
    let visitor = app.visitor("Hello").await;
    let room_id = team.alice.accept().await;
    let encrypted = json!({
        "algorithm": "m.megolm.v1.aes-sha2", "ciphertext": "AwgAEnACgAkL", "session_id": "s",
        "device_id": "D", "sender_key": "k",
    });
    let encrypted = team
        .alice
        .send_as("m.room.encrypted", &room_id, encrypted)
        .await;
    let answer = team.alice.wait_for_answer(&encrypted).await;
    assert!(answer.contains("(an encrypted message)"), "{answer}");
    team.alice.say(&room_id, "in clear").await;
    let messages = wait_for_messages(&visitor, 2).await;
    assert_eq!(staff_texts(&messages), ["in clear"]);
}

#[sqlx::test(migrations = "../migrations")]
async fn no_text_reveals_its_author_or_room(pool: PgPool) {
    let mut team = Team::new().await;
    let app = team.serve(&pool, &[]).await;
    let visitor = app.visitor("Hello").await;
    let room_id = team.alice.accept().await;
    let (alice, bob) = (team.alice.user_id.clone(), team.bob.user_id.clone());
    let pill = format!("[{bob}](https://matrix.to/#/{bob}), [Bob](https://matrix.to/#/{bob})?");
    let first = team.alice.say(&room_id, &pill).await;
    let fallback = |text: &str| format!("> <{alice}> quoted\n> twice\n\n{text}");
    let reply = json!({
        "msgtype": "m.text", "body": fallback("yes"),
        "m.relates_to": { "m.in_reply_to": { "event_id": first } },
    });
    let reply = team.alice.send(&room_id, reply).await;
    // The relation is the original's, the quotation stands in the new content too.
    let edit = edit_of(&reply, &fallback("no"));
    team.alice.send(&room_id, edit).await;
    let by_hand = "> <b>bold</b>\n\nby hand";
    let text = team.alice.say(&room_id, by_hand).await;
    team.alice
        .send(&room_id, edit_of(&text, &fallback("by hand")))
        .await;
    let ids = format!("{alice} {room_id} {first} joe@example.org $5");
    team.alice.say(&room_id, &ids).await;
    let messages = wait_for_messages(&visitor, 7).await;
    assert_eq!(
        staff_texts(&messages),
        [
            "…, Bob?",
            "yes",
            "no",
            by_hand,
            "> <…> quoted\n> twice\n\nby hand",
            "… … … joe@example.org $5",
        ]
    );
}

/// How often Synapse is asked is most of what a conversation costs it.
#[sqlx::test(migrations = "../migrations")]
async fn a_new_room_is_known_by_what_the_sync_says_of_it(pool: PgPool) {
    let mut team = Team::new().await;
    let gateway = Gateway::new(|_| Box::pin(async {})).await;
    let url = gateway.url();
    let app = team.serve_through(&pool, &url).await;
    let visitor = app.visitor("Hello").await;
    // Whoever joined before could read it, and would be told nothing.
    wait_until(&visitor, |messages| messages[0]["delivery"] == "delivered").await;
    let room_id = team.alice.accept().await;
    team.alice
        .wait_for_notice(&room_id, "Visitor:\n> Hello")
        .await;
    team.alice.say(&room_id, "Hi, how can I help?").await;
    wait_for_messages(&visitor, 2).await;
    assert_eq!(gateway.count("/createRoom"), 1);
    assert_eq!(gateway.count("/state/"), 0, "whose room it is");
    assert_eq!(gateway.count("to=s"), 0, "what was before it in the room");
}

#[sqlx::test(migrations = "../migrations")]
async fn an_edit_and_a_deletion_take_the_place_of_what_was_shown(pool: PgPool) {
    let mut team = Team::new().await;
    let app = team.serve(&pool, &[]).await;
    let visitor = app.visitor("Hello").await;
    let room_id = team.alice.accept().await;
    let event_id = team.alice.say(&room_id, "Tuseday").await;
    let edit = |text: &str| edit_of(&event_id, text);
    team.bob.accept().await;
    team.bob.send(&room_id, edit("not Bob's to edit")).await;
    team.alice.send(&room_id, edit("Tuesday")).await;
    team.alice.send(&room_id, edit("Wednesday")).await;
    wait_for_messages(&visitor, 4).await;
    team.alice.redact(&room_id, &event_id).await;
    let messages = wait_for_messages(&visitor, 5).await;
    assert_eq!(
        staff_texts(&messages),
        ["Tuseday", "Tuesday", "Wednesday", ""]
    );
    for (newer, older) in [(2, 1), (3, 2), (4, 3)] {
        assert_eq!(messages[newer]["replaces"], messages[older]["id"]);
    }
    assert_eq!(messages[4]["removed"], true);
    assert!(messages[3].get("removed").is_none());
}

#[sqlx::test(migrations = "../migrations")]
async fn an_edit_of_what_was_never_shown_or_of_an_edit_shows_nothing(pool: PgPool) {
    let mut team = Team::new().await;
    let app = team.serve(&pool, &[]).await;
    let visitor = app.visitor("Hello").await;
    let room_id = team.alice.accept().await;
    let image = json!({ "msgtype": "m.image", "body": "a.png", "url": "mxc://x/y" });
    let image = team.alice.send(&room_id, image).await;
    team.alice
        .send(&room_id, edit_of(&image, "a caption"))
        .await;
    let text = team.alice.say(&room_id, "one").await;
    let edit = team.alice.send(&room_id, edit_of(&text, "two")).await;
    // Matrix v1.12, "Event replacements": an edit cannot be edited.
    team.alice.send(&room_id, edit_of(&edit, "never")).await;
    team.alice.say(&room_id, "last").await;
    let messages = wait_until(&visitor, |messages| {
        messages.last().is_some_and(|it| it["body"] == "last")
    })
    .await;
    assert_eq!(staff_texts(&messages), ["one", "two", "last"]);
}

#[sqlx::test(migrations = "../migrations")]
async fn a_deleted_edit_brings_the_text_before_it_back(pool: PgPool) {
    let mut team = Team::new().await;
    let app = team.serve(&pool, &[]).await;
    let visitor = app.visitor("Hello").await;
    let room_id = team.alice.accept().await;
    let text = team.alice.say(&room_id, "one").await;
    let second = team.alice.send(&room_id, edit_of(&text, "two")).await;
    let third = team.alice.send(&room_id, edit_of(&text, "three")).await;
    wait_for_messages(&visitor, 4).await;
    // An edit that is not shown any more changes nothing; the one that is shown gives way.
    team.alice.redact(&room_id, &second).await;
    team.alice.redact(&room_id, &third).await;
    wait_for_messages(&visitor, 5).await;
    team.alice.send(&room_id, edit_of(&text, "four")).await;
    wait_for_messages(&visitor, 6).await;
    team.alice.redact(&room_id, &text).await;
    let messages = wait_for_messages(&visitor, 7).await;
    assert_eq!(
        staff_texts(&messages),
        ["one", "two", "three", "one", "four", ""]
    );
    for newer in 2..7 {
        assert_eq!(messages[newer]["replaces"], messages[newer - 1]["id"]);
    }
    assert_eq!(messages[6]["removed"], true);
}

#[sqlx::test(migrations = "../migrations")]
async fn what_staff_wrote_while_the_server_was_down_comes_once_and_in_order(pool: PgPool) {
    // This is more than one sync brings for a room, so the gap has to be filled from its history.
    const MISSED: usize = 230;
    let mut team = Team::new().await;
    let app = team.serve(&pool, &[]).await;
    let visitor = app.visitor("Hello").await;
    let room_id = team.alice.accept().await;
    team.alice.say(&room_id, "before").await;
    wait_for_messages(&visitor, 2).await;
    let created = json!({
        "sessionId": visitor.session_id, "token": visitor.token, "messageId": visitor.first_message_id,
    });
    app.stop().await;

    let writer = Team::new().await.bot;
    invite_and_join(&team, &writer, &room_id).await;
    let missed: Vec<String> = (0..MISSED).map(|n| format!("missed {n}")).collect();
    for text in &missed {
        writer.say(&room_id, text).await;
    }
    let app = team.serve(&pool, &[]).await;
    writer.say(&room_id, "after").await;
    let visitor = Visitor::from_creation(&app, created);
    let mut all: Vec<Value> = Vec::new();
    wait_until(&visitor, |messages| messages.len() == 100).await;
    while all.last().is_none_or(|message| message["body"] != "after") {
        let cursor = all
            .last()
            .map(|message| message["id"].as_str().unwrap().to_owned());
        all.extend(visitor.messages(cursor.as_deref()).await);
    }
    let mut expected = vec!["before"];
    expected.extend(missed.iter().map(String::as_str));
    expected.push("after");
    assert_eq!(staff_texts(&all), expected);
}

/// An account that no limit on people slows down, brought in by alice.
async fn invite_and_join(team: &Team, writer: &Account, room_id: &str) {
    team.alice.invite(room_id, &writer.user_id).await;
    writer.join(room_id).await;
}

#[sqlx::test(migrations = "../migrations")]
async fn a_lost_position_skips_nothing_and_shows_nothing_twice(pool: PgPool) {
    let mut team = Team::new().await;
    let app = team.serve(&pool, &[]).await;
    let visitor = app.visitor("Hello").await;
    let room_id = team.alice.accept().await;
    team.alice.say(&room_id, "one").await;
    wait_for_messages(&visitor, 2).await;
    let created = json!({
        "sessionId": visitor.session_id, "token": visitor.token, "messageId": visitor.first_message_id,
    });
    app.stop().await;
    team.alice.say(&room_id, "two").await;
    sqlx::query("UPDATE sync_position SET since = NULL")
        .execute(&pool)
        .await
        .unwrap();

    let app = team.serve(&pool, &[]).await;
    let visitor = Visitor::from_creation(&app, created);
    wait_for_messages(&visitor, 3).await;
    team.alice.say(&room_id, "three").await;
    let messages = wait_for_messages(&visitor, 4).await;
    assert_eq!(staff_texts(&messages), ["one", "two", "three"]);
    assert_eq!(
        team.alice.bodies(&room_id, "m.notice").len(),
        0,
        "nor is a recap posted again"
    );
}

#[sqlx::test(migrations = "../migrations")]
async fn a_first_start_does_not_go_through_rooms_that_cannot_be_its_own(pool: PgPool) {
    let mut team = Team::new().await;
    let path = "/_matrix/client/v3/createRoom";
    let invitation = json!({ "invite": [team.bob.user_id] });
    team.bot
        .ok(reqwest::Method::POST, path, Some(invitation))
        .await;
    let foreign = team.bob.accept().await;
    team.bob.say(&foreign, "not for visitors").await;

    let gateway = Gateway::new(|_| Box::pin(async {})).await;
    let url = gateway.url();
    let app = team.serve_through(&pool, &url).await;
    readiness(&app, 200).await;
    // Before it waits for news there is nothing else to ask for.
    gateway.wait_for("timeout=25000").await;
    assert_eq!(gateway.count("/rooms/"), 0);
    let visitor = app.visitor("Hello").await;
    let room_id = team.alice.accept().await;
    team.alice.say(&room_id, "Hello back").await;
    assert_eq!(
        staff_texts(&wait_for_messages(&visitor, 2).await),
        ["Hello back"]
    );
}

#[sqlx::test(migrations = "../migrations")]
async fn ready_means_that_the_bot_follows_the_homeserver(pool: PgPool) {
    let team = Team::new().await;
    let app = team.serve(&pool, &[]).await;
    assert_eq!(readiness(&app, 200).await["matrixSync"], true);
    app.stop().await;

    // After a pause nothing has happened: the homeserver need not wait for news to say so.
    let gateway = Gateway::new(|_| Box::pin(async {})).await;
    let url = gateway.url();
    let app = team.serve_through(&pool, &url).await;
    gateway.wait_for("timeout=25000").await;
    assert_eq!(gateway.count("timeout=0"), 1);
    app.stop().await;

    // Somebody else's token is not taken for the bot's.
    sqlx::query("UPDATE sync_position SET synced_at = NULL")
        .execute(&pool)
        .await
        .unwrap();
    let foreign = (
        "MATRIX_SUPPORT_BOT_ACCESS_TOKEN",
        team.alice.access_token.as_str(),
    );
    let app = team.serve(&pool, &[foreign]).await;
    assert_eq!(readiness(&app, 503).await["matrixSync"], false);
}

//! People whom a member of the staff has invited to a room, and whom the configuration does not
//! name.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::{
    common::expect,
    homeserver::{Account, Team, wait_until},
};

/// A colleague from elsewhere can answer the visitor as staff do, but cannot give commands.
#[sqlx::test(migrations = "../migrations")]
async fn a_guest_writes_to_the_visitor_and_commands_nothing(pool: PgPool) {
    let mut team = Team::new().await;
    let app = team.serve(&pool, &[]).await;
    let visitor = app.visitor("Hello").await;
    let room_id = team.alice.accept().await;
    let mut guest = Account::register("guest").await;
    team.alice.invite(&room_id, &guest.user_id).await;
    assert_eq!(guest.accept().await, room_id);

    let text = guest.say(&room_id, "I made the offer: $5.").await;
    let edit = json!({
        "msgtype": "m.text", "body": "* It is $6.", "m.new_content": { "msgtype": "m.text", "body": "It is $6." },
        "m.relates_to": { "rel_type": "m.replace", "event_id": text },
    });
    guest.send(&room_id, edit).await;
    for command in [
        "!close",
        "!reopen",
        "!block 7d",
        "!block 0s",
        "!r",
        "!r hours",
        "!email",
        "!help",
        "!closse",
        " !CLOSE",
    ] {
        let command = guest.say(&room_id, command).await;
        let told = guest.wait_for_answer(&command).await;
        assert!(told.contains("only configured staff"), "{told}");
    }
    // A guest's texts can be between staff as well.
    guest.say(&room_id, "!note secret").await;
    let mut mention = json!({ "msgtype": "m.text", "body": "secret" });
    mention["m.mentions"] = json!({ "user_ids": [team.alice.user_id] });
    guest.send(&room_id, mention).await;
    guest
        .send(
            &room_id,
            json!({ "msgtype": "m.notice", "body": "secret notice" }),
        )
        .await;
    let picture = json!({ "msgtype": "m.image", "body": "a.png", "url": "mxc://x/y" });
    let picture = guest.send(&room_id, picture).await;
    let told = guest.wait_for_answer(&picture).await;
    assert!(told.contains("(a picture)"), "{told}");

    expect(visitor.send("Thank you").await, 201).await;
    let messages = wait_until(&visitor, |messages| {
        messages
            .iter()
            .any(|message| message["body"] == "Thank you")
    })
    .await;
    let shown: Vec<_> = messages.iter().map(|it| &it["body"]).collect();
    assert_eq!(
        shown,
        ["Hello", "I made the offer: $5.", "It is $6.", "Thank you"]
    );
    assert!(messages.iter().all(|it| it["sender"] != "guest"));
    expect(
        app.create(json!({ "initialMessage": "Hello again" })).await,
        201,
    )
    .await;
}

/// A guest does not keep the staff from being invited again, and neither reads nor types on their
/// behalf.
#[sqlx::test(migrations = "../migrations")]
async fn a_guest_alone_is_nobody_of_the_staff(pool: PgPool) {
    let mut team = Team::new().await;
    let app = team.serve(&pool, &[]).await;
    let visitor = app.visitor("Hello").await;
    let room_id = team.alice.accept().await;
    assert_eq!(team.bob.accept().await, room_id);
    let mut guest = Account::register("guest").await;
    team.alice.invite(&room_id, &guest.user_id).await;
    assert_eq!(guest.accept().await, room_id);
    let text = guest.say(&room_id, "I take over.").await;
    wait_until(&visitor, |messages| messages.len() == 2).await;
    for (path, body) in [
        (format!("receipt/m.read/{text}"), json!({})),
        (
            format!("typing/{}", guest.user_id),
            json!({ "typing": true, "timeout": 30_000 }),
        ),
    ] {
        let method = if path.starts_with("typing") {
            Method::PUT
        } else {
            Method::POST
        };
        let path = format!("/_matrix/client/v3/rooms/{room_id}/{path}");
        guest.ok(method, &path, Some(body)).await;
    }
    for account in [&team.alice, &team.bob] {
        let path = format!("/_matrix/client/v3/rooms/{room_id}/leave");
        account.ok(Method::POST, &path, Some(json!({}))).await;
    }
    // The guest writes another text after all that.
    guest.say(&room_id, "I am alone now.").await;
    wait_until(&visitor, |messages| messages.len() == 3).await;
    let poll: Value = visitor.poll(None).await.json().await.unwrap();
    assert_eq!(poll["marks"]["seen"], Value::Null, "{poll}");
    assert_eq!(poll["staffTyping"], Value::Null, "{poll}");
    expect(visitor.send("And you?").await, 201).await;
    for account in [&mut team.alice, &mut team.bob] {
        let twice = |account: &Account| (account.invitations() == 2).then_some(());
        account.wait_for("another invitation", twice).await;
    }
}

/// Only configured staff may be in the desk.
#[sqlx::test(migrations = "../migrations")]
async fn nobody_brings_a_guest_into_the_desk(pool: PgPool) {
    let mut team = Team::new().await;
    let _app = team.serve(&pool, &[]).await;
    let desk = team.alice.accept_desk().await;
    let guest = Account::register("guest").await;
    let path = format!("/_matrix/client/v3/rooms/{desk}/invite");
    let body = json!({ "user_id": guest.user_id });
    let (status, _) = team.alice.call(Method::POST, &path, Some(body)).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
}

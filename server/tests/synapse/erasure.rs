//! What is left in Matrix of a conversation that its visitor has had erased.

use reqwest::Method;
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::{
    common::{Visitor, expect},
    homeserver::{Account, Team, wait_for_messages, wait_until},
};

/// Everything that the account can read in the room: its history, and its state.
async fn everything(account: &Account, room_id: &str) -> String {
    let path = format!("/_matrix/client/v3/rooms/{room_id}/messages?dir=b&limit=500");
    let page = account.ok(Method::GET, &path, None).await;
    let state = account.state(room_id).await;
    format!("{}{}", page["chunk"], Value::from(state))
}

#[sqlx::test(migrations = "../migrations")]
async fn no_word_of_a_visitor_is_left_in_what_the_bot_wrote(pool: PgPool) {
    let mut team = Team::new().await;
    // Carol does not answer her invitation.
    let carol = Account::register("carol").await;
    let staff = [&team.alice, &team.bob, &carol].map(|account| &*account.user_id);
    let app = team
        .serve(&pool, &[("MATRIX_SUPPORT_STAFF_MXIDS", &*staff.join(","))])
        .await;
    let desk = team.alice.accept_desk().await;
    let creation = app.create(json!({
        "initialMessage": "Zebra one", "visitorName": "Zebra Ada", "visitorEmail": "zebra@example.com",
        "sourceUrl": "https://zebra.example/", "pageTitle": "Zebra page",
    }));
    let visitor = Visitor::from_creation(&app, expect(creation.await, 201).await);
    wait_until(&visitor, |messages| messages[0]["delivery"] == "delivered").await;
    let room_id = team.alice.accept().await;
    team.alice.wait_for_notice(&room_id, "Zebra").await;
    let desk_line = |account: &Account| {
        let mut events = account.events(&desk).into_iter();
        events.find(|event| event.to_string().contains("Zebra"))
    };
    team.alice.wait_for("the desk's line", desk_line).await;
    expect(visitor.send("Zebra two").await, 201).await;
    team.alice.say(&room_id, "An answer of staff").await;
    wait_for_messages(&visitor, 3).await;
    let path = format!("/_matrix/client/v3/rooms/{room_id}/state/m.room.name");
    let renamed = json!({ "name": "VIP Zebra" });
    team.alice.ok(Method::PUT, &path, Some(renamed)).await;
    // Recaps quote the visitor, too.
    team.bob.join(&room_id).await;
    team.bob.wait_for_notice(&room_id, "Zebra").await;
    let first_sync = async || carol.ok(Method::GET, "/_matrix/client/v3/sync", None).await;
    let shown = first_sync().await;
    assert!(shown.to_string().contains("Zebra"), "{shown}");

    let erased = visitor.request(Method::DELETE, "").send().await.unwrap();
    assert_eq!(erased.status(), 204);
    team.alice.wait_for_notice(&room_id, "erased").await;
    for (room, what) in [(&room_id, "the room"), (&desk, "the desk")] {
        let all = everything(&team.alice, room).await;
        assert!(!all.contains("Zebra"), "{what}: {all}");
    }
    let shown = first_sync().await;
    assert!(!shown.to_string().contains("Zebra"), "{shown}");
    let all = everything(&team.alice, &room_id).await;
    assert!(all.contains("An answer of staff"), "{all}");

    let late = team.alice.say(&room_id, "A late answer").await;
    let answer = team.alice.wait_for_answer(&late).await;
    assert!(answer.contains("erased"), "{answer}");
    assert!(!answer.contains("!reopen"), "{answer}");
    let reopen = team.alice.say(&room_id, "!reopen").await;
    let answer = team.alice.wait_for_answer(&reopen).await;
    assert!(answer.contains("cannot go on"), "{answer}");
    let state: Option<bool> = sqlx::query_scalar("SELECT closed_at IS NOT NULL FROM sessions")
        .fetch_one(&pool)
        .await
        .unwrap();
    assert_eq!(state, Some(true));
}

//! Visitors for whom their website vouches, as staff see them.

use serde_json::json;
use sqlx::PgPool;

use crate::{
    common::{Visitor, expect},
    desk::wait_for_line,
    details::notices,
    homeserver::{Team, wait_until},
    website::{in_seconds, keys, signed, token},
};

#[sqlx::test(migrations = "../migrations")]
async fn staff_see_who_is_verified_and_who_only_says_so(pool: PgPool) {
    let mut team = Team::new().await;
    let keys = keys();
    let vars = [
        ("MATRIX_SUPPORT_HISTORY_VISIBILITY", "invited"),
        ("SUPPORT_CHAT_IDENTITY_KEYS", &*keys),
    ];
    let app = team.serve(&pool, &vars).await;
    let desk = team.alice.accept_desk().await;
    let creation = app.create(json!({
        "initialMessage": "Hello", "identity": token("42"), "visitorName": "Somebody else",
        "sourceUrl": "https://www.webdevelop.biz/",
    }));
    let visitor = Visitor::from_creation(&app, expect(creation.await, 201).await);
    let room_id = team.alice.accept().await;
    team.alice.wait_for_notice(&room_id, "Verified: ").await;
    let told = notices(&team.bot, &room_id).await;
    assert_eq!(
        told[0]["content"]["body"],
        "Verified: the website vouches for this visitor.\nVisitor (verified):\n> Ada Lovelace\n\
         E-mail (verified):\n> ada@example.com\nPage:\n> https://www.webdevelop.biz/"
    );
    let begins = "Waiting, verified: Ada Lovelace · webdevelop.biz · ";
    wait_for_line(&mut team.alice, &desk, begins).await;

    // From another device, with a name that has changed meanwhile.
    let claims = json!({ "sub": "42", "exp": in_seconds(60), "name": "Ada King" });
    let creation = app.create(json!({
        "initialMessage": "Hello again", "identity": signed(json!({ "alg": "HS256" }), claims),
    }));
    let phone = Visitor::from_creation(&app, expect(creation.await, 201).await);
    assert_eq!(phone.session_id, visitor.session_id);
    let texts = team.alice.wait_for_texts(&room_id, 2).await;
    assert_eq!(texts, ["Hello", "Hello again"]);
    team.alice.wait_for_notice(&room_id, "> Ada King").await;

    let creation = app.create(json!({
        "initialMessage": "Hello", "identity": "none", "visitorName": "Bea ✓ verified",
    }));
    expect(creation.await, 201).await;
    wait_for_line(
        &mut team.alice,
        &desk,
        "Waiting: “Bea verified” · website · ",
    )
    .await;
    let room_id = team.alice.accept().await;
    let details = team.alice.wait_for_notice(&room_id, "Bea").await;
    assert_eq!(details, "Visitor:\n> Bea ✓ verified");
}

#[sqlx::test(migrations = "../migrations")]
async fn whoever_joins_later_is_told_that_a_visitor_is_verified(pool: PgPool) {
    let mut team = Team::new().await;
    let keys = keys();
    let vars = [("SUPPORT_CHAT_IDENTITY_KEYS", &*keys)];
    let app = team.serve(&pool, &vars).await;
    let creation = app.create(json!({ "initialMessage": "Hello", "identity": token("42") }));
    let visitor = Visitor::from_creation(&app, expect(creation.await, 201).await);
    wait_until(&visitor, |messages| messages[0]["delivery"] == "delivered").await;
    let room_id = team.alice.accept().await;
    let recap = team.alice.wait_for_notice(&room_id, "last words").await;
    let details =
        "Verified: the website vouches for this visitor.\nVisitor (verified):\n> Ada Lovelace";
    assert!(recap.contains(details), "{recap}");
}

//! The name of a conversation's room, as staff see it.

use reqwest::Method;
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::{
    common::{TestApp, expect},
    homeserver::{Account, Team, wait_until},
};

/// The names that the room has had, as this account has seen them, including the bot's.
fn names(account: &Account, room_id: &str) -> Vec<String> {
    let events = account.timeline(room_id);
    let names = events.filter(|event| event["type"] == "m.room.name");
    names
        .map(|event| event["content"]["name"].as_str().unwrap().to_owned())
        .collect()
}

async fn name(account: &Account, room_id: &str) -> String {
    let path = format!("/_matrix/client/v3/rooms/{room_id}/state/m.room.name");
    let content = account.ok(Method::GET, &path, None).await;
    content["name"].as_str().unwrap().to_owned()
}

async fn rename(account: &Account, room_id: &str, name: &str) {
    let path = format!("/_matrix/client/v3/rooms/{room_id}/state/m.room.name");
    account
        .ok(Method::PUT, &path, Some(json!({ "name": name })))
        .await;
}

/// Follows the room's name until it is this one.
async fn wait_for_name(account: &mut Account, room_id: &str, wanted: &str) {
    account
        .wait_for(&format!("the name {wanted:?}"), |account| {
            (names(account, room_id).last()? == wanted).then_some(())
        })
        .await;
}

async fn expire(pool: &PgPool) {
    sqlx::query("UPDATE sessions SET active_at = now() - interval '25 hours'")
        .execute(pool)
        .await
        .unwrap();
}

async fn begin(app: &TestApp, visitor_name: Option<&str>, url: Option<&str>) -> Value {
    let creation = app.create(json!({
        "initialMessage": "How much is a website for a small shop?",
        "visitorName": visitor_name, "sourceUrl": url,
    }));
    expect(creation.await, 201).await
}

async fn code(pool: &PgPool, created: &Value) -> String {
    sqlx::query_scalar("SELECT code FROM sessions WHERE id::text = $1")
        .bind(created["sessionId"].as_str().unwrap())
        .fetch_one(pool)
        .await
        .unwrap()
}

#[sqlx::test(migrations = "../migrations")]
async fn rooms_are_named_after_the_visitor_the_page_and_a_code_of_their_own(pool: PgPool) {
    let mut team = Team::new().await;
    let app = team.serve(&pool, &[]).await;
    for (visitor_name, url, expected) in [
        (
            Some("Ada"),
            Some("https://www.webdevelop.biz/pricing"),
            "Ada · webdevelop.biz/pricing",
        ),
        (
            None,
            Some("https://webdevelop.biz/"),
            "“How much is a…” · webdevelop.biz",
        ),
        (Some("✓ Ada · x · K7F2"), None, "Ada . x . K7F2 · website"),
    ] {
        let earlier = team.alice.invitations();
        let created = begin(&app, visitor_name, url).await;
        let invited = |account: &Account| (account.invitations() > earlier).then_some(());
        team.alice.wait_for("an invitation", invited).await;
        let room_id = team.alice.accept().await;
        let code = code(&pool, &created).await;
        assert_eq!(code.len(), 4);
        assert_eq!(
            name(&team.alice, &room_id).await,
            format!("{expected} · {code}")
        );
    }
}

#[sqlx::test(migrations = "../migrations")]
async fn a_check_mark_comes_with_the_end_and_goes_when_the_chat_goes_on(pool: PgPool) {
    let mut team = Team::new().await;
    let app = team.serve(&pool, &[]).await;
    let visitor = app.visitor("Hello").await;
    let room_id = team.alice.accept().await;
    let open = name(&team.alice, &room_id).await;
    assert_eq!(visitor.close().await.status(), 204);
    wait_for_name(&mut team.alice, &room_id, &format!("✓ {open}")).await;

    // The conversation is ended and reopened several times before the room is told. The room is
    // told only the last state.
    let reopen = "UPDATE sessions SET closed_at = NULL";
    let tell = "INSERT INTO outbox (session_id, kind) SELECT id, 'rename' FROM sessions, generate_series(1, 3)";
    for statement in [reopen, tell] {
        sqlx::query(statement).execute(&pool).await.unwrap();
    }
    wait_for_name(&mut team.alice, &room_id, &open).await;
    expect(visitor.send("And another thing").await, 201).await;
    team.alice.wait_for_texts(&room_id, 1).await;
    let after_the_join = [format!("✓ {open}"), open];
    assert!(names(&team.alice, &room_id).ends_with(&after_the_join));
}

#[sqlx::test(migrations = "../migrations")]
async fn a_check_mark_comes_and_goes_with_the_commands_of_staff(pool: PgPool) {
    let mut team = Team::new().await;
    let app = team.serve(&pool, &[]).await;
    app.visitor("Hello").await;
    let room_id = team.alice.accept().await;
    let open = name(&team.alice, &room_id).await;
    team.alice.say(&room_id, "!close").await;
    wait_for_name(&mut team.alice, &room_id, &format!("✓ {open}")).await;
    team.alice.say(&room_id, "!reopen").await;
    wait_for_name(&mut team.alice, &room_id, &open).await;
}

#[sqlx::test(migrations = "../migrations")]
async fn staff_s_own_name_for_a_room_stays(pool: PgPool) {
    let mut team = Team::new().await;
    let app = team.serve(&pool, &[]).await;
    let visitor = app.visitor("Hello").await;
    let room_id = team.alice.accept().await;
    rename(&team.alice, &room_id, "Ada, about the invoice").await;
    assert_eq!(visitor.close().await.status(), 204);
    wait_for_name(&mut team.alice, &room_id, "✓ Ada, about the invoice").await;
    // The same holds if they rename it after the end.
    rename(&team.alice, &room_id, "VIP Ada").await;
    wait_for_name(&mut team.alice, &room_id, "✓ VIP Ada").await;
    rename(&team.alice, &room_id, "").await;
    let code = code(&pool, &json!({ "sessionId": visitor.session_id })).await;
    let given = format!("✓ “Hello” · website · {code}");
    wait_for_name(&mut team.alice, &room_id, &given).await;
    // A mark that staff have added themselves is removed when the chat continues.
    team.alice.say(&room_id, "!reopen").await;
    wait_for_name(&mut team.alice, &room_id, &given["✓ ".len()..]).await;
    rename(&team.alice, &room_id, "✓ VIP Ada").await;
    wait_for_name(&mut team.alice, &room_id, "VIP Ada").await;
}

#[sqlx::test(migrations = "../migrations")]
async fn staff_are_told_once_when_a_chat_has_expired(pool: PgPool) {
    let mut team = Team::new().await;
    let app = team.serve(&pool, &[]).await;
    let visitor = app.visitor("Hello").await;
    // A member who joins before the text sees it, and gets no recap.
    wait_until(&visitor, |messages| messages[0]["delivery"] == "delivered").await;
    let room_id = team.alice.accept().await;
    team.alice.wait_for_notice(&room_id, "> Hello").await;
    let open = name(&team.alice, &room_id).await;
    expire(&pool).await;
    wait_for_name(&mut team.alice, &room_id, &format!("✓ {open}")).await;

    // Another server checks for itself, and finds that the room was told. Its own notice would come
    // before this text.
    app.stop().await;
    let app = team.serve(&pool, &[]).await;
    let other = app.visitor("Another chat").await;
    let invited = |account: &Account| (account.invitations() == 2).then_some(());
    team.alice.wait_for("another invitation", invited).await;
    let other_room = team.alice.accept().await;
    expire(&pool).await;
    team.alice.wait_for_notice(&other_room, "has expired").await;
    assert_eq!(other.close().await.status(), 410);
    let notices = team.alice.bodies(&room_id, "m.notice");
    let told: Vec<_> = notices
        .iter()
        .filter(|body| body.contains("expired"))
        .collect();
    assert_eq!(
        told,
        [
            "The chat has expired, since nobody has written for 1d. Messages sent here no longer reach the visitor."
        ]
    );
    assert_eq!(
        names(&team.alice, &room_id)
            .iter()
            .filter(|name| name.starts_with('✓'))
            .count(),
        1
    );
}

//! Lines, their edits, and alerts.

use reqwest::Method;
use serde_json::json;
use sqlx::PgPool;
use tokio::time::{Duration, Instant, sleep};

use super::{answers, begin, body, lines, shown, wait_for_answer, wait_for_line};
use crate::{
    common::expect,
    homeserver::{Account, PATIENCE, Team},
};

#[sqlx::test(migrations = "../migrations")]
async fn a_line_says_how_the_conversation_stands(pool: PgPool) {
    let mut team = Team::new().await;
    let app = team.serve(&pool, &[]).await;
    let desk = team.alice.accept_desk().await;
    let visitor = begin(&app, "Ada", "How much is\n<b>a website</b>?").await;
    let begins = "Waiting: Ada · webdevelop.biz/pricing · ";
    let line = wait_for_line(&mut team.alice, &desk, begins).await;
    let room = team.alice.accept().await;

    let content = shown(&team.alice, &desk, &line);
    assert_eq!(content["msgtype"], "m.text");
    assert_eq!(content["m.mentions"], json!({}));
    let link = format!("https://matrix.to/#/{room}?via=localhost");
    let text: Vec<_> = body(&content).lines().collect();
    assert_eq!(text[1..], ["> How much is", "> <b>a website</b>?", &link]);
    let html = content["formatted_body"].as_str().unwrap();
    assert!(
        html.contains(&format!("<a href=\"{link}\">Ada · ")),
        "{html}"
    );
    assert!(
        html.contains("<blockquote>How much is<br>&lt;b&gt;a"),
        "{html}"
    );

    team.alice.say(&room, "Ten.").await;
    let alice = team.alice.user_id[1..].split(':').next().unwrap();
    let answered = format!("Answered by {alice}: Ada");
    let edited = wait_for_line(&mut team.alice, &desk, &answered).await;
    assert_eq!(edited, line);
    visitor.close().await;
    let edited = wait_for_line(&mut team.alice, &desk, "Left: Ada").await;
    assert_eq!(edited, line);
    // There is one event for the line, and one for each of two changes.
    assert_eq!(lines(&team.alice, &desk).len(), 1);
    assert_eq!(team.alice.events(&desk).len(), 3);
}

#[sqlx::test(migrations = "../migrations")]
async fn a_line_tells_of_a_name_that_staff_gave_and_of_an_end_by_itself(pool: PgPool) {
    let mut team = Team::new().await;
    let app = team.serve(&pool, &[]).await;
    let desk = team.alice.accept_desk().await;
    begin(&app, "Bea", "Hello?").await;
    wait_for_line(&mut team.alice, &desk, "Waiting: Bea").await;
    let room = team.alice.accept().await;
    let path = format!("/_matrix/client/v3/rooms/{room}/state/m.room.name");
    let name = Some(json!({ "name": "The difficult one" }));
    team.alice.ok(Method::PUT, &path, name).await;
    sqlx::query("UPDATE sessions SET active_at = now() - interval '25 hours'")
        .execute(&pool)
        .await
        .unwrap();
    let ended = "Ended without a reply: The difficult one · ";
    wait_for_line(&mut team.alice, &desk, ended).await;
}

/// The number of messages in a room that the homeserver counts as unread for somebody, and the
/// number of those that highlight.
async fn counts(account: &Account, room_id: &str) -> (u64, u64) {
    let answer = account
        .ok(Method::GET, "/_matrix/client/v3/sync", None)
        .await;
    let counts = &answer["rooms"]["join"][room_id]["unread_notifications"];
    let count = |name: &str| counts[name].as_u64().unwrap();
    (count("notification_count"), count("highlight_count"))
}

async fn wait_for_counts(account: &Account, room_id: &str, wanted: (u64, u64)) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let counts = counts(account, room_id).await;
        if counts == wanted {
            return;
        }
        if Instant::now() >= deadline {
            let path = "/_matrix/client/v3/notifications";
            let told = account.ok(Method::GET, path, None).await;
            panic!("{counts:?} for {wanted:?}: {told:#}");
        }
        sleep(Duration::from_millis(100)).await;
    }
}

/// The homeserver evaluates the default push rules of every account as clients do.
#[sqlx::test(migrations = "../migrations")]
async fn a_line_notifies_its_edits_do_not_and_a_long_wait_notifies_everybody_once(pool: PgPool) {
    let mut team = Team::new().await;
    let vars = [("SUPPORT_CHAT_UNANSWERED_AFTER", "10s")];
    let app = team.serve(&pool, &vars).await;
    let desk = team.alice.accept_desk().await;
    team.bob.accept_desk().await;
    let visitor = begin(&app, "Ada", "@room Hello").await;
    let line = wait_for_line(&mut team.alice, &desk, "Waiting: Ada").await;
    wait_for_counts(&team.bob, &desk, (1, 0)).await;
    // Synapse also counts the invitation, some time later. What was read is not counted any more.
    let read = format!("/_matrix/client/v3/rooms/{desk}/receipt/m.read/{line}");
    team.bob.ok(Method::POST, &read, Some(json!({}))).await;
    wait_for_counts(&team.bob, &desk, (0, 0)).await;

    let call = wait_for_answer(&mut team.alice, &desk, &line).await;
    assert_eq!(call["content"]["m.mentions"], json!({ "room": true }));
    let text = body(&call["content"]);
    assert!(
        text.starts_with("@room Unanswered for ") && text.contains(": Ada"),
        "{text}"
    );
    wait_for_counts(&team.bob, &desk, (1, 1)).await;

    // An edit is not counted. When the visitor waits again, there is another alert.
    let room = team.alice.accept().await;
    team.alice.say(&room, "Hello, Ada.").await;
    wait_for_line(&mut team.alice, &desk, "Answered by alice").await;
    wait_for_counts(&team.bob, &desk, (1, 1)).await;
    assert_eq!(answers(&team.alice, &desk, &line).len(), 1);
    expect(visitor.send("And now?").await, 201).await;
    let second = |alice: &Account| (answers(alice, &desk, &line).len() == 2).then_some(());
    team.alice.wait_for("a second call", second).await;
    wait_for_counts(&team.bob, &desk, (2, 2)).await;
}

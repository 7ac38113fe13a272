//! The notice about the visitor, and how it follows the visitor from page to page.

use reqwest::Method;
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::{
    common::{Visitor, expect},
    homeserver::{Account, Team, wait_until},
};

async fn set_page(visitor: &Visitor<'_>, url: &str, title: &str) {
    let body = json!({ "sourceUrl": url, "pageTitle": title });
    let response = visitor.request(Method::PUT, "/page").json(&body).send();
    assert_eq!(response.await.unwrap().status(), 204);
}

/// The bot's notices in the room as the bot sees them, oldest first.
pub(crate) async fn notices(bot: &Account, room_id: &str) -> Vec<Value> {
    let path = format!("/_matrix/client/v3/rooms/{room_id}/messages?dir=b&limit=100");
    let page = bot.ok(Method::GET, &path, None).await;
    let events = page["chunk"].as_array().unwrap().iter().rev();
    events
        .filter(|event| event["content"]["msgtype"] == "m.notice")
        .cloned()
        .collect()
}

#[sqlx::test(migrations = "../migrations")]
async fn the_details_are_one_notice_before_the_first_text_that_is_edited(pool: PgPool) {
    let mut team = Team::new().await;
    let app = team
        .serve(&pool, &[("MATRIX_SUPPORT_HISTORY_VISIBILITY", "invited")])
        .await;
    let creation = app.create(json!({
        "initialMessage": "Hello", "visitorName": "Ada\u{202e}", "visitorEmail": "ada@example.com",
        "sourceUrl": "https://a.example/", "pageTitle": "<b>Home</b> > x",
    }));
    let visitor = Visitor::from_creation(&app, expect(creation.await, 201).await);
    wait_until(&visitor, |messages| messages[0]["delivery"] == "delivered").await;
    let room_id = team.alice.accept().await;

    for (url, title) in [
        ("https://a.example/1", "One"),
        ("https://a.example/2", "Two"),
        ("https://a.example/contact", "Contact"),
    ] {
        set_page(&visitor, url, title).await;
    }
    team.alice.wait_for_notice(&room_id, "/contact").await;
    let told = notices(&team.bot, &room_id).await;
    let [details, edit] = &told[..] else {
        panic!("{told:#?}");
    };
    // Synapse returns an edited event in its original form.
    let body = "Visitor:\n> Ada‹U+202E›\nE-mail:\n> ada@example.com\nPage:\n> https://a.example/\n\
                Page title:\n> <b>Home</b> > x";
    assert_eq!(details["content"]["body"], body);
    let html = details["content"]["formatted_body"].as_str().unwrap();
    assert!(
        html.contains("<blockquote>&lt;b&gt;Home&lt;/b&gt; &gt; x</blockquote>"),
        "{html}"
    );
    let content = &edit["content"];
    assert_eq!(
        content["m.relates_to"],
        json!({ "rel_type": "m.replace", "event_id": details["event_id"] })
    );
    assert_eq!(
        content["m.new_content"]["body"],
        "Visitor:\n> Ada‹U+202E›\nE-mail:\n> ada@example.com\nPage:\n> https://a.example/contact\n\
         Page title:\n> Contact"
    );
    assert_eq!(content["m.new_content"]["m.mentions"], json!({}));
    assert_eq!(content["m.mentions"], json!({}));

    // The visitor goes to another page and back before staff are told, so there is nothing to tell.
    set_page(&visitor, "https://a.example/", "Home").await;
    set_page(&visitor, "https://a.example/contact", "Contact").await;
    wait_for_no_page_to_tell(&pool).await;
    // The next notice is an edit of the same event.
    set_page(&visitor, "https://a.example/last", "Last").await;
    team.alice.wait_for_notice(&room_id, "/last").await;
    let told = notices(&team.bot, &room_id).await;
    assert_eq!(told.len(), 3, "{told:#?}");
    assert_eq!(told[2]["content"]["m.relates_to"], content["m.relates_to"]);
}

/// Waits until staff were told the newest page, or need not be.
async fn wait_for_no_page_to_tell(pool: &PgPool) {
    let waiting = "SELECT EXISTS (SELECT FROM sessions WHERE details_due_at IS NOT NULL)
                   OR EXISTS (SELECT FROM outbox)";
    let deadline = tokio::time::Instant::now() + crate::homeserver::PATIENCE;
    while sqlx::query_scalar(waiting).fetch_one(pool).await.unwrap() {
        assert!(tokio::time::Instant::now() < deadline, "nobody tells it");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

#[sqlx::test(migrations = "../migrations")]
async fn staff_are_told_about_details_that_come_later(pool: PgPool) {
    let mut team = Team::new().await;
    let app = team.serve(&pool, &[]).await;
    let visitor = app.visitor("Hello").await;
    let room_id = team.alice.accept().await;
    team.alice.wait_for_notice(&room_id, "> Hello").await;
    set_page(&visitor, "https://a.example/", "Home").await;
    team.alice
        .wait_for_notice(&room_id, "https://a.example/")
        .await;
    let told = notices(&team.bot, &room_id).await;
    let details = told.last().unwrap();
    assert_eq!(
        details["content"]["body"],
        "Page:\n> https://a.example/\nPage title:\n> Home"
    );
    assert!(details["content"]["m.relates_to"].is_null());
}

/// However fast the visitor moves, staff are told at most every ten seconds, without what follows
/// `?` or `#`, and once the room exists.
#[sqlx::test(migrations = "../migrations")]
async fn a_visitor_who_hurries_through_an_app_is_followed_in_few_edits(pool: PgPool) {
    let mut team = Team::new().await;
    let app = team
        .serve(&pool, &[("MATRIX_SUPPORT_HISTORY_VISIBILITY", "invited")])
        .await;
    let creation = app.create(json!({
        "initialMessage": "Hello", "sourceUrl": "https://a.example/",
    }));
    let visitor = Visitor::from_creation(&app, expect(creation.await, 201).await);
    // This is recorded at once, because the room may not exist yet.
    set_page(
        &visitor,
        "https://a.example/early?token=secret#secret",
        "Early",
    )
    .await;
    let room_id = team.alice.accept().await;
    team.alice.wait_for_notice(&room_id, "/early").await;
    let last = |told: &[Value]| {
        told.iter()
            .any(|it| it["content"]["body"].to_string().contains("/last"))
    };
    let began = tokio::time::Instant::now();
    let mut n = 0;
    while n < 60 && began.elapsed() < std::time::Duration::from_secs(12) {
        set_page(&visitor, &format!("https://a.example/{n}?a=secret"), "Page").await;
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        n += 1;
    }
    set_page(&visitor, "https://a.example/last#secret", "Last").await;
    team.alice.wait_for_notice(&room_id, "/last").await;
    let told = notices(&team.bot, &room_id).await;
    assert!(last(&told));
    let times: Vec<_> = told
        .iter()
        .filter_map(|event| event["origin_server_ts"].as_i64())
        .collect();
    // The first notice and its edit are at the beginning, before any waiting.
    for pair in times[1..].windows(2) {
        assert!(pair[1] - pair[0] >= 9_500, "{times:?}");
    }
    assert!(
        !serde_json::to_string(&told).unwrap().contains("secret"),
        "{told:#?}"
    );
}

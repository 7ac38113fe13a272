//! The desk, as staff see it.

mod commands;
mod cost;
mod languages;
mod lines;
mod room;
mod truth;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::{Duration, Instant, sleep};

use crate::{
    common::{TestApp, Visitor, expect},
    homeserver::{Account, PATIENCE},
};

/// What an event says now, by its newest edit of those that were seen.
fn shown(account: &Account, desk: &str, event_id: &str) -> Value {
    let events = account.events(desk);
    let mut edits = events.iter().filter(|event| {
        let relation = &event["content"]["m.relates_to"];
        relation["rel_type"] == "m.replace" && relation["event_id"] == event_id
    });
    let original = events.iter().find(|event| event["event_id"] == event_id);
    let newest = edits
        .next_back()
        .map(|edit| &edit["content"]["m.new_content"]);
    newest
        .unwrap_or_else(|| &original.unwrap()["content"])
        .clone()
}

fn body(content: &Value) -> &str {
    content["body"].as_str().unwrap()
}

/// The lines in the desk: the bot's texts that belong to no other event.
pub(crate) fn lines(account: &Account, desk: &str) -> Vec<String> {
    let events = account.events(desk).into_iter();
    let own = events.filter(|event| {
        event["content"]["m.relates_to"].is_null() && event["sender"] != account.user_id
    });
    own.map(|line| line["event_id"].as_str().unwrap().to_owned())
        .collect()
}

/// The line that says this now.
pub(crate) async fn wait_for_line(account: &mut Account, desk: &str, part: &str) -> String {
    account
        .wait_for(&format!("a line with {part:?}"), |account| {
            let mut lines = lines(account, desk).into_iter();
            lines.find(|id| body(&shown(account, desk, id)).contains(part))
        })
        .await
}

/// The bot's answers to an event.
fn answers(account: &Account, desk: &str, to: &str) -> Vec<Value> {
    let mut events = account.events(desk);
    events.retain(|event| {
        let relation = &event["content"]["m.relates_to"];
        relation["m.in_reply_to"]["event_id"] == to && event["sender"] != account.user_id
    });
    events
}

async fn wait_for_answer(account: &mut Account, desk: &str, to: &str) -> Value {
    let answer = |account: &Account| answers(account, desk, to).into_iter().next();
    account.wait_for("an answer", answer).await
}

/// What somebody is in a room.
async fn membership(account: &Account, room_id: &str, user_id: &str) -> Value {
    let path = format!("/_matrix/client/v3/rooms/{room_id}/state/m.room.member/{user_id}");
    let (_, content) = account.call(Method::GET, &path, None).await;
    content["membership"].clone()
}

async fn wait_for_membership(account: &Account, room_id: &str, user_id: &str, wanted: &str) {
    let deadline = Instant::now() + 2 * PATIENCE;
    loop {
        let membership = membership(account, room_id, user_id).await;
        if membership == wanted {
            return;
        }
        assert!(
            Instant::now() < deadline,
            "{user_id} is {membership} and not {wanted}"
        );
        sleep(Duration::from_millis(100)).await;
    }
}

async fn leave(account: &Account, room_id: &str) {
    let path = format!("/_matrix/client/v3/rooms/{room_id}/leave");
    account.ok(Method::POST, &path, Some(json!({}))).await;
}

async fn begin<'a>(app: &'a TestApp, name: &str, text: &str) -> Visitor<'a> {
    let creation = app.create(json!({
        "initialMessage": text, "visitorName": name, "sourceUrl": "https://www.webdevelop.biz/pricing",
    }));
    Visitor::from_creation(app, expect(creation.await, 201).await)
}

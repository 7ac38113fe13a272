//! `docs/guide/staff.md` shows conversations as staff see them: here they are held.

use std::fs;

use regex::Regex;
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::{
    common::{Visitor, expect},
    homeserver::{Account, Team, wait_for_messages, wait_until},
};

fn assert_is_shown(seen: &str) {
    let guide = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/guide/staff.md");
    let guide = fs::read_to_string(guide).unwrap();
    assert!(guide.contains(&format!("```text\n{seen}\n```")), "{seen}");
}

/// What Bob sees, who joins when Alice has answered.
async fn seen_by_bob(pool: &PgPool, history_visibility: &str) -> String {
    let mut team = Team::new().await;
    let vars = [("MATRIX_SUPPORT_HISTORY_VISIBILITY", history_visibility)];
    let app = team.serve(pool, &vars).await;
    let creation = app.create(json!({
        "initialMessage": "How much is a website\nfor a small shop?", "visitorName": "Ada",
        "sourceUrl": "https://www.webdevelop.biz/pricing", "pageTitle": "Pricing",
    }));
    let visitor = Visitor::from_creation(&app, expect(creation.await, 201).await);
    wait_until(&visitor, |messages| messages[0]["delivery"] == "delivered").await;
    let room_id = team.alice.accept().await;
    team.alice
        .say(&room_id, "Gladly. How many products are there?")
        .await;
    wait_for_messages(&visitor, 2).await;
    expect(visitor.send("About forty.").await, 201).await;
    let bot = team.bot.user_id.clone();
    team.alice.wait_for_event(&bot, "About forty.").await;

    assert_eq!(team.bob.accept().await, room_id);
    if history_visibility == "joined" {
        team.bob.wait_for_notice(&room_id, "About forty.").await;
    }
    expect(visitor.send("And by when?").await, 201).await;
    team.bob.wait_for_event(&bot, "And by when?").await;
    rendered(&team.bob, &bot, &room_id)
}

/// One line for each event and each further line of a text, as an app shows them below each other.
fn rendered(viewer: &Account, bot: &str, room_id: &str) -> String {
    let name = |id: &Value| {
        let id = id.as_str().unwrap();
        let (name, _) = id[1..].split_once('-').unwrap();
        if id == bot { "Website chat" } else { name }.to_owned()
    };
    let mut lines = Vec::new();
    for event in viewer.timeline(room_id) {
        let content = &event["content"];
        if event["type"] == "m.room.message" {
            let mut sender = name(&event["sender"]);
            for line in content["body"].as_str().unwrap().lines() {
                lines.push(format!("{sender:<14}{line}").trim_end().to_owned());
                sender.clear();
            }
        } else if content["membership"] == "join" && event["state_key"] != *bot {
            lines.push(format!("{:<14}{} joined", "", name(&event["state_key"])));
        }
    }
    let time = Regex::new(r"\d\d:\d\d UTC").unwrap();
    let ids = Regex::new("-[0-9a-f]{32}").unwrap();
    let text = lines.join("\n");
    let text = time.replace_all(&text, "14:05 UTC");
    ids.replace_all(&text, "").into_owned()
}

#[sqlx::test(migrations = "../migrations")]
async fn the_guide_shows_what_whoever_joins_late_is_told(pool: PgPool) {
    let seen = seen_by_bob(&pool, "joined").await;
    assert_is_shown(&seen);
}

#[sqlx::test(migrations = "../migrations")]
async fn the_guide_shows_what_whoever_was_invited_sees(pool: PgPool) {
    let seen = seen_by_bob(&pool, "invited").await;
    assert_is_shown(&seen);
}

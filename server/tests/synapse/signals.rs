//! Typing and read receipts between visitors and staff.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sqlx::PgPool;
use tokio::time::Instant;

use crate::{
    common::{Visitor, expect},
    gateway::Gateway,
    homeserver::{Account, PATIENCE, Team, wait_for_messages, wait_until},
};

/// The id of the event in the room with this text.
async fn event_with(team: &Team, room_id: &str, text: &str) -> String {
    let path = format!("/_matrix/client/v3/rooms/{room_id}/messages?dir=b&limit=100");
    let deadline = Instant::now() + PATIENCE;
    loop {
        let history = team.bot.ok(Method::GET, &path, None).await;
        let mut events = history["chunk"].as_array().unwrap().iter();
        let found = events.find(|event| {
            let body = event["content"]["body"].as_str();
            body.is_some_and(|body| body.contains(text))
        });
        if let Some(event) = found {
            return event["event_id"].as_str().unwrap().to_owned();
        }
        assert!(Instant::now() < deadline, "no {text:?} in the room");
    }
}

async fn read(reader: &Account, room_id: &str, event_id: &str, kind: &str, body: Value) {
    let path = format!("/_matrix/client/v3/rooms/{room_id}/receipt/{kind}/{event_id}");
    reader.ok(Method::POST, &path, Some(body)).await;
}

async fn set_typing(typist: &Account, room_id: &str, typing: bool) {
    let path = format!(
        "/_matrix/client/v3/rooms/{room_id}/typing/{}",
        typist.user_id
    );
    let body = json!({ "typing": typing, "timeout": 30_000 });
    typist.ok(Method::PUT, &path, Some(body)).await;
}

async fn say(visitor: &Visitor<'_>, text: &str) -> String {
    let sent = expect(visitor.send(text).await, 201).await;
    sent["messageId"].as_str().unwrap().to_owned()
}

async fn all_delivered(visitor: &Visitor<'_>) {
    wait_until(visitor, |messages| {
        let mut visitors = messages.iter().filter(|it| it["sender"] == "visitor");
        visitors.all(|message| message["delivery"] == "delivered")
    })
    .await;
}

/// The signals of a poll, once they are as expected. No answer until then names anybody.
async fn until(visitor: &Visitor<'_>, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
    let deadline = Instant::now() + PATIENCE;
    let (mut after, mut state) = (visitor.first_message_id.clone(), "none".to_owned());
    loop {
        let query = format!("/messages?after={after}&wait=5&state={state}");
        let answer = visitor.request(Method::GET, &query).send().await.unwrap();
        let answer = expect(answer, 200).await;
        let text = answer.to_string();
        for internal in ["localhost", "\"$", "\"!", "\"@"] {
            assert!(!text.contains(internal), "{internal} in {text}");
        }
        if is_so(&answer) {
            return answer;
        }
        assert!(Instant::now() < deadline, "{what}: {answer}");
        if let Some(last) = answer["messages"].as_array().unwrap().last() {
            last["id"].as_str().unwrap().clone_into(&mut after);
        }
        answer["state"].as_str().unwrap().clone_into(&mut state);
    }
}

async fn until_seen(visitor: &Visitor<'_>, id: &str) {
    until(visitor, "seen", |answer| answer["marks"]["seen"] == id).await;
}

#[sqlx::test(migrations = "../migrations")]
async fn what_staff_say_they_have_read_is_seen_and_what_they_keep_to_themselves_is_not(
    pool: PgPool,
) {
    let mut team = Team::new().await;
    let app = team.serve(&pool, &[]).await;
    let visitor = app.visitor("one").await;
    let room_id = team.alice.accept().await;
    let guest = Account::register("guest").await;
    team.bot.invite(&room_id, &guest.user_id).await;
    guest.join(&room_id).await;
    let two = say(&visitor, "two").await;
    let three = say(&visitor, "three").await;
    all_delivered(&visitor).await;
    let second = event_with(&team, &room_id, "two").await;
    let third = event_with(&team, &room_id, "three").await;
    let private = "m.read.private";
    read(&team.alice, &room_id, &third, private, json!({})).await;
    let relation = json!({ "rel_type": "m.thread", "event_id": third });
    let aside = json!({ "msgtype": "m.text", "body": "aside", "m.relates_to": relation });
    let aside = team.alice.send(&room_id, aside).await;
    let thread = json!({ "thread_id": third });
    read(&team.alice, &room_id, &aside, "m.read", thread).await;
    // The bot itself, and somebody who is not on the staff.
    read(&team.bot, &room_id, &third, "m.read", json!({})).await;
    read(&guest, &room_id, &third, "m.read", json!({})).await;
    // If any of them had counted, this would come too late.
    read(&team.alice, &room_id, &second, "m.read", json!({})).await;
    let answer = until(&visitor, "seen", |answer| {
        answer["marks"]["seen"].is_string()
    })
    .await;
    assert_eq!(answer["marks"], json!({ "delivered": three, "seen": two }));
    let main = json!({ "thread_id": "main" });
    read(&team.alice, &room_id, &third, "m.read", main).await;
    until_seen(&visitor, &three).await;
}

#[sqlx::test(migrations = "../migrations")]
async fn what_staff_read_of_others_counts_up_to_the_visitor_s_last_message_before_it(pool: PgPool) {
    let mut team = Team::new().await;
    let app = team.serve(&pool, &[]).await;
    let visitor = app.visitor("one").await;
    all_delivered(&visitor).await;
    let room_id = team.alice.accept().await;
    // Alice cannot see the first message itself, but reads it in the recap.
    team.alice.wait_for_notice(&room_id, "one").await;
    let recap = event_with(&team, &room_id, "one").await;
    read(&team.alice, &room_id, &recap, "m.read", json!({})).await;
    until_seen(&visitor, &visitor.first_message_id).await;

    team.bob.accept().await;
    let two = say(&visitor, "two").await;
    all_delivered(&visitor).await;
    let answer = team.alice.say(&room_id, "answer").await;
    wait_for_messages(&visitor, 3).await;
    say(&visitor, "three").await;
    all_delivered(&visitor).await;
    read(&team.bob, &room_id, &answer, "m.read", json!({})).await;
    until_seen(&visitor, &two).await;
}

#[sqlx::test(migrations = "../migrations")]
async fn staff_are_shown_as_typing(pool: PgPool) {
    let mut team = Team::new().await;
    let app = team.serve(&pool, &[]).await;
    let visitor = app.visitor("Hello").await;
    let room_id = team.alice.accept().await;
    all_delivered(&visitor).await;
    let is_typing = |answer: &Value| answer["staffTyping"] == true;
    for _ in 0..2 {
        set_typing(&team.alice, &room_id, true).await;
        until(&visitor, "typing", is_typing).await;
        set_typing(&team.alice, &room_id, false).await;
        until(&visitor, "quiet", |answer| !is_typing(answer)).await;
    }
    // The room shows the visitor's typing as the bot's.
    let typing = visitor.request(Method::POST, "/typing").send().await;
    assert_eq!(typing.unwrap().status(), StatusCode::NO_CONTENT);
    set_typing(&team.bot, &room_id, true).await;
    let two = say(&visitor, "two").await;
    let event = event_with(&team, &room_id, "two").await;
    read(&team.alice, &room_id, &event, "m.read", json!({})).await;
    let is_seen = |answer: &Value| answer["marks"]["seen"] == two;
    let answer = until(&visitor, "seen", is_seen).await;
    assert!(!is_typing(&answer));
}

/// Follows the signals of a room from now on.
struct Watch<'a> {
    staff: &'a Account,
    room_id: &'a str,
    since: String,
}

impl<'a> Watch<'a> {
    async fn begin(staff: &'a Account, room_id: &'a str) -> Self {
        let answer = staff
            .ok(Method::GET, "/_matrix/client/v3/sync?timeout=0", None)
            .await;
        let since = answer["next_batch"].as_str().unwrap().to_owned();
        Self {
            staff,
            room_id,
            since,
        }
    }

    async fn until(&mut self, kind: &str, is_so: impl Fn(&Value) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let path = format!("/_matrix/client/v3/sync?timeout=2000&since={}", self.since);
            let answer = self.staff.ok(Method::GET, &path, None).await;
            answer["next_batch"]
                .as_str()
                .unwrap()
                .clone_into(&mut self.since);
            let told = &answer["rooms"]["join"][self.room_id]["ephemeral"]["events"];
            let mut told = told.as_array().into_iter().flatten();
            if told.any(|event| event["type"] == kind && is_so(&event["content"])) {
                return;
            }
            assert!(Instant::now() < deadline, "no {kind}");
        }
    }
}

#[sqlx::test(migrations = "../migrations")]
async fn staff_see_the_visitor_type_and_read(pool: PgPool) {
    let mut team = Team::new().await;
    let app = team.serve(&pool, &[]).await;
    let visitor = app.visitor("Hello").await;
    let room_id = team.alice.accept().await;
    all_delivered(&visitor).await;
    let hi = team.alice.say(&room_id, "Hi").await;
    let there = team.alice.say(&room_id, "there").await;
    let messages = wait_for_messages(&visitor, 3).await;

    let bot = team.bot.user_id.clone();
    let mut watch = Watch::begin(&team.alice, &room_id).await;
    let typing = visitor.request(Method::POST, "/typing").send().await;
    assert_eq!(typing.unwrap().status(), StatusCode::NO_CONTENT);
    let types = |content: &Value| content["user_ids"] == json!([bot]);
    watch.until("m.typing", types).await;

    // A client that polls with an entry as its cursor has fetched that entry.
    visitor.messages(messages[1]["id"].as_str()).await;
    let has_read = |event_id: &str| {
        let (event_id, bot) = (event_id.to_owned(), bot.clone());
        move |content: &Value| content[&event_id]["m.read"][&bot].is_object()
    };
    watch.until("m.receipt", has_read(&hi)).await;
    visitor.messages(messages[2]["id"].as_str()).await;
    watch.until("m.receipt", has_read(&there)).await;
}

/// Part of the address of a sync that asks for receipts.
const ASKS: &str = "m.receipt";
const SYNC: &str = "GET /_matrix/client/v3/sync";

#[sqlx::test(migrations = "../migrations")]
async fn receipts_are_asked_for_only_where_a_visitor_is(pool: PgPool) {
    let mut team = Team::new().await;
    let gateway = Gateway::new(|_| Box::pin(async {})).await;
    let url = gateway.url();
    let app = team.serve(&pool, &[("MATRIX_HOMESERVER_URL", &url)]).await;
    gateway.wait_for_count(SYNC, 2).await;
    assert_eq!(gateway.count(ASKS), 0, "nobody is there");
    let visitor = app.visitor("Hello").await;
    let room_id = team.alice.accept().await;
    all_delivered(&visitor).await;
    let escaped = room_id.replace('!', "%21").replace(':', "%3A");
    gateway.wait_for(&escaped).await;
    gateway.wait_for(ASKS).await;

    let leave = "UPDATE sessions SET seen_at = now() - interval '3 minutes'";
    sqlx::query(leave).execute(&pool).await.unwrap();
    let plain = || gateway.count(SYNC) - gateway.count(ASKS);
    let before = plain();
    team.alice.say(&room_id, "Are you there?").await;
    let deadline = Instant::now() + PATIENCE;
    while plain() == before {
        assert!(Instant::now() < deadline, "it goes on asking");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

#[sqlx::test(migrations = "../migrations")]
async fn a_homeserver_that_refuses_to_be_asked_goes_on_relaying(pool: PgPool) {
    let mut team = Team::new().await;
    let gateway = Gateway::new(|_| Box::pin(async {})).await;
    gateway.answer_next(ASKS, StatusCode::URI_TOO_LONG, json!({}));
    let url = gateway.url();
    let app = team.serve(&pool, &[("MATRIX_HOMESERVER_URL", &url)]).await;
    let visitor = app.visitor("Hello").await;
    let room_id = team.alice.accept().await;
    all_delivered(&visitor).await;
    gateway.wait_for(ASKS).await;
    let asked = gateway.count(ASKS);
    team.alice.say(&room_id, "Hi").await;
    wait_for_messages(&visitor, 2).await;
    assert_eq!(gateway.count(ASKS), asked, "and is not asked again");
}

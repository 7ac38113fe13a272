//! The way out: visitors' messages arrive in the room.

mod claimed_ahead;

use std::{sync::Arc, time::Duration};

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sqlx::{PgPool, postgres::PgListener};
use tokio::{
    sync::Semaphore,
    time::{Instant, sleep},
};

use server::relay::queue;

use crate::{
    common::{TestApp, Visitor, expect},
    gateway::Gateway,
    homeserver::{PATIENCE, Team, wait_until},
};

fn all_delivered(count: usize) -> impl Fn(&[Value]) -> bool {
    move |messages| {
        messages.len() == count
            && messages
                .iter()
                .all(|message| message["delivery"] == "delivered")
    }
}

#[sqlx::test(migrations = "../migrations")]
async fn texts_arrive_in_order_and_exactly_as_they_were_written(pool: PgPool) {
    let mut team = Team::new().await;
    let app = team.serve(&pool, &[]).await;
    let creation = app.create(json!({
        "initialMessage": "first", "visitorName": "Ada Lovelace", "visitorEmail": "ada@example.com",
        "sourceUrl": "https://www.webdevelop.biz/", "pageTitle": "Tokenize",
    }));
    let visitor = Visitor::from_creation(&app, expect(creation.await, 201).await);
    let texts = [
        "  spaces  ",
        "a\r\nb\tc",
        "<b>bold</b> *md*",
        "👩‍👩‍👧 e\u{301} \u{202e}rtl",
        "@room",
    ];
    for text in texts {
        expect(visitor.send(text).await, 201).await;
    }
    wait_until(&visitor, all_delivered(6)).await;

    let room_id = team.alice.accept().await;
    let path = format!("/_matrix/client/v3/rooms/{room_id}/messages?dir=f&limit=100");
    let history = team.bot.ok(Method::GET, &path, None).await;
    let contents: Vec<&Value> = history["chunk"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|event| event["type"] == "m.room.message")
        .map(|event| &event["content"])
        .collect();
    assert_eq!(contents[0]["msgtype"], "m.notice");
    assert_eq!(
        contents[0]["body"],
        "Visitor:\n> Ada Lovelace\nE-mail:\n> ada@example.com\nPage:\n> https://www.webdevelop.biz/\n\
         Page title:\n> Tokenize"
    );
    let message = |text: &str| json!({ "msgtype": "m.text", "body": text, "m.mentions": {} });
    let mut expected = vec![message("first")];
    expected.extend(texts.map(message));
    let sent: Vec<Value> = contents[1..7].iter().copied().cloned().collect();
    assert_eq!(
        sent, expected,
        "a plain body that rings nobody, and nothing else"
    );
}

#[sqlx::test(migrations = "../migrations")]
async fn the_end_of_the_chat_is_told_and_what_came_before_still_arrives(pool: PgPool) {
    let mut team = Team::new().await;
    let app = team.serve(&pool, &[]).await;
    let visitor = app.visitor("Hello").await;
    let room_id = team.alice.accept().await;
    expect(visitor.send("Goodbye").await, 201).await;
    assert_eq!(visitor.close().await.status(), 204);
    team.alice
        .wait_for_notice(&room_id, "The visitor ended the chat")
        .await;
    assert_eq!(
        team.alice.bodies(&room_id, "m.text").last().unwrap(),
        "Goodbye"
    );

    let late = team.alice.say(&room_id, "Anyone?").await;
    let told = team.alice.wait_for_answer(&late).await;
    assert!(told.contains("the chat has ended"), "{told}");
}

#[sqlx::test(migrations = "../migrations")]
async fn what_was_accepted_before_a_restart_is_delivered_after_it(pool: PgPool) {
    let mut team = Team::new().await;
    // A server that cannot reach the homeserver accepts and keeps messages.
    let unreachable = team.config(&pool, &[("MATRIX_HOMESERVER_URL", "http://127.0.0.1:1")]);
    let app = TestApp::spawn(unreachable).await;
    let visitor = app.visitor("one").await;
    expect(visitor.send("two").await, 201).await;
    let created = json!({
        "sessionId": visitor.session_id, "token": visitor.token, "messageId": visitor.first_message_id,
    });
    let pending = visitor.messages(None).await;
    assert!(
        pending
            .iter()
            .all(|message| message["delivery"] == "pending"),
        "{pending:?}"
    );
    app.stop().await;

    let app = team.serve(&pool, &[]).await;
    let visitor = Visitor::from_creation(&app, created);
    wait_until(&visitor, all_delivered(2)).await;
    let room_id = team.alice.accept().await;
    let recap = team
        .alice
        .wait_for_notice(&room_id, "Visitor:\n> two")
        .await;
    assert!(
        recap.find("Visitor:\n> one") < recap.find("Visitor:\n> two"),
        "{recap}"
    );
}

/// While the bot is in the room, only the text itself can be refused for good.
#[sqlx::test(migrations = "../migrations")]
async fn what_the_homeserver_refuses_for_good_has_failed_and_what_follows_goes_on(pool: PgPool) {
    let mut team = Team::new().await;
    let gateway = Gateway::new(|_| Box::pin(async {})).await;
    let url = gateway.url();
    let app = team.serve_through(&pool, &url).await;
    let visitor = app.visitor("Hello").await;
    wait_until(&visitor, all_delivered(1)).await;
    let room_id = team.alice.accept().await;
    team.alice.wait_for_notice(&room_id, "> Hello").await;
    for (n, status, errcode, delivery) in [
        (1, 413, "M_TOO_LARGE", "failed"),
        (2, 403, "M_FORBIDDEN", "failed"),
        (3, 404, "M_NOT_FOUND", "delivered"),
    ] {
        let answer = json!({ "errcode": errcode, "error": "refused" });
        gateway.answer_next("/send/", StatusCode::from_u16(status).unwrap(), answer);
        expect(visitor.send(errcode).await, 201).await;
        wait_until(&visitor, |messages| {
            messages.len() == n + 1 && messages[n]["delivery"] == delivery
        })
        .await;
        // The notice about the refusal must not be refused instead of the next message.
        let deadline = Instant::now() + PATIENCE;
        let queued = "SELECT EXISTS (SELECT FROM outbox)";
        while sqlx::query_scalar(queued).fetch_one(&pool).await.unwrap() {
            assert!(Instant::now() < deadline, "something stays queued");
            sleep(Duration::from_millis(20)).await;
        }
    }
    team.alice
        .wait_for_notice(&room_id, "could not be delivered to this room")
        .await;
    assert_eq!(team.bot.joined_rooms().await, 1);
}

#[sqlx::test(migrations = "../migrations")]
async fn a_homeserver_that_wants_to_be_left_alone_for_a_day_is_asked_again_after_five_minutes(
    pool: PgPool,
) {
    let team = Team::new().await;
    let gateway = Gateway::new(|_| Box::pin(async {})).await;
    let url = gateway.url();
    let app = team.serve_through(&pool, &url).await;
    let visitor = app.visitor("Hello").await;
    wait_until(&visitor, all_delivered(1)).await;
    let answer =
        json!({ "errcode": "M_LIMIT_EXCEEDED", "error": "later", "retry_after_ms": 86_400_000 });
    gateway.answer_next("/send/", StatusCode::TOO_MANY_REQUESTS, answer);
    expect(visitor.send("Patience").await, 201).await;
    let waits = "SELECT extract(epoch FROM due_at - now())::float8 FROM outbox
                 WHERE attempts > 0 AND leased_until IS NULL";
    let deadline = Instant::now() + PATIENCE;
    let waits: f64 = loop {
        if let Some(waits) = sqlx::query_scalar(waits)
            .fetch_optional(&pool)
            .await
            .unwrap()
        {
            break waits;
        }
        assert!(Instant::now() < deadline, "it was never refused");
        sleep(Duration::from_millis(20)).await;
    };
    assert!((200.0..=300.0).contains(&waits), "{waits}");
    sqlx::query("UPDATE outbox SET due_at = now()")
        .execute(&pool)
        .await
        .unwrap();
    wait_until(&visitor, all_delivered(2)).await;
}

/// A session gives its place up from time to time, and gets another one.
#[sqlx::test(migrations = "../migrations")]
async fn a_long_queue_arrives_in_order_over_several_turns(pool: PgPool) {
    let mut team = Team::new().await;
    let mut extra = vec![
        ("SUPPORT_CHAT_MESSAGES_PER_SESSION_PER_MINUTE", "0"),
        ("MATRIX_HOMESERVER_URL", "http://127.0.0.1:1"),
    ];
    let app = TestApp::spawn(team.config(&pool, &extra)).await;
    let visitor = app.visitor("0").await;
    let texts: Vec<_> = (1..110).map(|n| n.to_string()).collect();
    for text in &texts {
        expect(visitor.send(text).await, 201).await;
    }
    app.stop().await;

    extra.pop();
    let app = team.serve(&pool, &extra).await;
    let room_id = team.alice.invitation().await;
    let count = "SELECT count(*) FROM outbox";
    let deadline = Instant::now() + 2 * PATIENCE;
    while sqlx::query_scalar::<_, i64>(count)
        .fetch_one(&pool)
        .await
        .unwrap()
        > 0
    {
        assert!(Instant::now() < deadline, "some were not sent");
        sleep(Duration::from_millis(50)).await;
    }
    app.stop().await;
    let path = format!("/_matrix/client/v3/rooms/{room_id}/messages?dir=f&limit=500");
    let history = team.bot.ok(Method::GET, &path, None).await;
    let events = history["chunk"].as_array().unwrap().iter();
    let said: Vec<_> = events
        .filter(|event| event["content"]["msgtype"] == "m.text")
        .map(|event| event["content"]["body"].as_str().unwrap())
        .collect();
    let expected: Vec<_> = std::iter::once("0")
        .chain(texts.iter().map(String::as_str))
        .collect();
    assert_eq!(said, expected);
}

#[sqlx::test(migrations = "../migrations")]
async fn a_bot_that_cannot_log_in_loses_nothing(pool: PgPool) {
    let mut team = Team::new().await;
    let app = team.serve(&pool, &[]).await;
    let visitor = app.visitor("Hello").await;
    wait_until(&visitor, all_delivered(1)).await;
    let created =
        json!({ "sessionId": visitor.session_id, "token": visitor.token, "messageId": "" });
    app.stop().await;

    let wrong = [
        ("MATRIX_SUPPORT_BOT_ACCESS_TOKEN", ""),
        ("MATRIX_SUPPORT_BOT_PASSWORD", "wrong"),
    ];
    let app = team.serve(&pool, &wrong).await;
    let visitor = Visitor::from_creation(&app, created.clone());
    expect(visitor.send("still owed").await, 201).await;
    // By then an attempt was made and refused: Synapse answers a wrong password with M_FORBIDDEN.
    while sqlx::query_scalar::<_, i64>(
        "SELECT count(*) FROM outbox WHERE attempts > 0 AND leased_until IS NULL",
    )
    .fetch_one(&pool)
    .await
    .unwrap()
        == 0
    {
        assert_eq!(visitor.messages(None).await[1]["delivery"], "pending");
    }
    app.stop().await;

    let app = team.serve(&pool, &[]).await;
    let visitor = Visitor::from_creation(&app, created);
    wait_until(&visitor, all_delivered(2)).await;
    team.alice.invitation().await;
}

/// The channel of the outbox announces tasks that wait. A message that nothing comes before is not announced.
#[sqlx::test(migrations = "../migrations")]
async fn a_message_with_nothing_before_it_goes_to_the_sender_without_a_detour(pool: PgPool) {
    let mut team = Team::new().await;
    let app = team.serve(&pool, &[]).await;
    let visitor = app.visitor("Hello").await;
    wait_until(&visitor, all_delivered(1)).await;
    let room_id = team.alice.accept().await;
    team.alice
        .wait_for_notice(&room_id, "Visitor:\n> Hello")
        .await;

    let mut listener = PgListener::connect_with(&pool).await.unwrap();
    listener.listen(queue::CHANNEL).await.unwrap();
    for n in 2..=4 {
        expect(visitor.send("One at a time").await, 201).await;
        wait_until(&visitor, all_delivered(n)).await;
    }
    // Earlier notifications arrive before this one.
    sqlx::query("SELECT pg_notify($1, 'end')")
        .bind(queue::CHANNEL)
        .execute(&pool)
        .await
        .unwrap();
    assert_eq!(listener.recv().await.unwrap().payload(), "end");
    team.alice.wait_for_texts(&room_id, 3).await;
}

//! Commands that staff give in a conversation's room, from a staff member's own account.

use std::{env, fs};

use serde_json::json;
use sqlx::PgPool;
use uuid::Uuid;

use crate::{
    common::{Visitor, expect},
    homeserver::{Team, wait_for_messages, wait_until},
};

#[sqlx::test(migrations = "../migrations")]
async fn a_chat_is_ended_and_goes_on(pool: PgPool) {
    let mut team = Team::new().await;
    let app = team.serve(&pool, &[]).await;
    let visitor = app.visitor("Hello").await;
    let room_id = team.alice.accept().await;
    team.alice.say(&room_id, "Hi").await;
    let messages = wait_for_messages(&visitor, 2).await;
    let newest = messages[1]["id"].as_str().unwrap();

    // A waiting poll is answered at once.
    let waiting = visitor
        .request(
            reqwest::Method::GET,
            &format!("/messages?after={newest}&wait=25"),
        )
        .send();
    let (answer, close) = tokio::join!(waiting, team.alice.say(&room_id, "!close"));
    let problem = expect(answer.unwrap(), 410).await;
    assert_eq!(problem["code"], "session_closed");
    let told = team.alice.wait_for_answer(&close).await;
    assert!(told.starts_with("The chat has ended"), "{told}");
    let again = team.alice.say(&room_id, "!close").await;
    let told = team.alice.wait_for_answer(&again).await;
    assert!(told.contains("already"), "{told}");

    let reopen = team.alice.say(&room_id, "!reopen").await;
    let told = team.alice.wait_for_answer(&reopen).await;
    assert!(told.starts_with("The chat goes on"), "{told}");
    assert_eq!(visitor.send("I am back").await.status(), 201);
    team.alice.say(&room_id, "Welcome back").await;
    let messages = wait_for_messages(&visitor, 4).await;
    let bodies: Vec<_> = messages.iter().map(|message| &message["body"]).collect();
    assert_eq!(bodies, ["Hello", "Hi", "I am back", "Welcome back"]);

    // A conversation that has expired can be reopened, too.
    sqlx::query("UPDATE sessions SET active_at = now() - interval '25 hours'")
        .execute(&pool)
        .await
        .unwrap();
    let late = team.alice.say(&room_id, "!r").await;
    team.alice.wait_for_answer(&late).await;
    let reopen = team.alice.say(&room_id, "!reopen").await;
    team.alice.wait_for_answer(&reopen).await;
    assert_eq!(visitor.messages(None).await.len(), 4);
}

#[sqlx::test(migrations = "../migrations")]
async fn what_staff_change_after_the_end_counts_for_the_visitor(pool: PgPool) {
    let mut team = Team::new().await;
    let app = team.serve(&pool, &[]).await;
    let visitor = app.visitor("Hello").await;
    let room_id = team.alice.accept().await;
    let mut said = Vec::new();
    for text in ["first", "second", "third"] {
        said.push(team.alice.say(&room_id, text).await);
    }
    let shown = wait_for_messages(&visitor, 4).await;
    let close = team.alice.say(&room_id, "!close").await;
    team.alice.wait_for_answer(&close).await;
    let edit = |of: &str, text: &str| {
        json!({
            "msgtype": "m.text", "body": format!("* {text}"), "m.new_content": { "msgtype": "m.text", "body": text },
            "m.relates_to": { "rel_type": "m.replace", "event_id": of },
        })
    };
    let edited = team.alice.send(&room_id, edit(&said[0], "uno")).await;
    let emptied = team.alice.send(&room_id, edit(&said[1], " \u{200b}")).await;
    team.alice.redact(&room_id, &said[2]).await;
    let late = team.alice.say(&room_id, "A late text").await;
    let told = team.alice.wait_for_answer(&late).await;
    assert!(told.contains("the chat has ended"), "{told}");
    for change in [&edited, &emptied] {
        assert_eq!(team.alice.answers(change).len(), 0, "{change}");
    }
    let transcript = visitor.request(reqwest::Method::GET, "/transcript");
    let transcript = transcript.send().await.unwrap().text().await.unwrap();
    assert!(transcript.contains("uno"), "{transcript}");
    for gone in ["first", "second", "third", "A late text"] {
        assert!(!transcript.contains(gone), "{gone}: {transcript}");
    }

    let reopen = team.alice.say(&room_id, "!reopen").await;
    team.alice.wait_for_answer(&reopen).await;
    let newest = shown[3]["id"].as_str().unwrap();
    let changes = visitor.messages(Some(newest)).await;
    let seen: Vec<_> = changes
        .iter()
        .map(|entry| (&entry["body"], &entry["replaces"], entry["removed"] == true))
        .collect();
    assert_eq!(
        seen,
        [
            (&json!("uno"), &shown[1]["id"], false),
            (&json!(""), &shown[2]["id"], true),
            (&json!(""), &shown[3]["id"], true),
        ]
    );

    // A change does not bring an expired conversation back.
    sqlx::query("UPDATE sessions SET active_at = now() - interval '25 hours'")
        .execute(&pool)
        .await
        .unwrap();
    team.alice.redact(&room_id, &said[0]).await;
    let late = team.alice.say(&room_id, "!r").await;
    team.alice.wait_for_answer(&late).await;
    expect(visitor.poll(None).await, 410).await;
    let transcript = visitor.request(reqwest::Method::GET, "/transcript");
    let transcript = transcript.send().await.unwrap().text().await.unwrap();
    assert!(!transcript.contains("uno"), "{transcript}");
}

#[sqlx::test(migrations = "../migrations")]
async fn what_begins_with_a_mark_reaches_no_visitor_and_is_answered(pool: PgPool) {
    let mut team = Team::new().await;
    let german = [("SUPPORT_CHAT_STAFF_LANGUAGE", "de")];
    let app = team.serve(&pool, &german).await;
    let visitor = app.visitor("Hello").await;
    let room_id = team.alice.accept().await;
    let text = team.alice.say(&room_id, "Hi").await;
    let reply = json!({
        "msgtype": "m.text", "body": "!close", "m.relates_to": { "m.in_reply_to": { "event_id": text } },
    });
    let edit = json!({
        "msgtype": "m.text", "body": "* !close", "m.new_content": { "msgtype": "m.text", "body": "!close" },
        "m.relates_to": { "rel_type": "m.replace", "event_id": text },
    });
    let thread = json!({
        "msgtype": "m.text", "body": "!close", "m.relates_to": { "rel_type": "m.thread", "event_id": text },
    });
    for (content, part) in [
        (
            json!({ "msgtype": "m.text", "body": "!help" }),
            "!note TEXT",
        ),
        (
            json!({ "msgtype": "m.text", "body": "!email" }),
            "nirgendwohin",
        ),
        (
            json!({ "msgtype": "m.text", "body": "!closse" }),
            "Diesen Befehl gibt es nicht",
        ),
        (
            json!({ "msgtype": "m.text", "body": "! close" }),
            "Diesen Befehl gibt es nicht",
        ),
        (
            json!({ "msgtype": "m.text", "body": "!close tomorrow at noon" }),
            "darf nichts folgen",
        ),
        (
            json!({ "msgtype": "m.text", "body": "\u{200b}!close?" }),
            "darf nichts folgen",
        ),
        (
            json!({ "msgtype": "m.text", "body": " \u{200b}" }),
            "nur Texte",
        ),
        (
            json!({ "msgtype": "m.text", "body": "!block" }),
            "Nichts wurde gesperrt",
        ),
        (
            json!({ "msgtype": "m.text", "body": "!r" }),
            "keine Textbausteine",
        ),
        (
            json!({ "msgtype": "m.text", "body": "!reopen" }),
            "nicht beendet",
        ),
        (reply, "eigene Nachricht"),
        (edit, "eigene Nachricht"),
        (thread, "eigene Nachricht"),
    ] {
        let event_id = team.alice.send(&room_id, content.clone()).await;
        let told = team.alice.wait_for_answer(&event_id).await;
        assert!(told.contains(part), "{content}: {told}");
    }
    // These are between staff.
    for content in [
        json!({ "msgtype": "m.emote", "body": "!close" }),
        json!({ "msgtype": "m.text", "body": "!close", "m.mentions": { "user_ids": [team.bob.user_id] } }),
        json!({ "msgtype": "m.text", "body": "\u{2067}\u{ff01}note secret" }),
    ] {
        team.alice.send(&room_id, content).await;
    }
    let mistyped = team.alice.say(&room_id, "!importnat").await;
    team.alice.wait_for_answer(&mistyped).await;
    let corrected = json!({
        "msgtype": "m.text", "body": "* important", "m.new_content": { "msgtype": "m.text", "body": "important" },
        "m.relates_to": { "rel_type": "m.replace", "event_id": mistyped },
    });
    let corrected = team.alice.send(&room_id, corrected).await;
    let told = team.alice.wait_for_answer(&corrected).await;
    assert!(told.contains("eigene Nachricht"), "{told}");

    // Other people in the room cannot give commands.
    let stranger = Team::new().await.bot;
    team.alice.invite(&room_id, &stranger.user_id).await;
    stranger.join(&room_id).await;
    let command = stranger.say(&room_id, "!close").await;
    let told = team
        .alice
        .wait_for("the answer to a stranger", |alice| {
            alice.answers(&command).into_iter().next()
        })
        .await;
    assert!(told["body"].as_str().unwrap().contains("eingetragene Team"));
    team.alice.say(&room_id, "!!!").await;
    let messages = wait_until(&visitor, |messages| {
        messages.iter().any(|message| message["body"] == "!!!")
    })
    .await;
    let bodies: Vec<_> = messages.iter().map(|message| &message["body"]).collect();
    assert_eq!(bodies, ["Hello", "Hi", "!!!"]);
}

#[sqlx::test(migrations = "../migrations")]
async fn a_canned_reply_is_sent_and_can_be_taken_back(pool: PgPool) {
    let mut team = Team::new().await;
    let path = env::temp_dir().join(format!("canned-{}.toml", Uuid::new_v4()));
    let ask = format!(
        "hours = \"We are here from 9 to 18.\"\nask = \"Ask {}\"",
        team.bob.user_id
    );
    fs::write(&path, ask).unwrap();
    let canned = [("SUPPORT_CHAT_CANNED_REPLIES", path.to_str().unwrap())];
    let app = team.serve(&pool, &canned).await;
    fs::remove_file(&path).unwrap();
    let visitor = app.visitor("Hello").await;
    let room_id = team.alice.accept().await;
    for (command, part) in [
        ("!r", "!r hours: We are here from 9 to 18."),
        ("!r nothing", "There is no canned reply of this name"),
        ("!r ask", "Ask …"),
    ] {
        let event_id = team.alice.say(&room_id, command).await;
        let told = team.alice.wait_for_answer(&event_id).await;
        assert!(told.contains(part), "{command}: {told}");
    }
    let sent = team.alice.say(&room_id, "!r Hours").await;
    let told = team.alice.wait_for_answer(&sent).await;
    assert_eq!(told, "The visitor was sent:\nWe are here from 9 to 18.");
    let messages = wait_for_messages(&visitor, 3).await;
    assert_eq!(messages[1]["body"], "Ask …");
    assert_eq!(messages[2]["body"], "We are here from 9 to 18.");
    assert_eq!(messages[2]["sender"], "staff");
    team.alice.redact(&room_id, &sent).await;
    let messages = wait_for_messages(&visitor, 4).await;
    assert_eq!(messages[3]["replaces"], messages[2]["id"]);
    assert_eq!(messages[3]["removed"], true);
}

#[sqlx::test(migrations = "../migrations")]
async fn whoever_is_blocked_begins_no_other_chat(pool: PgPool) {
    let mut team = Team::new().await;
    let app = team.serve(&pool, &[]).await;
    let visitor = app.visitor("Hello").await;
    let room_id = team.alice.accept().await;
    let block = team.alice.say(&room_id, "!block 7d").await;
    let told = team.alice.wait_for_answer(&block).await;
    assert!(told.contains("are refused until 20"), "{told}");
    let again = json!({ "initialMessage": "Hello again" });
    let problem = expect(app.create(again.clone()).await, 403).await;
    assert_eq!(problem["code"], "blocked");
    assert_eq!(visitor.send("This one goes on").await.status(), 201);
    let lift = team.alice.say(&room_id, "!block 0s").await;
    let told = team.alice.wait_for_answer(&lift).await;
    assert!(told.contains("accepted again"), "{told}");
    expect(app.create(again.clone()).await, 201).await;

    // An invalid duration blocks nobody.
    for time in [
        "",
        " 999999d",
        " 367d",
        " -1d",
        " 7",
        " d",
        " seven days",
        " 7d now",
    ] {
        let command = format!("!block{time}");
        let event_id = team.alice.say(&room_id, &command).await;
        let told = team.alice.wait_for_answer(&event_id).await;
        assert!(
            told.starts_with("Nothing was blocked: say"),
            "{command}: {told}"
        );
    }
    expect(app.create(again.clone()).await, 201).await;
    let block = team.alice.say(&room_id, "  !BLOCK 1h 30m").await;
    team.alice.wait_for_answer(&block).await;
    expect(app.create(again.clone()).await, 403).await;
    let lift = team.alice.say(&room_id, "!block 0d").await;
    let told = team.alice.wait_for_answer(&lift).await;
    assert!(told.contains("accepted again"), "{told}");
    expect(app.create(again).await, 201).await;
}

#[sqlx::test(migrations = "../migrations")]
async fn what_becomes_of_the_message_of_a_command_undoes_nothing(pool: PgPool) {
    let mut team = Team::new().await;
    let app = team.serve(&pool, &[]).await;
    let visitor = app.visitor("Hello").await;
    let room_id = team.alice.accept().await;
    let close = team.alice.say(&room_id, "  !CLOSE  ").await;
    team.alice.wait_for_answer(&close).await;
    let edit = json!({
        "msgtype": "m.text", "body": "* Good bye", "m.new_content": { "msgtype": "m.text", "body": "Good bye" },
        "m.relates_to": { "rel_type": "m.replace", "event_id": close },
    });
    let edit = team.alice.send(&room_id, edit).await;
    let told = team.alice.wait_for_answer(&edit).await;
    assert!(told.contains("no command was run again"), "{told}");
    team.alice.redact(&room_id, &close).await;
    let help = team.alice.say(&room_id, "!help").await;
    team.alice.wait_for_answer(&help).await;
    expect(visitor.poll(None).await, 410).await;
    let reopen = team.alice.say(&room_id, "!reopen").await;
    team.alice.wait_for_answer(&reopen).await;
    let texts = wait_until(&visitor, |messages| !messages.is_empty()).await;
    assert_eq!(texts.len(), 1, "{texts:?}");
}

#[sqlx::test(migrations = "../migrations")]
async fn a_command_that_is_seen_twice_is_carried_out_once(pool: PgPool) {
    let mut team = Team::new().await;
    let app = team.serve(&pool, &[]).await;
    let visitor = app.visitor("Hello").await;
    let room_id = team.alice.accept().await;
    let close = team.alice.say(&room_id, "!close").await;
    team.alice.wait_for_answer(&close).await;
    let reopen = team.alice.say(&room_id, "!reopen").await;
    team.alice.wait_for_answer(&reopen).await;
    let created = json!({
        "sessionId": visitor.session_id, "token": visitor.token, "messageId": visitor.first_message_id,
    });
    app.stop().await;
    // The homeserver sends all events again.
    sqlx::query("UPDATE sync_position SET since = NULL")
        .execute(&pool)
        .await
        .unwrap();
    let app = team.serve(&pool, &[]).await;
    let visitor = Visitor::from_creation(&app, created);
    let help = team.alice.say(&room_id, "!help").await;
    team.alice.wait_for_answer(&help).await;
    assert_eq!(visitor.messages(None).await.len(), 1, "it is open");
    for command in [close, reopen, help] {
        assert_eq!(team.alice.answers(&command).len(), 1);
    }
}

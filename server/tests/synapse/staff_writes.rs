//! What staff write, and what becomes of it: the contract's table, row by row, from a staff member's own account.

use serde_json::{Value, json};
use sqlx::PgPool;

use crate::{
    common::{Visitor, expect},
    homeserver::{Team, wait_until},
};

fn text(body: &str) -> Value {
    json!({ "msgtype": "m.text", "body": body })
}

fn reply(to: &str, body: &str, mentions: &[&str]) -> Value {
    json!({
        "msgtype": "m.text", "body": body, "m.mentions": { "user_ids": mentions },
        "m.relates_to": { "m.in_reply_to": { "event_id": to } },
    })
}

fn edit(of: &str, new_content: Value) -> Value {
    json!({
        "msgtype": "m.text", "body": "* an edit", "m.new_content": new_content,
        "m.relates_to": { "rel_type": "m.replace", "event_id": of },
    })
}

/// What the visitor has got of staff by the time that `last` was shown to them.
pub(super) async fn shown(visitor: &Visitor<'_>, last: &str) -> Vec<String> {
    let messages = wait_until(visitor, |messages| {
        messages.iter().any(|message| message["body"] == last)
    })
    .await;
    messages
        .iter()
        .filter(|message| message["sender"] == "staff")
        .map(|message| message["body"].as_str().unwrap().to_owned())
        .collect()
}

#[sqlx::test(migrations = "../migrations")]
async fn what_is_between_staff_reaches_no_visitor(pool: PgPool) {
    let mut team = Team::new().await;
    let app = team.serve(&pool, &[]).await;
    let visitor = app.visitor("Hello").await;
    let room_id = team.alice.accept().await;
    let (bot, bob) = (&team.bot.user_id, &team.bob.user_id);
    let alice = team.alice.user_id.clone();
    assert_eq!(visitor.send("How much is it?").await.status(), 201);
    let question = team.alice.wait_for_event(bot, "How much is it?").await;
    let send = async |content: Value| team.alice.send(&room_id, content).await;

    let mut threaded = text("secret thread");
    threaded["m.relates_to"] = json!({
        "rel_type": "m.thread", "event_id": question, "is_falling_back": true,
        "m.in_reply_to": { "event_id": question },
    });
    let threaded = send(threaded).await;
    send(edit(&threaded, text("secret edit in a thread"))).await;
    let mut mention = text("secret mention");
    mention["m.mentions"] = json!({ "user_ids": [bob] });
    let mention = send(mention).await;
    send(edit(&mention, text("secret mention taken away"))).await;
    let to_mention = send(reply(&mention, "secret reply", &[])).await;
    let to_reply = send(reply(&to_mention, "secret reply to a reply", &[])).await;
    send(edit(&to_reply, text("secret edit of it"))).await;
    let mut room = text("secret for the room");
    room["m.mentions"] = json!({ "room": true });
    send(room).await;
    let mut own = text("secret mention of oneself");
    own["m.mentions"] = json!({ "user_ids": [alice] });
    send(own).await;
    let mut pill = text("secret pill");
    pill["format"] = json!("org.matrix.custom.html");
    pill["formatted_body"] = json!(format!(
        "secret <a href=\"https://matrix.to/#/{bob}\">pill</a>"
    ));
    send(pill).await;
    let mut emote = text("secret emote");
    emote["msgtype"] = json!("m.emote");
    emote["m.mentions"] = json!({ "user_ids": [bob] });
    send(emote).await;
    let note = send(text("!note secret")).await;
    send(reply(&note, "secret reply to a note", &[])).await;
    let mut picture = json!({ "msgtype": "m.image", "body": "secret.png", "url": "mxc://x/y" });
    picture["m.mentions"] = json!({ "user_ids": [bob] });
    send(picture).await;
    send(text("for the visitor")).await;
    team.alice.redact(&room_id, &mention).await;

    // What answers the visitor mentions the bot, which wrote it for them.
    let answer = send(reply(&question, "It is $5.", &[bot])).await;
    let mut edited = text("secret change");
    edited["m.mentions"] = json!({ "user_ids": [bob] });
    let change = send(edit(&answer, edited)).await;
    send(edit(&answer, text("It is $6."))).await;
    send(text("the last")).await;
    assert_eq!(
        shown(&visitor, "the last").await,
        ["for the visitor", "It is $5.", "It is $6.", "the last"]
    );

    let told = team.alice.wait_for_answer(&change).await;
    assert!(told.contains("does not see this change"), "{told}");
    let told = team.alice.wait_for_answer(&threaded).await;
    assert!(told.contains("stay between staff"), "{told}");
    let content = &team.alice.answers(&threaded)[0];
    assert_eq!(content["m.relates_to"]["rel_type"], "m.thread", "{content}");
    assert_eq!(content["m.relates_to"]["event_id"], question);
    assert_eq!(
        team.alice.all_answers(bot),
        2,
        "once in a room, and of the edit"
    );
}

#[sqlx::test(migrations = "../migrations")]
async fn what_was_between_staff_stays_so_and_what_was_shown_is_shown_until_it_is_deleted(
    pool: PgPool,
) {
    let mut team = Team::new().await;
    let app = team.serve(&pool, &[]).await;
    let visitor = app.visitor("Hello").await;
    let room_id = team.alice.accept().await;
    let send = async |content: Value| team.alice.send(&room_id, content).await;
    let note = send(text("  !NOTE secret")).await;
    let edited = send(edit(&note, text("secret that looks like a text"))).await;
    team.alice.redact(&room_id, &edited).await;
    team.alice.redact(&room_id, &note).await;
    let other = send(text("!note secret, deleted first")).await;
    team.alice.redact(&room_id, &other).await;
    send(edit(&other, text("secret edit of what was deleted"))).await;

    let shown_once = send(text("It is $5.")).await;
    let to_note = send(edit(&shown_once, text("!note secret"))).await;
    let to_command = send(edit(&shown_once, text("!close"))).await;
    send(edit(&shown_once, text("It is $6."))).await;
    let mut threaded = text("secret thread");
    threaded["m.relates_to"] = json!({ "rel_type": "m.thread", "event_id": shown_once });
    let threaded = send(threaded).await;
    send(reply(&threaded, "secret answer", &[])).await;
    team.alice.redact(&room_id, &threaded).await;
    team.alice.redact(&room_id, &shown_once).await;
    send(text("the last")).await;
    assert_eq!(
        shown(&visitor, "the last").await,
        ["It is $5.", "It is $6.", "", "the last"]
    );
    for unchanged in [to_note, to_command] {
        let told = team.alice.wait_for_answer(&unchanged).await;
        assert!(told.contains("does not see this change"), "{told}");
    }
}

#[sqlx::test(migrations = "../migrations")]
async fn what_answers_the_bot_s_answer_stays_where_that_was(pool: PgPool) {
    let mut team = Team::new().await;
    let app = team.serve(&pool, &[]).await;
    let visitor = app.visitor("Hello").await;
    let room_id = team.alice.accept().await;
    let bot = team.bot.user_id.clone();
    let note = team.alice.say(&room_id, "!note secret").await;
    let told = team.alice.wait_for_answer(&note).await;
    let told = team.alice.wait_for_event(&bot, &told).await;
    let secret = reply(&told, "secret thanks", &[&bot]);
    team.alice.send(&room_id, secret).await;
    let picture = json!({ "msgtype": "m.image", "body": "a.png", "url": "mxc://x/y" });
    let picture = team.alice.send(&room_id, picture).await;
    let told = team.alice.wait_for_answer(&picture).await;
    let told = team.alice.wait_for_event(&bot, &told).await;
    let words = reply(&told, "In words, then.", &[&bot]);
    team.alice.send(&room_id, words).await;
    assert_eq!(
        shown(&visitor, "In words, then.").await,
        ["In words, then."]
    );
}

#[sqlx::test(migrations = "../migrations")]
async fn what_is_not_shown_is_told_to_whoever_sent_it(pool: PgPool) {
    let mut team = Team::new().await;
    let app = team.serve(&pool, &[]).await;
    let visitor = app.visitor("Hello").await;
    let room_id = team.alice.accept().await;
    let media = |msgtype: &str| json!({ "msgtype": msgtype, "body": "x", "url": "mxc://x/y" });
    let poll = json!({ "question": { "body": "?" }, "answers": [] });
    let mut caption = media("m.image");
    caption["filename"] = json!("a.png");
    caption["body"] = json!("look at this");
    let sent = [
        ("m.room.message", media("m.file"), "a file"),
        ("m.room.message", media("m.image"), "a picture"),
        ("m.room.message", caption, "a picture"),
        ("m.room.message", media("m.video"), "a video"),
        ("m.room.message", media("m.audio"), "a voice message"),
        (
            "m.room.message",
            json!({ "msgtype": "m.location", "body": "here", "geo_uri": "geo:1,2" }),
            "a place",
        ),
        (
            "m.room.message",
            media("org.example.gallery"),
            "something else",
        ),
        (
            "m.room.message",
            json!({ "msgtype": "m.notice", "body": "x" }),
            "a notice",
        ),
        (
            "m.sticker",
            json!({ "body": "x", "url": "mxc://x/y", "info": {} }),
            "a sticker",
        ),
        ("m.poll.start", json!({ "m.poll": poll }), "a poll"),
        (
            "org.matrix.msc3381.poll.start",
            json!({ "org.matrix.msc3381.poll.start": poll }),
            "a poll",
        ),
        (
            "m.call.invite",
            json!({ "call_id": "c", "party_id": "p", "version": "1", "lifetime": 1000, "offer": {} }),
            "a call",
        ),
        (
            "org.matrix.msc4075.rtc.notification",
            json!({ "notification_type": "ring", "m.mentions": { "room": true } }),
            "a call",
        ),
        (
            "m.call.notify",
            json!({ "application": "m.call", "call_id": "", "notify_type": "ring" }),
            "a call",
        ),
        (
            "org.matrix.msc3672.beacon",
            json!({ "org.matrix.msc3488.location": { "uri": "geo:1,2" } }),
            "a place",
        ),
        (
            "org.example.game.move",
            json!({ "to": "e4" }),
            "something else",
        ),
    ];
    for (kind, content, thing) in sent {
        let event_id = team.alice.send_as(kind, &room_id, content).await;
        let told = team.alice.wait_for_answer(&event_id).await;
        assert!(told.contains(&format!("({thing}")), "{kind}: {told}");
    }
    // What comes of these is no message of anybody's.
    let answers = team.alice.all_answers(&team.bot.user_id);
    let candidates = json!({ "call_id": "c", "candidates": [] });
    team.alice
        .send_as("m.call.candidates", &room_id, candidates)
        .await;
    let react = |key: &str, to: &str| json!({ "m.relates_to": { "rel_type": "m.annotation", "event_id": to, "key": key } });
    let one = team.alice.say(&room_id, "one").await;
    let first = team
        .alice
        .send_as("m.reaction", &room_id, react("👍", &one))
        .await;
    let second = team
        .alice
        .send_as("m.reaction", &room_id, react("👎", &one))
        .await;
    let mut emote = text("waves");
    emote["msgtype"] = json!("m.emote");
    team.alice.send(&room_id, emote).await;
    assert_eq!(shown(&visitor, "waves").await, ["one", "waves"]);
    let told = team.alice.wait_for_answer(&first).await;
    assert!(told.contains("reactions"), "{told}");
    assert!(team.alice.answers(&second).is_empty(), "once in a room");
    assert_eq!(team.alice.all_answers(&team.bot.user_id), answers + 1);
}

#[sqlx::test(migrations = "../migrations")]
async fn another_bot_s_notices_mean_nothing(pool: PgPool) {
    let mut team = Team::new().await;
    let app = team.serve(&pool, &[]).await;
    let visitor = app.visitor("Hello").await;
    let room_id = team.alice.accept().await;
    let other = Team::new().await.bot;
    team.alice.invite(&room_id, &other.user_id).await;
    other.join(&room_id).await;
    let notice = json!({ "msgtype": "m.notice", "body": "build passed" });
    let notice = other.send(&room_id, notice).await;
    other
        .send_as("org.example.build", &room_id, json!({ "passed": true }))
        .await;
    team.alice.say(&room_id, "Hi").await;
    assert_eq!(shown(&visitor, "Hi").await, ["Hi"]);
    let picture = json!({ "msgtype": "m.image", "body": "a.png", "url": "mxc://x/y" });
    let picture = team.alice.send(&room_id, picture).await;
    team.alice.wait_for_answer(&picture).await;
    assert_eq!(team.alice.all_answers(&team.bot.user_id), 1);
    assert!(team.alice.answers(&notice).is_empty());
}

#[sqlx::test(migrations = "../migrations")]
async fn a_formatted_text_is_its_meaning_in_plain_text(pool: PgPool) {
    let mut team = Team::new().await;
    let app = team.serve(&pool, &[]).await;
    let visitor = app.visitor("Hello").await;
    let room_id = team.alice.accept().await;
    let formatted = |html: &str| {
        json!({
            "msgtype": "m.text", "body": "**source**", "format": "org.matrix.custom.html",
            "formatted_body": html,
        })
    };
    let html = "<p>See <a href=\"https://webdevelop.biz/pricing\">our <b>prices</b></a>:</p>\n<ul>\n<li>one</li>\n\
                <li>two</li>\n</ul>\n<blockquote>\n<p>quoted</p>\n</blockquote>";
    let first = team.alice.send(&room_id, formatted(html)).await;
    team.alice
        .send(
            &room_id,
            edit(&first, formatted("<strong>bold</strong> &amp; so")),
        )
        .await;
    assert_eq!(
        shown(&visitor, "bold & so").await,
        [
            "See our prices (https://webdevelop.biz/pricing):\n- one\n- two\n\n> quoted",
            "bold & so"
        ]
    );
}

#[sqlx::test(migrations = "../migrations")]
async fn a_text_after_the_end_is_answered_once(pool: PgPool) {
    let mut team = Team::new().await;
    let app = team.serve(&pool, &[]).await;
    let visitor = app.visitor("Hello").await;
    let room_id = team.alice.accept().await;
    assert_eq!(visitor.close().await.status(), 204);
    let first = team.alice.say(&room_id, "Too late").await;
    let told = team.alice.wait_for_answer(&first).await;
    assert!(told.contains("the chat has ended"), "{told}");
    let second = team.alice.say(&room_id, "Still too late").await;
    let picture = json!({ "msgtype": "m.image", "body": "a.png", "url": "mxc://x/y" });
    let picture = team.alice.send(&room_id, picture).await;
    team.alice.wait_for_answer(&picture).await;
    assert!(team.alice.answers(&second).is_empty());
    expect(visitor.poll(None).await, 410).await;
}

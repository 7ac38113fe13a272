mod reading;

use serde_json::json;

use super::*;

const BOT: &str = "@supportbot:localhost";

fn event(fields: &Value) -> RoomEvent {
    let mut event = json!({
        "event_id": "$e", "type": "m.room.message", "sender": "@alice:localhost",
        "origin_server_ts": 1_779_494_400_000_i64,
    });
    for (name, value) in fields.as_object().unwrap() {
        event[name] = value.clone();
    }
    serde_json::from_value(event).unwrap()
}

fn message(content: &Value) -> Meaning {
    event(&json!({ "content": content })).meaning(BOT)
}

#[test]
fn a_text_is_shown_exactly_as_it_is() {
    let body = " <b>hi</b>\n> quoted by hand";
    assert_eq!(
        message(&json!({"msgtype": "m.text", "body": body})),
        Meaning::Text(body.into())
    );
}

#[test]
fn what_the_bot_other_bots_and_the_room_itself_say_means_nothing() {
    let own = event(&json!({"sender": BOT, "content": {"msgtype": "m.text", "body": "hi"}}));
    assert_eq!(own.meaning(BOT), Meaning::Nothing);
    assert_eq!(message(&json!({})), Meaning::Nothing);
    let topic = event(&json!({
        "type": "m.room.topic", "state_key": "", "content": {"topic": "t"}
    }));
    assert_eq!(topic.meaning(BOT), Meaning::Nothing);
}

#[test]
fn what_cannot_be_shown_is_told_apart() {
    for (msgtype, unshown) in [
        ("m.image", Unshown::Picture),
        ("m.file", Unshown::File),
        ("m.video", Unshown::Video),
        ("m.audio", Unshown::Voice),
        ("m.location", Unshown::Place),
        ("org.example.poll", Unshown::Other),
    ] {
        let meaning = message(&json!({"msgtype": msgtype, "body": "x"}));
        assert_eq!(meaning, Meaning::NotShown(unshown), "{msgtype}");
        let edit = message(&json!({
            "msgtype": msgtype, "body": "* y", "m.new_content": {"msgtype": msgtype, "body": "y"},
            "m.relates_to": {"rel_type": "m.replace", "event_id": "$old"},
        }));
        assert_eq!(edit, Meaning::EditToUnshown("$old".into()), "{msgtype}");
    }
    assert_eq!(
        message(&json!({"msgtype": "m.notice", "body": "x"})),
        Meaning::Notice
    );
    for (event_type, meaning) in [
        ("m.sticker", Meaning::NotShown(Unshown::Sticker)),
        ("m.reaction", Meaning::NotShown(Unshown::Reaction)),
        ("m.poll.start", Meaning::NotShown(Unshown::Poll)),
        (
            "org.matrix.msc3381.poll.start",
            Meaning::NotShown(Unshown::Poll),
        ),
        ("m.call.invite", Meaning::NotShown(Unshown::Call)),
        ("m.call.notify", Meaning::NotShown(Unshown::Call)),
        (
            "org.matrix.msc4075.call.notify",
            Meaning::NotShown(Unshown::Call),
        ),
        ("m.rtc.notification", Meaning::NotShown(Unshown::Call)),
        (
            "org.matrix.msc4075.rtc.notification",
            Meaning::NotShown(Unshown::Call),
        ),
        ("m.beacon", Meaning::NotShown(Unshown::Place)),
        (
            "org.matrix.msc3672.beacon",
            Meaning::NotShown(Unshown::Place),
        ),
        ("m.call.candidates", Meaning::Nothing),
        ("m.call.hangup", Meaning::Nothing),
        ("m.poll.response", Meaning::Nothing),
        ("org.example.game.move", Meaning::Other),
    ] {
        let sent = |content| event(&json!({"type": event_type, "content": content})).meaning(BOT);
        assert_eq!(sent(json!({"x": "y"})), meaning, "{event_type}");
        assert_eq!(sent(json!({})), Meaning::Nothing, "{event_type}, redacted");
    }
    for (event_type, content, meaning) in [
        (
            "m.beacon_info",
            json!({"live": true}),
            Meaning::NotShown(Unshown::Place),
        ),
        (
            "org.matrix.msc3672.beacon_info",
            json!({"live": true}),
            Meaning::NotShown(Unshown::Place),
        ),
        ("m.beacon_info", json!({"live": false}), Meaning::Nothing),
        (
            "m.call.member",
            json!({"application": "m.call"}),
            Meaning::NotShown(Unshown::Call),
        ),
        (
            "m.call.member",
            json!({"memberships": []}),
            Meaning::Nothing,
        ),
    ] {
        let state =
            json!({"type": event_type, "state_key": "@alice:localhost", "content": content});
        assert_eq!(event(&state).meaning(BOT), meaning, "{state}");
    }
}

#[test]
fn an_emote_is_its_text() {
    assert_eq!(
        message(&json!({"msgtype": "m.emote", "body": "looks into it"})),
        Meaning::Text("looks into it".into())
    );
}

#[test]
fn markup_is_its_meaning_and_without_any_the_body_counts() {
    let html = |html: &str| {
        message(&json!({
            "msgtype": "m.text", "body": "**b**", "format": "org.matrix.custom.html", "formatted_body": html,
        }))
    };
    assert_eq!(html("<strong>b</strong>"), Meaning::Text("b".into()));
    for broken in ["", "<p></p>", "<mx-reply>never closed", "<b"] {
        assert_eq!(html(broken), Meaning::Text("**b**".into()), "{broken}");
    }
    for more in [
        json!({"formatted_body": "<b>x</b>"}),
        json!({"format": "org.example.rtf", "formatted_body": "<b>x</b>"}),
        json!({"format": "org.matrix.custom.html", "formatted_body": 5}),
        json!({"format": "org.matrix.custom.html"}),
    ] {
        let mut content = json!({"msgtype": "m.text", "body": "**b**"});
        content
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        assert_eq!(message(&content), Meaning::Text("**b**".into()), "{more}");
    }
    let edit = message(&json!({
        "msgtype": "m.text", "body": "* **c**", "format": "org.matrix.custom.html",
        "formatted_body": "* <strong>c</strong>", "m.new_content": {
            "msgtype": "m.text", "body": "**c**", "format": "org.matrix.custom.html",
            "formatted_body": "<strong>c</strong>",
        },
        "m.relates_to": {"rel_type": "m.replace", "event_id": "$old"},
    }));
    let (of, text) = ("$old".into(), "c".into());
    assert_eq!(edit, Meaning::Edit { of, text });
}

fn is_internal(content: &Value) -> bool {
    event(&json!({ "content": content })).is_internal(BOT)
}

#[test]
fn a_mention_is_what_m_mentions_says_or_a_pill_without_it() {
    let pill = |user: &str| format!("<a href=\"https://matrix.to/#/{user}\">x</a>");
    let html = |html: &str| {
        json!({
            "msgtype": "m.text", "body": "x", "format": "org.matrix.custom.html", "formatted_body": html,
        })
    };
    let with = |mut content: Value, mentions: Value| {
        content["m.mentions"] = mentions;
        content
    };
    let plain = |body: &str| json!({"msgtype": "m.text", "body": body});
    let bob = pill("@bob:localhost");
    for (content, expected) in [
        (
            with(plain("x"), json!({"user_ids": ["@bob:localhost"]})),
            true,
        ),
        (
            with(plain("x"), json!({"user_ids": [BOT, "@bob:localhost"]})),
            true,
        ),
        (
            with(plain("x"), json!({"user_ids": ["@alice:localhost"]})),
            true,
        ),
        (with(plain("x"), json!({"user_ids": [BOT]})), false),
        (with(plain("x"), json!({"user_ids": []})), false),
        (with(plain("x"), json!({"room": true})), true),
        (with(plain("@room"), json!({"room": false})), false),
        (with(plain("@room"), json!({})), false),
        (with(html(&bob), json!({})), false),
        (html(&bob), true),
        (with(html(&bob), Value::Null), true),
        (html(&pill(BOT)), false),
        (html(&pill("#sales:localhost")), false),
        (html(&format!("<mx-reply>{bob}</mx-reply>yes")), false),
        (html("<a href='matrix:u/bob:localhost'>x</a>"), true),
        (plain("@room: who can?"), true),
        (plain("ask @room."), true),
        (
            plain("ask @roommate, me@room.org or @room:localhost"),
            false,
        ),
        (plain("x"), false),
    ] {
        assert_eq!(is_internal(&content), expected, "{content}");
    }
}

#[test]
fn a_thread_and_edits_in_it_are_between_staff() {
    let thread = json!({"rel_type": "m.thread", "event_id": "$root", "is_falling_back": true,
                        "m.in_reply_to": {"event_id": "$last"}});
    let threaded = event(&json!({
        "content": {"msgtype": "m.text", "body": "x", "m.relates_to": thread},
    }));
    assert!(threaded.is_internal(BOT));
    assert_eq!(threaded.thread_root(), Some("$root"));
    let edit = |new_content: Value| {
        json!({
            "msgtype": "m.text", "body": "* y", "m.new_content": new_content,
            "m.relates_to": {"rel_type": "m.replace", "event_id": "$old"},
        })
    };
    assert!(is_internal(&edit(
        json!({"msgtype": "m.text", "body": "y", "m.relates_to": thread})
    )));
    assert!(is_internal(&edit(json!({
        "msgtype": "m.text", "body": "y", "m.mentions": {"user_ids": ["@bob:localhost"]},
    }))));
    assert!(!is_internal(&edit(
        json!({"msgtype": "m.text", "body": "y"})
    )));
}

#[test]
fn an_edit_is_its_new_text_and_not_the_fallback() {
    let meaning = message(&json!({
        "msgtype": "m.text", "body": "* new", "m.new_content": {"msgtype": "m.text", "body": "new"},
        "m.relates_to": {"rel_type": "m.replace", "event_id": "$old"},
    }));
    assert_eq!(
        meaning,
        Meaning::Edit {
            of: "$old".into(),
            text: "new".into()
        }
    );
}

#[test]
fn a_reply_loses_the_quotation_that_names_its_author() {
    let reply = |body: &str| {
        message(&json!({
            "msgtype": "m.text", "body": body,
            "m.relates_to": {"m.in_reply_to": {"event_id": "$q"}},
        }))
    };
    let quoted = "> <@bob:localhost> line one\n> line two\n\nYes.\n> kept";
    assert_eq!(reply(quoted), Meaning::Text("Yes.\n> kept".into()));
    assert_eq!(reply("Yes."), Meaning::Text("Yes.".into()));
    let by_hand = "> <b>bold</b>\n\nis how";
    assert_eq!(reply(by_hand), Meaning::Text(by_hand.into()));
    let no_reply = json!({"msgtype": "m.text", "body": quoted});
    assert_eq!(message(&no_reply), Meaning::Text(quoted.into()));
}

#[test]
fn what_is_encrypted_is_told_apart_until_it_is_redacted() {
    let encrypted = |content: Value| {
        event(&json!({"type": "m.room.encrypted", "content": content})).meaning(BOT)
    };
    let content = json!({"algorithm": "m.megolm.v1.aes-sha2", "ciphertext": "AwgA"});
    assert_eq!(encrypted(content), Meaning::NotShown(Unshown::Encrypted));
    assert_eq!(encrypted(json!({})), Meaning::Nothing);
}

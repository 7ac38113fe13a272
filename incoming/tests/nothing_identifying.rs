//! Whatever stands in bodies and formatted bodies, no text that a visitor gets has an id or an address of Matrix in it.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use incoming::{
    event::RoomEvent,
    fuzzing::assert_visible,
    plan::{Planner, Step},
};
use proptest::prelude::*;
use serde_json::{Value, json};

/// Markup, and the parts of ids and addresses.
fn texts() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        any::<char>().prop_map(String::from),
        "[ -~]{0,6}",
        prop::sample::select(vec![
            "@bob:localhost",
            "@bob",
            ":localhost",
            "localhost",
            "%40bob%3Alocalhost",
            "%3Alocalhost",
            "https://matrix.to/#/",
            "<a href=\"https://matrix.to/#/@bob:localhost\">",
            "<a href='matrix:u/bob:localhost'>",
            "<a href=\"https://x.org/",
            "\">",
            "</a>",
            "<a href=",
            "matrix:u/",
            "&#64;bob&#58;localhost",
            "&#x40;",
            "&colon;",
            "@<b>bob</b>:local<i>host</i>",
            "matrix<!-- -->.to/",
            "<p>",
            "</p>",
            "<br>",
            "<li>",
            "<blockquote>",
            "<pre>",
            "<code>",
            "</code>",
            "<img alt=\"@bob:localhost\">",
            "<mx-reply>",
            "</mx-reply>",
            "> <@bob:localhost> ",
            "\n",
            " ",
            "!",
            "#",
            "$",
            "[",
            "](",
            ")",
            "<",
            ">",
            "…",
            "$Rqnc-F-dvnEYJTyHq_iKxU2bZ1CI92-kuZq3a5lr5Zg",
            "!n8f893n9Rqnc-F-dvnEYJTyHq_<b></b>iKxU2bZ1CI92-kuZq",
        ])
        .prop_map(str::to_owned),
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

fn event(content: &Value) -> RoomEvent {
    let event = json!({
        "event_id": "$e", "type": "m.room.message", "sender": "@staff:localhost", "origin_server_ts": 1, "content": content,
    });
    RoomEvent::from_json(&event.to_string()).unwrap()
}

fn assert_names_nobody(content: &Value) {
    let planner = Planner::new("@supportbot:localhost", ["@staff:localhost".to_owned()]);
    match planner.step(&event(content)) {
        Some(Step::Show(text)) => assert_visible(&text),
        Some(Step::Change {
            text,
            text_of_reply,
            ..
        }) => {
            assert_visible(&text);
            text_of_reply
                .as_deref()
                .inspect(|text| assert_visible(text));
        }
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn whatever_is_written_names_nobody(body in texts(), html in texts(), is_edit: bool, is_reply: bool) {
        let mut content = json!({
            "msgtype": "m.text", "body": body, "format": "org.matrix.custom.html", "formatted_body": html, "m.mentions": {},
        });
        if is_edit {
            let relation = json!({"rel_type": "m.replace", "event_id": "$of"});
            content = json!({
                "msgtype": "m.text", "body": "* x", "m.new_content": content, "m.relates_to": relation,
            });
        } else if is_reply {
            content["m.relates_to"] = json!({"m.in_reply_to": {"event_id": "$to"}});
        }
        assert_names_nobody(&content);
    }
}

//! Whatever stands before a `!` that a reader does not see, a visitor gets nothing of a text that begins with it.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use incoming::{
    event::RoomEvent,
    fuzzing::begins_like_a_command,
    plan::{Planner, Step},
};
use proptest::prelude::*;
use serde_json::{Value, json};

/// Characters that no reader sees, and white space.
fn invisible() -> impl Strategy<Value = String> {
    let ranges = prop_oneof![
        prop::char::range('\u{200b}', '\u{200f}'),
        prop::char::range('\u{202a}', '\u{202e}'),
        prop::char::range('\u{2060}', '\u{2069}'),
        prop::char::range('\u{fe00}', '\u{fe0f}'),
        prop::sample::select(vec![
            ' ',
            '\t',
            '\n',
            '\u{a0}',
            '\u{3000}',
            '\0',
            '\u{7}',
            '\u{ad}',
            '\u{61c}',
            '\u{180e}',
            '\u{feff}',
            '\u{34f}',
            '\u{3164}',
            '\u{2800}',
            '\u{e0001}',
            '\u{1d173}',
        ]),
    ];
    prop::collection::vec(ranges, 0..5).prop_map(|characters| characters.into_iter().collect())
}

fn step(content: &Value) -> Option<Step> {
    let planner = Planner::new("@supportbot:localhost", ["@staff:localhost".to_owned()]);
    let event = json!({
        "event_id": "$e", "type": "m.room.message", "sender": "@staff:localhost", "origin_server_ts": 1, "content": content,
    });
    planner.step(&RoomEvent::from_json(&event.to_string()).unwrap())
}

fn is_shown(step: Option<&Step>) -> bool {
    matches!(step, Some(Step::Show(_) | Step::Change { .. }))
}

fn edit(new_content: &Value) -> Value {
    json!({
        "msgtype": "m.text", "body": "* x", "m.new_content": new_content,
        "m.relates_to": {"rel_type": "m.replace", "event_id": "$of"},
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn nothing_that_begins_with_a_mark_for_the_eye_reaches_the_visitor(
        before in invisible(),
        mark in prop::sample::select(vec!["!", "\u{ff01}"]),
        word in prop::sample::select(vec!["note secret", "close", "close now", " note secret", "x", "!note: x"]),
        element in prop::sample::select(vec!["", "<p>", "<b>", "<div><span>"]),
        msgtype in prop::sample::select(vec!["m.text", "m.emote"]),
    ) {
        let text = [&before, mark, word].concat();
        let plain = json!({ "msgtype": msgtype, "body": text });
        let markup = [element, &text].concat();
        let html = json!({
            "msgtype": "m.text", "body": "x", "format": "org.matrix.custom.html", "formatted_body": markup,
        });
        for content in [&plain, &html] {
            for content in [content, &edit(content)] {
                let step = step(content);
                prop_assert!(!is_shown(step.as_ref()), "{content}: {step:?}");
            }
        }
    }

    #[test]
    fn no_text_that_is_shown_begins_like_a_command(before in ".{0,3}", mark in "[!\u{ff01}]?", text in ".{0,8}") {
        let body = [before, mark, text].concat();
        if let Some(Step::Show(text)) = step(&json!({ "msgtype": "m.text", "body": body })) {
            prop_assert!(!begins_like_a_command(&text), "{text:?}");
        }
    }
}

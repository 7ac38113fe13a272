//! Tests of how events are parsed, whatever they mean.

use proptest::prelude::*;

use super::*;

#[test]
fn an_id_that_is_too_long_names_no_event_and_no_person() {
    let long = format!("${}", "a".repeat(8 * 1024));
    assert_eq!(
        message(&json!({
            "msgtype": "m.text", "body": "* new", "m.new_content": {"body": "new"},
            "m.relates_to": {"rel_type": "m.replace", "event_id": long},
        })),
        Meaning::Nothing
    );
    let redaction = event(&json!({"type": "m.room.redaction", "content": {"redacts": long}}));
    assert_eq!(redaction.meaning(BOT), Meaning::Nothing);
    for field in ["event_id", "sender", "state_key"] {
        let json = event(&json!({})).to_json().unwrap();
        let mut json: Value = serde_json::from_str(&json).unwrap();
        json[field] = long.clone().into();
        let json = RawValue::from_string(json.to_string()).unwrap();
        assert_eq!(RoomEvent::read(&json), None, "{field}");
    }
}

#[test]
fn what_cannot_be_read_is_told_apart_and_hides_nothing_else() {
    let deep = format!("{}1{}", "[".repeat(200), "]".repeat(200));
    let read = |more: &str| {
        let json = format!(r#"{{"event_id":"$e","type":"m.room.message","sender":"@a:x",{more}}}"#);
        let event = RoomEvent::read(&RawValue::from_string(json).unwrap()).unwrap();
        (event.meaning(BOT), event.written_at())
    };
    let content = r#""content":{"msgtype":"m.text","body":"hi"}"#;
    let hi = Meaning::Text("hi".into());
    let (meaning, _) = read(&format!(r#""content":{{"msgtype":"m.text","x":{deep}}}"#));
    assert_eq!(meaning, Meaning::NotShown(Unshown::Other));
    // For example a bundled edit.
    let (meaning, _) = read(&format!(r#"{content},"unsigned":{{"m.relations":{deep}}}"#));
    assert_eq!(meaning, hi);
    for time in [
        "\"soon\"",
        "1e400",
        "-1",
        "-9223372036854775808",
        "9223372036854775807",
    ] {
        let (meaning, time) = read(&format!(r#"{content},"origin_server_ts":{time}"#));
        assert_eq!((meaning, time), (hi.clone(), None));
    }
    let (meaning, _) = read(&format!(r#"{content},"redacts":[1],"unsigned":5"#));
    assert_eq!(meaning, hi);
    let long = "x".repeat(bounds::MAX_EVENT_BYTES);
    let (meaning, _) = read(&format!(
        r#""content":{{"msgtype":"m.text","body":"{long}"}}"#
    ));
    assert_eq!(meaning, Meaning::NotShown(Unshown::Other));
}

#[test]
fn an_event_is_the_same_when_it_is_written_and_read_again() {
    let member = event(&json!({
        "type": "m.room.member", "state_key": "@alice:localhost",
        "content": {"membership": "join", "nul": "\0"},
        "unsigned": {"prev_content": {"membership": "invite"}, "transaction_id": "t", "age": 5},
    }));
    let redaction = event(&json!({"type": "m.room.redaction", "redacts": "$x"}));
    for event in [member, redaction] {
        let json = event.to_json().unwrap();
        assert_eq!(RoomEvent::from_json(&json).unwrap(), event);
    }
}

#[test]
fn a_redaction_names_its_event_in_old_and_new_room_versions() {
    for fields in [
        json!({"redacts": "$x"}),
        json!({"content": {"redacts": "$x"}}),
    ] {
        let mut fields = fields;
        fields["type"] = json!("m.room.redaction");
        assert_eq!(event(&fields).meaning(BOT), Meaning::Redaction("$x".into()));
    }
}

#[test]
fn a_join_is_no_change_of_name() {
    let member = |previous: &str| {
        event(&json!({
            "type": "m.room.member", "state_key": "@alice:localhost",
            "content": {"membership": "join"},
            "unsigned": {"prev_content": {"membership": previous}},
        }))
    };
    assert_eq!(
        member("invite").meaning(BOT),
        Meaning::Join("@alice:localhost".into())
    );
    assert_eq!(member("join").meaning(BOT), Meaning::Nothing);
}

/// Random JSON with the relevant names among its keys.
fn arbitrary_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<String>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        prop_oneof![
            Just("m.text"),
            Just("m.replace"),
            Just("$e"),
            Just("> <@a:b> c"),
            Just("org.matrix.custom.html"),
            Just("m.thread"),
            Just("!note")
        ]
        .prop_map(Value::from),
    ];
    let key = prop_oneof![
        Just("msgtype"),
        Just("body"),
        Just("m.relates_to"),
        Just("rel_type"),
        Just("m.new_content"),
        Just("event_id"),
        Just("m.in_reply_to"),
        Just("membership"),
        Just("m.mentions"),
        Just("user_ids"),
        Just("format"),
        Just("formatted_body"),
    ];
    leaf.prop_recursive(3, 24, 6, move |inner| {
        prop::collection::btree_map(key.clone().prop_map(str::to_owned), inner, 0..6)
            .prop_map(|map| Value::Object(map.into_iter().collect()))
    })
}

#[test]
fn a_room_s_name_by_anybody_else_is_one_also_when_it_is_taken_away() {
    for (sender, content, expected) in [
        (
            "@alice:localhost",
            json!({"name": "VIP Ada"}),
            Meaning::Name("VIP Ada".to_owned()),
        ),
        (
            "@alice:localhost",
            json!({"name": ""}),
            Meaning::Name(String::new()),
        ),
        ("@alice:localhost", json!({}), Meaning::Name(String::new())),
        (BOT, json!({"name": "x"}), Meaning::Nothing),
    ] {
        let named =
            json!({"type": "m.room.name", "state_key": "", "sender": sender, "content": content});
        assert_eq!(event(&named).meaning(BOT), expected, "{named}");
    }
}

proptest! {
    #[test]
    fn whatever_is_in_an_event_it_can_be_stored_or_means_nothing(content in arbitrary_json()) {
        match message(&content) {
            Meaning::Text(text) => prop_assert!(!text.contains('\0')),
            Meaning::Edit { of, text } => prop_assert!(!of.contains('\0') && !text.contains('\0')),
            _ => {}
        }
    }
}

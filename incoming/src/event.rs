//! A room event as far as the relay looks into it, and what it means for the visitor.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer, Serialize, de::DeserializeOwned};
use serde_json::{Value, value::RawValue};

use crate::{bounds, visible_text};

/// The type of a room's first event.
pub const CREATION: &str = "m.room.create";

/// Any event of a room's timeline or state. Written as JSON, it can be read again.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct RoomEvent {
    /// Its id.
    pub event_id: String,
    /// Its type.
    #[serde(rename = "type")]
    pub event_type: String,
    /// Who sent it.
    pub sender: String,
    /// Milliseconds since the Unix epoch.
    #[serde(default, deserialize_with = "lenient")]
    origin_server_ts: Option<i64>,
    /// Of a state event: what it is the state of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state_key: Option<String>,
    /// What it says; null when that cannot be read.
    #[serde(default, deserialize_with = "lenient")]
    pub content: Value,
    /// Of a redaction, up to room version 10; later it is in the content.
    #[serde(
        default,
        deserialize_with = "lenient",
        skip_serializing_if = "Option::is_none"
    )]
    redacts: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    unsigned: Unsigned,
}

/// What the homeserver adds to an event. It may hold other events, whatever is in them.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
struct Unsigned {
    #[serde(
        default,
        deserialize_with = "lenient",
        skip_serializing_if = "Option::is_none"
    )]
    transaction_id: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    prev_content: PrevContent,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
struct PrevContent {
    #[serde(
        default,
        deserialize_with = "lenient",
        skip_serializing_if = "Option::is_none"
    )]
    membership: Option<String>,
}

/// Reads a field, or takes it for one that is not there.
fn lenient<'de, D: Deserializer<'de>, T: DeserializeOwned + Default>(
    field: D,
) -> Result<T, D::Error> {
    let json = Box::<RawValue>::deserialize(field)?;
    Ok(serde_json::from_str(json.get()).unwrap_or_default())
}

/// What an event means for the visitor. Texts are as they were written: they can be stored, but are not
/// fit to be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// A text to show.
    Text(String),
    /// A new text in place of an event's.
    Edit {
        /// The event whose text it was.
        of: String,
        /// The new text.
        text: String,
    },
    /// That event's text is to go.
    Redaction(String),
    /// Someone entered the room.
    Join(String),
    /// Something people sent that cannot be shown: an image, a file, a place, what is encrypted.
    NotShown,
    /// Nothing.
    Nothing,
}

impl RoomEvent {
    /// Reads an event; one that does not follow the specification cannot be anything we relay.
    #[must_use]
    pub fn read(json: &RawValue) -> Option<Self> {
        let mut event = Self::from_json(json.get()).ok()?;
        if json.get().len() > bounds::MAX_EVENT_BYTES {
            event.content = Value::Null;
        }
        let valid = bounds::is_id(&event.event_id)
            && bounds::is_id(&event.sender)
            && event.state_key.as_deref().is_none_or(bounds::is_state_key);
        valid.then_some(event)
    }

    /// The event as JSON, to be kept.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(self)
    }

    /// The event that was kept as this JSON.
    pub fn from_json(json: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(json)
    }

    /// When it was sent, if it says a time that a calendar has.
    #[must_use]
    pub fn written_at(&self) -> Option<DateTime<Utc>> {
        let millis = self.origin_server_ts.filter(|millis| *millis >= 0)?;
        DateTime::from_timestamp_millis(millis)
    }

    /// A text in the content.
    #[must_use]
    pub fn str_at(&self, pointer: &str) -> Option<&str> {
        self.content.pointer(pointer)?.as_str()
    }

    /// By which transaction it was sent, when this device did.
    #[must_use]
    pub fn transaction_id(&self) -> Option<&str> {
        self.unsigned.transaction_id.as_deref()
    }

    /// Whether this membership event follows on having been in the room.
    #[must_use]
    pub fn was_joined(&self) -> bool {
        self.unsigned.prev_content.membership.as_deref() == Some("join")
    }

    /// Whether it answers an event.
    #[must_use]
    pub fn is_reply(&self) -> bool {
        self.str_at("/m.relates_to/m.in_reply_to/event_id")
            .is_some()
    }

    /// What the event means, when it is not the bot's own.
    #[must_use]
    pub fn meaning(&self, bot: &str) -> Meaning {
        if self.sender == bot {
            return Meaning::Nothing;
        }
        match (self.event_type.as_str(), &self.state_key) {
            ("m.room.message", None) => self.message_meaning(),
            ("m.room.encrypted", None) if self.is_redacted() => Meaning::Nothing,
            ("m.room.encrypted", None) => Meaning::NotShown,
            ("m.room.redaction", None) => self
                .redacts
                .as_deref()
                .or_else(|| self.str_at("/redacts"))
                .filter(|of| bounds::is_id(of))
                .map_or(Meaning::Nothing, |of| Meaning::Redaction(of.to_owned())),
            ("m.room.member", Some(user_id))
                if bounds::is_id(user_id)
                    && self.str_at("/membership") == Some("join")
                    && !self.was_joined() =>
            {
                Meaning::Join(user_id.clone())
            }
            _ => Meaning::Nothing,
        }
    }

    /// A redaction leaves nothing of a content.
    fn is_redacted(&self) -> bool {
        self.content
            .as_object()
            .is_some_and(serde_json::Map::is_empty)
    }

    fn message_meaning(&self) -> Meaning {
        if !self.content.is_object() {
            // Whoever wrote it has to know that nobody can read it.
            return Meaning::NotShown;
        }
        match self.str_at("/msgtype") {
            Some("m.text") => {}
            // Redacted, or another bot's.
            None | Some("m.notice") => return Meaning::Nothing,
            Some(_) => return Meaning::NotShown,
        }
        if self.str_at("/m.relates_to/rel_type") == Some("m.replace") {
            let edit = (
                self.str_at("/m.relates_to/event_id"),
                self.str_at("/m.new_content/body"),
            );
            return match edit {
                (Some(of), Some(text)) if bounds::is_id(of) => Meaning::Edit {
                    of: of.to_owned(),
                    text: bounds::storable_text(text),
                },
                _ => Meaning::Nothing,
            };
        }
        let Some(body) = self.str_at("/body") else {
            return Meaning::Nothing;
        };
        let body = bounds::storable_text(body);
        Meaning::Text(match visible_text::reply_without_fallback(&body) {
            Some(reply) if self.is_reply() => reply.to_owned(),
            _ => body,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
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
        assert_eq!(
            message(&json!({"msgtype": "m.notice", "body": "hi"})),
            Meaning::Nothing
        );
        assert_eq!(message(&json!({})), Meaning::Nothing);
        let topic = event(&json!({
            "type": "m.room.topic", "state_key": "", "content": {"topic": "t"}
        }));
        assert_eq!(topic.meaning(BOT), Meaning::Nothing);
    }

    #[test]
    fn what_cannot_be_shown_is_told_apart() {
        for msgtype in [
            "m.image",
            "m.file",
            "m.emote",
            "m.location",
            "org.example.poll",
        ] {
            let meaning = message(&json!({"msgtype": msgtype, "body": "x"}));
            assert_eq!(meaning, Meaning::NotShown, "{msgtype}");
        }
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
        assert_eq!(encrypted(content), Meaning::NotShown);
        assert_eq!(encrypted(json!({})), Meaning::Nothing);
    }

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
            let json =
                format!(r#"{{"event_id":"$e","type":"m.room.message","sender":"@a:x",{more}}}"#);
            let event = RoomEvent::read(&RawValue::from_string(json).unwrap()).unwrap();
            (event.meaning(BOT), event.written_at())
        };
        let content = r#""content":{"msgtype":"m.text","body":"hi"}"#;
        let hi = Meaning::Text("hi".into());
        let (meaning, _) = read(&format!(r#""content":{{"msgtype":"m.text","x":{deep}}}"#));
        assert_eq!(meaning, Meaning::NotShown);
        // A bundled edit, say.
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
        assert_eq!(meaning, Meaning::NotShown);
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

    /// Any JSON, with the names that matter among its keys.
    fn arbitrary_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            any::<String>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            prop_oneof![
                Just("m.text"),
                Just("m.replace"),
                Just("$e"),
                Just("> <@a:b> c")
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
        ];
        leaf.prop_recursive(3, 24, 6, move |inner| {
            prop::collection::btree_map(key.clone().prop_map(str::to_owned), inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect()))
        })
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
}

//! A room event as far as the relay looks into it, and what it means for the visitor.

use chrono::{DateTime, Utc};
use matrix_sdk::ruma::serde::Raw;
use serde::Deserialize;
use serde_json::Value;

/// The type of a room's first event.
pub(super) const CREATION: &str = "m.room.create";

/// Any event of a room's timeline or state.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct RoomEvent {
    pub(super) event_id: String,
    #[serde(rename = "type")]
    pub(super) event_type: String,
    pub(super) sender: String,
    /// Milliseconds since the Unix epoch.
    pub(super) origin_server_ts: i64,
    #[serde(default)]
    pub(super) state_key: Option<String>,
    #[serde(default)]
    pub(super) content: Value,
    /// Of a redaction, up to room version 10; later it is in the content.
    #[serde(default)]
    redacts: Option<String>,
    #[serde(default)]
    unsigned: Value,
}

/// What an event means for the visitor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
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
    /// Something people sent that cannot be shown: an image, a file, a place.
    NotShown,
    /// Nothing.
    Nothing,
}

impl RoomEvent {
    /// Reads an event; one that does not follow the specification cannot be anything we relay.
    pub(super) fn read<T>(raw: &Raw<T>) -> Option<Self> {
        let event: Self = serde_json::from_str(raw.json().get()).ok()?;
        let ids = [
            Some(&event.event_id),
            Some(&event.sender),
            event.state_key.as_ref(),
        ];
        let storable = ids.into_iter().flatten().all(|id| is_storable(id));
        storable.then_some(event)
    }

    pub(super) fn written_at(&self) -> Option<DateTime<Utc>> {
        DateTime::from_timestamp_millis(self.origin_server_ts)
    }

    pub(super) fn str_at(&self, pointer: &str) -> Option<&str> {
        self.content.pointer(pointer)?.as_str()
    }

    /// By which transaction it was sent, when this device did.
    pub(super) fn transaction_id(&self) -> Option<&str> {
        self.unsigned.get("transaction_id")?.as_str()
    }

    /// Whether this membership event follows on having been in the room.
    pub(super) fn was_joined(&self) -> bool {
        self.unsigned
            .pointer("/prev_content/membership")
            .and_then(Value::as_str)
            == Some("join")
    }

    /// What the event means, when it is not the bot's own.
    pub(super) fn meaning(&self, bot: &str) -> Meaning {
        if self.sender == bot {
            return Meaning::Nothing;
        }
        match (self.event_type.as_str(), &self.state_key) {
            ("m.room.message", None) => self.message_meaning(),
            ("m.room.redaction", None) => self
                .redacts
                .as_deref()
                .or_else(|| self.str_at("/redacts"))
                .filter(|of| is_storable(of))
                .map_or(Meaning::Nothing, |of| Meaning::Redaction(of.to_owned())),
            ("m.room.member", Some(user_id))
                if self.str_at("/membership") == Some("join") && !self.was_joined() =>
            {
                Meaning::Join(user_id.clone())
            }
            _ => Meaning::Nothing,
        }
    }

    fn message_meaning(&self) -> Meaning {
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
                (Some(of), Some(text)) if is_storable(of) => Meaning::Edit {
                    of: of.to_owned(),
                    text: clean(text),
                },
                _ => Meaning::Nothing,
            };
        }
        let Some(body) = self.str_at("/body") else {
            return Meaning::Nothing;
        };
        let is_reply = self
            .content
            .pointer("/m.relates_to/m.in_reply_to")
            .is_some();
        Meaning::Text(clean(if is_reply {
            without_reply_fallback(body)
        } else {
            body
        }))
    }
}

/// Whether Postgres can store it. Event ids have no such character; what clients call one may.
fn is_storable(id: &str) -> bool {
    !id.contains('\0')
}

/// What Postgres cannot store, shown as what it is: a character that cannot be shown.
fn clean(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

/// Older clients quote what they reply to in the body, with its author's user id
/// (Matrix v1.12, "Fallbacks for rich replies").
fn without_reply_fallback(body: &str) -> &str {
    if !body.starts_with("> <") && !body.starts_with("> * <") {
        return body;
    }
    let mut rest = body;
    while rest.starts_with("> ") || rest.starts_with(">\n") {
        match rest.split_once('\n') {
            Some((_, after)) => rest = after,
            None => return "",
        }
    }
    rest.strip_prefix('\n').unwrap_or(rest)
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

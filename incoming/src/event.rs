//! A room event as far as the relay looks into it, and what it means for the visitor.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer, Serialize, de::DeserializeOwned};
use serde_json::{Value, value::RawValue};

use crate::{bounds, formatted_text::Formatted, visible_text};

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

/// What an event means, whoever it is for. Texts are as they were written, in plain text: they can be stored, but
/// are not fit to be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// A text.
    Text(String),
    /// A new text in place of an event's.
    Edit {
        /// The event whose text it was.
        of: String,
        /// The new text.
        text: String,
    },
    /// Something that is no text, in place of an event's.
    EditToUnshown(String),
    /// That event's text is to go.
    Redaction(String),
    /// Someone entered the room.
    Join(String),
    /// Something people sent that is no text.
    NotShown(Unshown),
    /// An `m.notice`, which is a bot's way to speak.
    Notice,
    /// An event of a type that is not known.
    Other,
    /// Nothing.
    Nothing,
}

/// What people send that cannot be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unshown {
    /// `m.file`
    File,
    /// `m.image`
    Picture,
    /// `m.video`
    Video,
    /// `m.audio`, mostly a voice message.
    Voice,
    /// A sticker.
    Sticker,
    /// A poll.
    Poll,
    /// A place, or a live one.
    Place,
    /// A call.
    Call,
    /// What is encrypted.
    Encrypted,
    /// A person's `m.notice`.
    Notice,
    /// A reaction.
    Reaction,
    /// Anything else.
    Other,
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

    /// The event that it answers or is a reaction to.
    #[must_use]
    pub fn refers_to(&self) -> Option<&str> {
        let annotated = || {
            self.str_at("/m.relates_to/event_id")
                .filter(|_| self.relation() == Some("m.annotation"))
        };
        self.str_at("/m.relates_to/m.in_reply_to/event_id")
            .or_else(annotated)
            .filter(|id| bounds::is_id(id))
    }

    /// The first event of the thread that it is in.
    #[must_use]
    pub fn thread_root(&self) -> Option<&str> {
        self.str_at("/m.relates_to/event_id")
            .filter(|_| is_thread(&self.content))
            .filter(|id| bounds::is_id(id))
    }

    /// Whether it says of itself that it is between staff: it is in a thread, or mentions somebody other than the bot.
    #[must_use]
    pub fn is_internal(&self, bot: &str) -> bool {
        let new_content = self.new_content();
        [Some(&self.content), new_content]
            .into_iter()
            .flatten()
            .any(|content| is_thread(content) || mentions_another(content, bot))
    }

    /// What it says in words, without the quotation of what it answers, and the same as it was typed, which may begin
    /// with a command.
    #[must_use]
    pub fn typed(&self) -> Option<String> {
        let content = self.new_content().unwrap_or(&self.content);
        let body = bounds::storable_text(content.get("body")?.as_str()?);
        Some(match visible_text::reply_without_fallback(&body) {
            Some(reply) => reply.to_owned(),
            None => body,
        })
    }

    fn relation(&self) -> Option<&str> {
        self.str_at("/m.relates_to/rel_type")
    }

    fn new_content(&self) -> Option<&Value> {
        (self.relation() == Some("m.replace"))
            .then(|| self.content.get("m.new_content"))
            .flatten()
    }

    /// What the event means, when it is not the bot's own.
    #[must_use]
    pub fn meaning(&self, bot: &str) -> Meaning {
        if self.sender == bot || self.is_redacted() {
            return Meaning::Nothing;
        }
        match &self.state_key {
            None => self.message_meaning(),
            Some(state_key) => self.state_meaning(state_key),
        }
    }

    /// A redaction leaves nothing of a content.
    fn is_redacted(&self) -> bool {
        self.content
            .as_object()
            .is_some_and(serde_json::Map::is_empty)
            && self.redacts.is_none()
    }

    fn state_meaning(&self, state_key: &str) -> Meaning {
        match self.event_type.as_str() {
            "m.room.member"
                if bounds::is_id(state_key)
                    && self.str_at("/membership") == Some("join")
                    && !self.was_joined() =>
            {
                Meaning::Join(state_key.to_owned())
            }
            "m.beacon_info" | "org.matrix.msc3672.beacon_info"
                if self.content.get("live") == Some(&Value::Bool(true)) =>
            {
                Meaning::NotShown(Unshown::Place)
            }
            // In the older form the list is empty for who has left.
            "m.call.member"
            | "org.matrix.msc3401.call.member"
            | "org.matrix.msc4143.rtc.member"
                if self.content.get("memberships") != Some(&Value::Array(Vec::new())) =>
            {
                Meaning::NotShown(Unshown::Call)
            }
            _ => Meaning::Nothing,
        }
    }

    fn message_meaning(&self) -> Meaning {
        let unshown = match self.event_type.as_str() {
            "m.room.redaction" => {
                let of = self.redacts.as_deref().or_else(|| self.str_at("/redacts"));
                return of
                    .filter(|of| bounds::is_id(of))
                    .map_or(Meaning::Nothing, |of| Meaning::Redaction(of.to_owned()));
            }
            "m.room.message" => match self.room_message_meaning() {
                Ok(meaning) => return meaning,
                Err(unshown) => unshown,
            },
            "m.room.encrypted" => Unshown::Encrypted,
            "m.sticker" => Unshown::Sticker,
            "m.reaction" => Unshown::Reaction,
            "m.poll.start" | "org.matrix.msc3381.poll.start" => Unshown::Poll,
            "m.call.invite" => Unshown::Call,
            "m.location" | "org.matrix.msc3488.location" => Unshown::Place,
            event_type if is_consequence(event_type) => return Meaning::Nothing,
            _ => return Meaning::Other,
        };
        // What it replaces was not shown either, as far as clients go.
        match self.str_at("/m.relates_to/event_id") {
            Some(of) if self.relation() == Some("m.replace") && bounds::is_id(of) => {
                Meaning::EditToUnshown(of.to_owned())
            }
            _ => Meaning::NotShown(unshown),
        }
    }

    fn room_message_meaning(&self) -> Result<Meaning, Unshown> {
        if !self.content.is_object() {
            // Whoever wrote it has to know that nobody can read it.
            return Err(Unshown::Other);
        }
        let new_content = self.new_content();
        let content = new_content.unwrap_or(&self.content);
        let msgtype = content
            .get("msgtype")
            .and_then(Value::as_str)
            .or_else(|| self.str_at("/msgtype"));
        match msgtype {
            Some("m.text" | "m.emote") => {}
            Some("m.notice") if new_content.is_some() => return Err(Unshown::Notice),
            Some("m.notice") => return Ok(Meaning::Notice),
            Some("m.image") => return Err(Unshown::Picture),
            Some("m.file") => return Err(Unshown::File),
            Some("m.video") => return Err(Unshown::Video),
            Some("m.audio") => return Err(Unshown::Voice),
            Some("m.location") => return Err(Unshown::Place),
            // Between clients, or the homeserver's.
            Some("m.key.verification.request" | "m.server_notice") | None => {
                return Ok(Meaning::Nothing);
            }
            Some(_) => return Err(Unshown::Other),
        }
        if self.relation() == Some("m.replace") {
            let edit = (
                self.str_at("/m.relates_to/event_id"),
                new_content.and_then(|content| text(content, false)),
            );
            return Ok(match edit {
                (Some(of), Some(text)) if bounds::is_id(of) => Meaning::Edit {
                    of: of.to_owned(),
                    text,
                },
                _ => Meaning::Nothing,
            });
        }
        Ok(text(content, self.is_reply()).map_or(Meaning::Nothing, Meaning::Text))
    }
}

/// What follows from an event that was told of, and what clients tell each other.
fn is_consequence(event_type: &str) -> bool {
    event_type.starts_with("m.call.")
        || event_type.starts_with("m.key.verification.")
        || matches!(
            event_type,
            "m.poll.response"
                | "m.poll.end"
                | "org.matrix.msc3381.poll.response"
                | "org.matrix.msc3381.poll.end"
                | "m.beacon"
                | "org.matrix.msc3672.beacon"
                | "m.rtc.notification"
                | "org.matrix.msc4075.rtc.notification"
                | "org.matrix.msc4075.call.notify"
                | "org.matrix.call.sdp_stream_metadata_changed"
                | "org.matrix.call.asserted_identity"
                | "io.element.call.encryption_keys"
                | "m.room.message.feedback"
        )
}

/// The text of a content: what its markup means, where there is any that can be read.
fn text(content: &Value, is_reply: bool) -> Option<String> {
    let body = content.get("body").and_then(Value::as_str);
    let formatted = formatted(content).map(|formatted| formatted.text);
    if let Some(text) = formatted.filter(|text| !text.is_empty()) {
        return Some(bounds::storable_text(&text));
    }
    let body = bounds::storable_text(body?);
    Some(match visible_text::reply_without_fallback(&body) {
        Some(reply) if is_reply => reply.to_owned(),
        _ => body,
    })
}

fn formatted(content: &Value) -> Option<Formatted> {
    let is_html = content.get("format")?.as_str()? == "org.matrix.custom.html";
    let html = content.get("formatted_body")?.as_str()?;
    is_html.then(|| Formatted::read(html))
}

fn is_thread(content: &Value) -> bool {
    let relation = content.pointer("/m.relates_to/rel_type");
    relation.is_some_and(|it| it == "m.thread" || it == "io.element.thread")
}

/// Whether the content mentions the room, or anybody but the bot. `m.mentions` tells, and where clients do not know
/// it, a link to a user and `@room` are mentions.
fn mentions_another(content: &Value, bot: &str) -> bool {
    if let Some(Value::Object(mentions)) = content.get("m.mentions") {
        let users = mentions.get("user_ids").and_then(Value::as_array);
        return mentions.get("room") == Some(&Value::Bool(true))
            || users.into_iter().flatten().any(|user| user != bot);
    }
    let pills = formatted(content).map_or_else(Vec::new, |formatted| formatted.users);
    let body = content.get("body").and_then(Value::as_str);
    pills.iter().any(|user| user != bot) || body.is_some_and(mentions_room)
}

/// As the push rule `.m.rule.roomnotif` finds it.
fn mentions_room(body: &str) -> bool {
    const ROOM: &str = "@room";
    let is_word = |it: Option<char>| it.is_some_and(|it| it.is_alphanumeric() || it == '_');
    body.match_indices(ROOM).any(|(at, _)| {
        let (before, behind) = (&body[..at], &body[at + ROOM.len()..]);
        // A colon behind it makes it a user's id.
        let is_id =
            behind.starts_with([':', '.', '-']) && behind[1..].starts_with(char::is_alphanumeric);
        !is_word(before.chars().next_back()) && !is_word(behind.chars().next()) && !is_id
    })
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
            ("m.call.candidates", Meaning::Nothing),
            ("m.poll.response", Meaning::Nothing),
            ("org.example.game.move", Meaning::Other),
        ] {
            let sent =
                |content| event(&json!({"type": event_type, "content": content})).meaning(BOT);
            assert_eq!(sent(json!({"x": "y"})), meaning, "{event_type}");
            assert_eq!(sent(json!({})), Meaning::Nothing, "{event_type}, redacted");
        }
        for (event_type, content, meaning) in [
            (
                "m.beacon_info",
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

    fn is_internal(content: Value) -> bool {
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
            assert_eq!(is_internal(content.clone()), expected, "{content}");
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
        assert!(is_internal(edit(
            json!({"msgtype": "m.text", "body": "y", "m.relates_to": thread})
        )));
        assert!(is_internal(edit(json!({
            "msgtype": "m.text", "body": "y", "m.mentions": {"user_ids": ["@bob:localhost"]},
        }))));
        assert!(!is_internal(edit(
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
        assert_eq!(meaning, Meaning::NotShown(Unshown::Other));
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

    /// Any JSON, with the names that matter among its keys.
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

//! A room event with the fields that the relay needs, and its meaning for the visitor.

mod content;
mod unsigned;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, value::RawValue};

use crate::{bounds, visible_text};
use content::{is_beacon, is_call, is_consequence, is_emote, is_thread, mentions_another, text};
use unsigned::{Unsigned, lenient};

/// The type of a room's first event.
pub const CREATION: &str = "m.room.create";
const ROOM_NAME: &str = "m.room.name";

/// Any event of a room's timeline or state. It can be written as JSON and read again.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct RoomEvent {
    /// Its id.
    pub event_id: String,
    /// Its type.
    #[serde(rename = "type")]
    pub event_type: String,
    /// The sender's user id.
    pub sender: String,
    /// Milliseconds since the Unix epoch.
    #[serde(default, deserialize_with = "lenient")]
    origin_server_ts: Option<i64>,
    /// The state key of a state event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state_key: Option<String>,
    /// The content; null when it cannot be parsed.
    #[serde(default, deserialize_with = "lenient")]
    pub content: Value,
    /// The redacted event, up to room version 10; later versions have it in the content.
    #[serde(
        default,
        deserialize_with = "lenient",
        skip_serializing_if = "Option::is_none"
    )]
    redacts: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    unsigned: Unsigned,
}

/// The meaning of an event, for anybody. Texts are as they were written, in plain text: they can be stored, but must
/// not be shown to a visitor yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// A text.
    Text(String),
    /// A new text that replaces an event's text.
    Edit {
        /// The event whose text it was.
        of: String,
        /// The new text.
        text: String,
    },
    /// Something that is not text replaces an event's text.
    EditToUnshown(String),
    /// That event's text has to be removed.
    Redaction(String),
    /// A person has joined the room.
    Join(String),
    /// A person has given the room this name, or an empty one to remove it.
    Name(String),
    /// Something that is not text.
    NotShown(Unshown),
    /// An `m.notice`, as bots send it.
    Notice,
    /// An event of an unknown type.
    Other,
    /// Nothing.
    Nothing,
}

/// Kinds of messages that cannot be shown.
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
    /// A position on the map, possibly a live one.
    Place,
    /// A call.
    Call,
    /// An encrypted message.
    Encrypted,
    /// A person's `m.notice`.
    Notice,
    /// A reaction.
    Reaction,
    /// Anything else.
    Other,
}

impl RoomEvent {
    /// Parses an event; one that does not follow the specification is nothing that the relay can use.
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

    /// The event as JSON, to be stored.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(self)
    }

    /// The event from stored JSON.
    pub fn from_json(json: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(json)
    }

    /// When it was sent, if its time is one of the calendar.
    #[must_use]
    pub fn written_at(&self) -> Option<DateTime<Utc>> {
        let millis = self.origin_server_ts.filter(|millis| *millis >= 0)?;
        DateTime::from_timestamp_millis(millis)
    }

    /// A text at this place in the content.
    #[must_use]
    pub fn str_at(&self, pointer: &str) -> Option<&str> {
        self.content.pointer(pointer)?.as_str()
    }

    /// The transaction that has sent it, if this device has.
    #[must_use]
    pub fn transaction_id(&self) -> Option<&str> {
        self.unsigned.transaction_id.as_deref()
    }

    /// Whether this membership event follows a membership in the room.
    #[must_use]
    pub fn was_joined(&self) -> bool {
        self.unsigned.prev_content.membership.as_deref() == Some("join")
    }

    /// Whether the event was redacted.
    #[must_use]
    pub const fn was_redacted(&self) -> bool {
        self.unsigned.redacted_because
    }

    /// The event as homeservers show it once it was redacted, with what is left of its content.
    #[must_use]
    pub fn redacted(self, content: Value) -> Self {
        Self {
            content,
            unsigned: Unsigned {
                redacted_because: true,
                ..self.unsigned
            },
            ..self
        }
    }

    /// Whether this membership event accepts an invitation of this user.
    #[must_use]
    pub fn accepts_invitation_of(&self, user_id: &str) -> bool {
        self.event_type == "m.room.member"
            && self.state_key.as_deref() == Some(user_id)
            && self.str_at("/membership") == Some("join")
            && self.unsigned.prev_content.membership.as_deref() == Some("invite")
    }

    /// Whether this is one of the many events of a live position.
    #[must_use]
    pub fn is_beacon(&self) -> bool {
        is_beacon(&self.event_type)
    }

    /// Whether it says what its sender does.
    #[must_use]
    pub fn is_emote(&self) -> bool {
        let content = self.new_content().unwrap_or(&self.content);
        is_emote(content)
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

    /// Whether the event marks itself as between staff: it is in a thread, or mentions somebody other than the bot.
    #[must_use]
    pub fn is_internal(&self, bot: &str) -> bool {
        let new_content = self.new_content();
        [Some(&self.content), new_content]
            .into_iter()
            .flatten()
            .any(|content| is_thread(content) || mentions_another(content, bot))
    }

    /// The event's text without the quotation of what it answers, and the same as it was typed, which may begin with a
    /// command.
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

    /// The event's meaning, if it is not the bot's own.
    #[must_use]
    pub fn meaning(&self, bot: &str) -> Meaning {
        if self.sender == bot {
            return Meaning::Nothing;
        }
        if self.event_type == ROOM_NAME && self.state_key.as_deref() == Some("") {
            let name = self.str_at("/name").unwrap_or_default();
            return Meaning::Name(bounds::storable_text(name));
        }
        if self.is_redacted() {
            return Meaning::Nothing;
        }
        match &self.state_key {
            None => self.message_meaning(),
            Some(state_key) => self.state_meaning(state_key),
        }
    }

    /// Whether the content is empty, as after a redaction.
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
            // In the older form the list is empty for a person who has left.
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
            event_type if is_call(event_type) => Unshown::Call,
            "m.location" | "org.matrix.msc3488.location" => Unshown::Place,
            event_type if is_beacon(event_type) => Unshown::Place,
            event_type if is_consequence(event_type) => return Meaning::Nothing,
            _ => return Meaning::Other,
        };
        // The event that it replaces was not shown either, according to clients.
        match self.str_at("/m.relates_to/event_id") {
            Some(of) if self.relation() == Some("m.replace") && bounds::is_id(of) => {
                Meaning::EditToUnshown(of.to_owned())
            }
            _ => Meaning::NotShown(unshown),
        }
    }

    fn room_message_meaning(&self) -> Result<Meaning, Unshown> {
        if !self.content.is_object() {
            // The sender has to know that nobody can read it.
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
            // These events are between clients, or from the homeserver.
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

#[cfg(test)]
mod tests;

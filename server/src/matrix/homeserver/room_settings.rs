//! The bot's decisions about a room: the request that makes it, and the state events that the bot sets later.

use std::collections::BTreeMap;

use matrix_sdk::ruma::UserId;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::encryption::Encrypted;
use crate::config::HistoryVisibility;

/// The version of every room. From version 12 on, a room's creator stands above all power levels, so the bot could not
/// be given the level 100.
pub(super) const ROOM_VERSION: &str = "11";

/// The field of `m.room.create` in a conversation's room, whose value is the session's id.
pub(crate) const SESSION_MARKER: &str = "pro.webdevelop.support_chat.session_id";
/// The field of `m.room.create` in the desk.
const DESK: &str = "pro.webdevelop.support_chat.desk";

/// The level of the bot in its rooms.
const BOT_LEVEL: i64 = 100;

/// Types of state that moderators may change in other rooms, and only the bot in these.
const BOT_ONLY: [&str; 8] = [
    "m.room.encryption",
    "m.room.history_visibility",
    "m.room.join_rules",
    "m.room.guest_access",
    "m.room.power_levels",
    "m.room.topic",
    "m.room.tombstone",
    "m.room.server_acl",
];

/// A room to be made: not in any directory, without an alias, not federated, and with nobody invited.
#[derive(Clone, Debug, PartialEq)]
pub struct NewRoom {
    /// The homeserver's defaults for what this request does not set.
    pub preset: Preset,
    /// What the room is for.
    pub marker: RoomMarker,
    /// Its name.
    pub name: String,
    /// Its topic.
    pub topic: &'static str,
    /// The power levels.
    pub power_levels: PowerLevels,
    /// The settings that say which people may enter and what they can read. They replace those of the preset.
    pub access: [RoomSetting; 3],
}

/// The homeserver's defaults for what the request for a room does not set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preset {
    /// `private_chat`
    Private,
    /// `public_chat`. If `encryption_enabled_by_default_for_room_type` is `invite`, Synapse encrypts rooms with the
    /// private preset and not those with the public one, whatever their join rule is. The request overrides everything
    /// that this preset would make public.
    Public,
}

impl Preset {
    /// The preset whose rooms this homeserver leaves unencrypted.
    #[must_use]
    pub const fn for_homeserver_that_encrypts(encrypted: Encrypted) -> Self {
        match encrypted {
            Encrypted::Never => Self::Private,
            Encrypted::WhenPrivate | Encrypted::Always => Self::Public,
        }
    }

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Private => "private_chat",
            Self::Public => "public_chat",
        }
    }
}

/// What a room is for, as its marker in `m.room.create` says. `createRoom` has no transaction id, so the bot finds a
/// room by its marker when the request that made it was not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RoomMarker {
    /// The conversation of this session.
    Session(Uuid),
    /// The desk.
    Desk,
}

impl RoomMarker {
    /// Reads the content of `m.room.create`; `None` for a room that is not the bot's.
    #[must_use]
    pub fn read(creation: &Value) -> Option<Self> {
        if creation[DESK] == true {
            return Some(Self::Desk);
        }
        let session_id = creation.get(SESSION_MARKER)?.as_str()?.parse().ok()?;
        Some(Self::Session(session_id))
    }

    /// The session, if the marker names one.
    #[must_use]
    pub const fn session_id(self) -> Option<Uuid> {
        match self {
            Self::Session(session_id) => Some(session_id),
            Self::Desk => None,
        }
    }

    /// The content for `m.room.create` in a `createRoom` request.
    pub(super) fn creation_content(self) -> Value {
        match self {
            Self::Session(session_id) => json!({ "m.federate": false, SESSION_MARKER: session_id }),
            Self::Desk => json!({ "m.federate": false, DESK: true }),
        }
    }
}

/// A state event that the bot sets, always with an empty state key.
#[derive(Clone, Debug, PartialEq)]
pub enum RoomSetting {
    /// The power levels.
    PowerLevels(PowerLevels),
    /// The name.
    Name(String),
    /// The topic.
    Topic(&'static str),
    /// What members can read of the time before they joined.
    HistoryVisibility(HistoryVisibility),
    /// Nobody enters without an invitation.
    InvitedOnly,
    /// Guest accounts cannot enter.
    NoGuests,
}

impl RoomSetting {
    /// The settings that say which people may enter a room, and what they can read there.
    #[must_use]
    pub const fn access(history: HistoryVisibility) -> [Self; 3] {
        [
            Self::InvitedOnly,
            Self::HistoryVisibility(history),
            Self::NoGuests,
        ]
    }

    /// The type of the state event.
    #[must_use]
    pub const fn event_type(&self) -> &'static str {
        match self {
            Self::PowerLevels(_) => "m.room.power_levels",
            Self::Name(_) => "m.room.name",
            Self::Topic(_) => "m.room.topic",
            Self::HistoryVisibility(_) => "m.room.history_visibility",
            Self::InvitedOnly => "m.room.join_rules",
            Self::NoGuests => "m.room.guest_access",
        }
    }

    /// The content of the state event.
    #[must_use]
    pub fn content(&self) -> Value {
        match self {
            Self::PowerLevels(levels) => json!(levels),
            Self::Name(name) => json!({ "name": name }),
            Self::Topic(topic) => json!({ "topic": topic }),
            Self::HistoryVisibility(visibility) => {
                json!({ "history_visibility": visibility.as_str() })
            }
            Self::InvitedOnly => json!({ "join_rule": "invite" }),
            Self::NoGuests => json!({ "guest_access": "forbidden" }),
        }
    }
}

/// The content of `m.room.power_levels`. Every field is written, even if it has the specification's default, so that
/// the homeserver returns exactly what was set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PowerLevels {
    users: BTreeMap<String, i64>,
    users_default: i64,
    events: BTreeMap<String, i64>,
    events_default: i64,
    state_default: i64,
    invite: i64,
    kick: i64,
    ban: i64,
    redact: i64,
    /// Synapse adds this to the levels that it is given.
    historical: i64,
}

impl PowerLevels {
    /// The levels in a conversation's room. Staff have 0, which is enough to write, to rename the room and to bring in
    /// a colleague.
    #[must_use]
    pub fn of_conversation(bot: &UserId) -> Self {
        let bot_only = BOT_ONLY.map(|event_type| (event_type, BOT_LEVEL));
        let events = [("m.room.name", 0), ("m.room.avatar", 50)]
            .into_iter()
            .chain(bot_only)
            .map(|(event_type, level)| (event_type.to_owned(), level));
        Self {
            users: BTreeMap::from([(bot.to_string(), BOT_LEVEL)]),
            users_default: 0,
            events: events.collect(),
            events_default: 0,
            state_default: 50,
            invite: 0,
            kick: 50,
            ban: 50,
            redact: 50,
            historical: 100,
        }
    }

    /// The same levels, and one more account with the bot's own.
    #[must_use]
    pub fn with_commander(mut self, user_id: &UserId) -> Self {
        self.users.insert(user_id.to_string(), BOT_LEVEL);
        self
    }

    /// The levels in the desk. The configuration says who is in the desk, so only the bot invites and renames.
    #[must_use]
    pub fn of_desk(bot: &UserId) -> Self {
        let mut levels = Self::of_conversation(bot);
        levels.invite = BOT_LEVEL;
        levels.events.insert("m.room.name".to_owned(), BOT_LEVEL);
        levels
    }
}

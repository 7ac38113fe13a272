//! The state of a room, as the homeserver answers it.

use serde_json::Value;

use super::room_settings::RoomSetting;
use crate::{matrix::event::RoomEvent, storage::staff_members::Membership};

/// The level from which on the bot is in command of a room.
const IN_COMMAND: i64 = 100;

/// Every state event of a room.
#[derive(Clone, Debug)]
pub struct RoomState(Vec<RoomEvent>);

impl RoomState {
    pub(super) const fn new(events: Vec<RoomEvent>) -> Self {
        Self(events)
    }

    /// The events.
    #[must_use]
    pub fn events(&self) -> &[RoomEvent] {
        &self.0
    }

    fn content(&self, event_type: &str, state_key: &str) -> Option<&Value> {
        let mut events = self.0.iter();
        let event = events.find(|event| {
            event.event_type == event_type && event.state_key.as_deref() == Some(state_key)
        });
        event.map(|event| &event.content)
    }

    /// Whether the room has some value for this setting, whichever it is.
    #[must_use]
    pub fn has_some(&self, event_type: &str) -> bool {
        self.content(event_type, "").is_some()
    }

    /// Whether the room is set so.
    #[must_use]
    pub fn has(&self, setting: &RoomSetting) -> bool {
        self.content(setting.event_type(), "") == Some(&setting.content())
    }

    /// Whether the relay could not read what staff write in the room.
    #[must_use]
    pub fn is_encrypted(&self) -> bool {
        self.has_some("m.room.encryption")
    }

    /// What this person is in the room; `None` when the room never had to do with them.
    #[must_use]
    pub fn membership(&self, user_id: &str) -> Option<Membership> {
        let content = self.content("m.room.member", user_id)?;
        Membership::named(content["membership"].as_str()?)
    }

    /// Whether this user may write in the room and set it up; `None` when the room says nothing about levels.
    #[must_use]
    pub fn is_in_command(&self, user_id: &str) -> Option<bool> {
        let levels = self.content("m.room.power_levels", "")?;
        let level = levels["users"][user_id].as_i64();
        Some(level.is_some_and(|level| level >= IN_COMMAND))
    }
}

//! The state of a room, as the homeserver returns it.

use serde_json::Value;

use super::room_settings::RoomSetting;
use crate::{matrix::event::RoomEvent, storage::staff_members::Membership};

/// The level from which on the bot has command of a room.
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

    /// Whether the room has any value for this setting.
    #[must_use]
    pub fn has_some(&self, event_type: &str) -> bool {
        self.content(event_type, "").is_some()
    }

    /// Whether the room has this setting.
    #[must_use]
    pub fn has(&self, setting: &RoomSetting) -> bool {
        self.content(setting.event_type(), "") == Some(&setting.content())
    }

    /// Whether the relay could not read what staff write in the room, because it is encrypted.
    #[must_use]
    pub fn is_encrypted(&self) -> bool {
        self.has_some("m.room.encryption")
    }

    /// This person's membership of the room; `None` when they have never had one.
    #[must_use]
    pub fn membership(&self, user_id: &str) -> Option<Membership> {
        let content = self.content("m.room.member", user_id)?;
        Membership::named(content["membership"].as_str()?)
    }

    /// The people who are in the room or invited to it.
    pub fn people(&self) -> impl Iterator<Item = &str> {
        let members = self.0.iter().filter(|event| {
            event.event_type == "m.room.member"
                && matches!(
                    event.str_at("/membership"),
                    Some("join" | "invite" | "knock")
                )
        });
        members.filter_map(|event| event.state_key.as_deref())
    }

    /// The people who are invited and have not answered.
    pub fn invited(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|event| {
            let is_invited = event.event_type == "m.room.member"
                && event.str_at("/membership") == Some("invite");
            event.state_key.as_deref().filter(|_| is_invited)
        })
    }

    /// Whether this user may write in the room and set its state; `None` when the room has no power levels.
    #[must_use]
    pub fn is_in_command(&self, user_id: &str) -> Option<bool> {
        let levels = self.content("m.room.power_levels", "")?;
        let level = levels["users"][user_id].as_i64();
        Some(level.is_some_and(|level| level >= IN_COMMAND))
    }
}

//! The data of the fake homeserver: rooms, their state, their events, and the transactions that made them.

use std::collections::{BTreeMap, HashMap};

use matrix_sdk::ruma::api::error::ErrorKind;
use serde_json::{Value, json};

use super::refusal;
use crate::matrix::{
    event::RoomEvent,
    homeserver::{MatrixError, NewRoom, Preset, RoomSetting, RoomState},
};

/// The number of events on one page of history: small, so that tests need several pages.
const PAGE: usize = 5;

/// The rooms that this homeserver encrypts although the request did not ask for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Encrypts {
    #[default]
    Nothing,
    PrivateRooms,
    AllRooms,
}

#[derive(Debug)]
pub(super) struct World {
    pub(super) bot: String,
    pub(super) encrypts: Encrypts,
    pub(super) now: i64,
    /// How often it has started.
    pub(super) starts: u32,
    rooms: BTreeMap<String, Room>,
    transactions: HashMap<(String, String), String>,
    events_made: u64,
}

#[derive(Debug, Default)]
struct Room {
    timeline: Vec<RoomEvent>,
    /// The room's state, by type and state key.
    state: BTreeMap<(String, String), RoomEvent>,
}

impl Room {
    fn content(&self, event_type: &str, state_key: &str) -> Option<&Value> {
        let key = (event_type.to_owned(), state_key.to_owned());
        Some(&self.state.get(&key)?.content)
    }

    fn membership(&self, user_id: &str) -> Option<&str> {
        self.content("m.room.member", user_id)?["membership"].as_str()
    }
}

impl World {
    pub(super) fn new(bot: &str) -> Self {
        Self {
            bot: bot.to_owned(),
            encrypts: Encrypts::default(),
            now: 0,
            starts: 1,
            rooms: BTreeMap::new(),
            transactions: HashMap::new(),
            events_made: 0,
        }
    }

    /// Adds an event to a room and returns its id.
    fn add(&mut self, room_id: &str, mut event: Value) -> String {
        self.events_made += 1;
        let event_id = format!("$event{:06}", self.events_made);
        event["event_id"] = json!(event_id);
        event["origin_server_ts"] = json!(self.now);
        let event = RoomEvent::from_json(&event.to_string()).expect("it is an event");
        let room = self.rooms.entry(room_id.to_owned()).or_default();
        if let Some(state_key) = &event.state_key {
            let key = (event.event_type.clone(), state_key.clone());
            room.state.insert(key, event.clone());
        }
        room.timeline.push(event);
        event_id
    }

    fn add_state(&mut self, room_id: &str, event_type: &str, state_key: &str, content: &Value) {
        let event = json!({
            "type": event_type, "state_key": state_key, "sender": self.bot, "content": content,
        });
        self.add(room_id, event);
    }

    pub(super) fn set_membership(&mut self, room_id: &str, user_id: &str, membership: &str) {
        let content = json!({ "membership": membership });
        self.add_state(room_id, "m.room.member", user_id, &content);
    }

    /// The room, if the bot is in it.
    fn room(&self, room_id: &str) -> Result<&Room, MatrixError> {
        let room = self.rooms.get(room_id);
        room.filter(|room| room.membership(&self.bot) == Some("join"))
            .ok_or_else(|| refusal(403, ErrorKind::Forbidden))
    }

    /// The room, if the bot is in it and has command of it.
    fn room_in_command(&self, room_id: &str) -> Result<&Room, MatrixError> {
        let room = self.room(room_id)?;
        let levels = room.content("m.room.power_levels", "");
        let level = levels.and_then(|levels| levels["users"][&self.bot].as_i64());
        level
            .is_some_and(|level| level >= 100)
            .then_some(room)
            .ok_or_else(|| refusal(403, ErrorKind::Forbidden))
    }

    pub(super) fn create_room(&mut self, new: &NewRoom) -> String {
        let room_id = format!("!room{:04}:fake", self.rooms.len() + 1);
        let creation = new.marker.creation_content();
        self.add_state(&room_id, "m.room.create", "", &creation);
        let bot = self.bot.clone();
        self.set_membership(&room_id, &bot, "join");
        let is_encrypted = match self.encrypts {
            Encrypts::Nothing => false,
            Encrypts::PrivateRooms => new.preset == Preset::Private,
            Encrypts::AllRooms => true,
        };
        if is_encrypted {
            let content = json!({ "algorithm": "m.megolm.v1.aes-sha2" });
            self.add_state(&room_id, "m.room.encryption", "", &content);
        }
        let settings = [
            RoomSetting::PowerLevels(new.power_levels.clone()),
            RoomSetting::Name(new.name.clone()),
            RoomSetting::Topic(new.topic),
        ];
        for setting in settings.iter().chain(&new.access) {
            self.add_state(&room_id, setting.event_type(), "", &setting.content());
        }
        room_id
    }

    pub(super) fn joined_rooms(&self) -> Vec<String> {
        let joined = self
            .rooms
            .iter()
            .filter(|(_, room)| room.membership(&self.bot) == Some("join"));
        joined.map(|(room_id, _)| room_id.clone()).collect()
    }

    pub(super) fn all_rooms(&self) -> Vec<String> {
        self.rooms.keys().cloned().collect()
    }

    pub(super) fn creation(&self, room_id: &str) -> Result<Option<Value>, MatrixError> {
        Ok(self.room(room_id)?.content("m.room.create", "").cloned())
    }

    /// The content of a room's `m.room.create`, even if the bot is not in the room.
    pub(super) fn creation_of_any(&self, room_id: &str) -> Option<&Value> {
        self.rooms.get(room_id)?.content("m.room.create", "")
    }

    pub(super) fn room_state(&self, room_id: &str) -> Result<RoomState, MatrixError> {
        let state = self.room(room_id)?.state.values().cloned();
        Ok(RoomState::new(state.collect()))
    }

    pub(super) fn room_name(&self, room_id: &str) -> Result<Option<String>, MatrixError> {
        let name = self.room(room_id)?.content("m.room.name", "");
        let name = name.and_then(|content| content["name"].as_str());
        Ok(name.map(str::to_owned))
    }

    pub(super) fn set_state(
        &mut self,
        room_id: &str,
        setting: &RoomSetting,
    ) -> Result<(), MatrixError> {
        self.room_in_command(room_id)?;
        self.add_state(room_id, setting.event_type(), "", &setting.content());
        Ok(())
    }

    pub(super) fn invite(&mut self, room_id: &str, user_id: &str) -> Result<(), MatrixError> {
        if self.room(room_id)?.membership(user_id) == Some("join") {
            return Err(refusal(403, ErrorKind::Forbidden));
        }
        self.set_membership(room_id, user_id, "invite");
        Ok(())
    }

    pub(super) fn remove(&mut self, room_id: &str, user_id: &str) -> Result<(), MatrixError> {
        let membership = self.room_in_command(room_id)?.membership(user_id);
        if !matches!(membership, Some("join" | "invite")) {
            return Err(refusal(403, ErrorKind::Forbidden));
        }
        self.set_membership(room_id, user_id, "leave");
        Ok(())
    }

    pub(super) fn membership(
        &self,
        room_id: &str,
        user_id: &str,
    ) -> Result<Option<String>, MatrixError> {
        let membership = self.room(room_id)?.membership(user_id);
        Ok(membership.map(str::to_owned))
    }

    pub(super) fn join(&mut self, room_id: &str) -> Result<(), MatrixError> {
        let bot = self.bot.clone();
        let room = self.rooms.get(room_id);
        match room.and_then(|room| room.membership(&bot)) {
            Some("join") => Ok(()),
            Some("invite") => {
                self.set_membership(room_id, &bot, "join");
                Ok(())
            }
            _ => Err(refusal(403, ErrorKind::Forbidden)),
        }
    }

    pub(super) fn leave(&mut self, room_id: &str) -> Result<(), MatrixError> {
        self.room(room_id)?;
        let bot = self.bot.clone();
        self.set_membership(room_id, &bot, "leave");
        Ok(())
    }

    pub(super) fn send(
        &mut self,
        room_id: &str,
        txn_id: &str,
        content: &Value,
    ) -> Result<String, MatrixError> {
        self.room(room_id)?;
        let transaction = (room_id.to_owned(), txn_id.to_owned());
        if let Some(event_id) = self.transactions.get(&transaction) {
            return Ok(event_id.clone());
        }
        let event = json!({
            "type": "m.room.message", "sender": self.bot, "content": content,
            "unsigned": { "transaction_id": txn_id },
        });
        let event_id = self.add(room_id, event);
        self.transactions.insert(transaction, event_id.clone());
        Ok(event_id)
    }

    pub(super) fn redact(&mut self, room_id: &str, event_id: &str) -> Result<(), MatrixError> {
        self.room_in_command(room_id)?;
        let room = self.rooms.entry(room_id.to_owned()).or_default();
        let event = room
            .timeline
            .iter_mut()
            .find(|event| event.event_id == event_id)
            .ok_or_else(|| refusal(404, ErrorKind::NotFound))?;
        // What a redaction leaves of a membership.
        let content = match event.content.get("membership") {
            Some(membership) => json!({ "membership": membership }),
            None => json!({}),
        };
        *event = event.clone().redacted(content.clone());
        let key = event.state_key.clone();
        let key = key.map(|state_key| (event.event_type.clone(), state_key));
        let current = key.and_then(|key| room.state.get_mut(&key));
        if let Some(current) = current.filter(|current| current.event_id == event_id) {
            current.content = content;
        }
        Ok(())
    }

    pub(super) fn restart(&mut self) {
        self.starts += 1;
        self.transactions.clear();
    }

    /// A page of history backwards from a position, which counts events from the room's beginning.
    pub(super) fn history(
        &self,
        room_id: &str,
        from: Option<&str>,
    ) -> Result<(Vec<RoomEvent>, Option<String>), MatrixError> {
        let timeline = &self.room(room_id)?.timeline;
        let end = from.map_or(Ok(timeline.len()), str::parse);
        let end = end.map_err(|_| refusal(400, ErrorKind::InvalidParam))?;
        let begin = end.saturating_sub(PAGE);
        let page = timeline[begin..end].iter().rev().cloned().collect();
        Ok((page, (begin > 0).then(|| begin.to_string())))
    }

    /// Every event of a room, oldest first, even if the bot is not in the room.
    pub(super) fn timeline(&self, room_id: &str) -> &[RoomEvent] {
        self.rooms.get(room_id).map_or(&[], |room| &room.timeline)
    }

    /// Every event of the room, and the place of one of them.
    pub(super) fn place(
        &self,
        room_id: &str,
        event_id: &str,
    ) -> Result<(&[RoomEvent], usize), MatrixError> {
        let timeline = &self.room(room_id)?.timeline;
        let place = timeline.iter().position(|event| event.event_id == event_id);
        let place = place.ok_or_else(|| refusal(404, ErrorKind::NotFound))?;
        Ok((timeline, place))
    }
}

//! The homeserver's answers, parsed so that one faulty room or event does not keep the others from being read: only the
//! fields that the relay needs are parsed, and each room on its own.

use std::{borrow::Cow, collections::BTreeMap};

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{
    bounds,
    event::{CREATION, RoomEvent},
    signals::{self, RoomSignals},
};

/// Why an answer cannot be used at all.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// It is not JSON, or not an answer.
    #[error("the answer cannot be read: {0}")]
    Json(#[from] serde_json::Error),
    /// It does not name the position of the next one.
    #[error("the answer names no position that can be kept")]
    Position,
}

/// An answer to `/sync`.
#[derive(Debug)]
pub struct Sync {
    /// The position of the next answer.
    pub next_batch: String,
    /// The rooms of the bot that have news.
    pub rooms: Vec<RoomNews>,
    /// Receipts and typing of rooms.
    pub signals: Vec<RoomSignals>,
}

/// A room's news.
#[derive(Clone, Debug, PartialEq)]
pub struct RoomNews {
    /// The room.
    pub room_id: String,
    /// Its new events, oldest first.
    pub events: Vec<RoomEvent>,
    /// The end of the history that the sync has left out before these events, if it has left something out.
    pub gap_from: Option<String>,
}

impl RoomNews {
    /// The room's first event, if it is among the news.
    #[must_use]
    pub fn creation(&self) -> Option<&RoomEvent> {
        creation(&self.events)
    }
}

fn creation(events: &[RoomEvent]) -> Option<&RoomEvent> {
    events.iter().find(|event| event.event_type == CREATION)
}

/// A page of a room's history.
#[derive(Debug)]
pub struct History {
    /// Newest first.
    pub events: Vec<RoomEvent>,
    /// The position of the next page, if there is one.
    pub end: Option<String>,
}

#[derive(Deserialize)]
struct RawSync<'a> {
    next_batch: Cow<'a, str>,
    #[serde(borrow, default)]
    rooms: RawRooms<'a>,
}

#[derive(Default, Deserialize)]
struct RawRooms<'a> {
    #[serde(borrow, default)]
    join: BTreeMap<String, &'a RawValue>,
}

#[derive(Deserialize)]
struct RawRoom<'a> {
    #[serde(borrow, default)]
    timeline: RawTimeline<'a>,
}

#[derive(Default, Deserialize)]
struct RawTimeline<'a> {
    #[serde(borrow, default)]
    events: Vec<&'a RawValue>,
    #[serde(default)]
    limited: bool,
    prev_batch: Option<String>,
}

#[derive(Deserialize)]
struct RawHistory<'a> {
    #[serde(borrow, default)]
    chunk: Vec<&'a RawValue>,
    end: Option<String>,
}

/// Reads an answer to `/sync`.
pub fn sync(json: &[u8]) -> Result<Sync, Unreadable> {
    let json = String::from_utf8_lossy(json);
    let answer: RawSync<'_> = serde_json::from_str(&json)?;
    if !bounds::is_token(&answer.next_batch) {
        return Err(Unreadable::Position);
    }
    let rooms = answer.rooms.join.iter();
    let signals = rooms.filter_map(|(room_id, room)| signals::read(room_id, room));
    let signals = signals.collect();
    let rooms = answer.rooms.join.into_iter();
    let rooms = rooms.filter_map(|(room_id, room)| room_news(room_id, room, &answer.next_batch));
    Ok(Sync {
        rooms: rooms.collect(),
        signals,
        next_batch: answer.next_batch.into_owned(),
    })
}

fn room_news(room_id: String, json: &RawValue, next_batch: &str) -> Option<RoomNews> {
    if !bounds::is_id(&room_id) {
        return None;
    }
    // An event that cannot be read here may be readable in the history.
    let Ok(RawRoom { timeline }) = serde_json::from_str(json.get()) else {
        return Some(RoomNews {
            room_id,
            events: Vec::new(),
            gap_from: Some(next_batch.to_owned()),
        });
    };
    let events = read_all(&timeline.events);
    // Synapse calls each new room limited, even if all of its events are there.
    let lacks = timeline.limited && creation(&events).is_none();
    let gap_from = lacks.then(|| {
        let before = timeline.prev_batch.filter(|token| bounds::is_token(token));
        before.unwrap_or_else(|| next_batch.to_owned())
    });
    (!events.is_empty() || gap_from.is_some()).then_some(RoomNews {
        room_id,
        events,
        gap_from,
    })
}

/// Reads a page of a room's history.
pub fn history(json: &[u8]) -> Result<History, Unreadable> {
    let json = String::from_utf8_lossy(json);
    let page: RawHistory<'_> = serde_json::from_str(&json)?;
    Ok(History {
        events: read_all(&page.chunk),
        end: page.end.filter(|token| bounds::is_token(token)),
    })
}

fn read_all(events: &[&RawValue]) -> Vec<RoomEvent> {
    let events = events.iter();
    events.filter_map(|event| RoomEvent::read(event)).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn text(event_id: &str) -> Value {
        json!({
            "event_id": event_id, "type": "m.room.message", "sender": "@alice:localhost",
            "origin_server_ts": 1, "content": {"msgtype": "m.text", "body": "hi"},
        })
    }

    fn read(join: &Value) -> Vec<RoomNews> {
        let answer = json!({"next_batch": "s2", "rooms": {"join": join}});
        sync(answer.to_string().as_bytes()).unwrap().rooms
    }

    fn ids(news: &RoomNews) -> Vec<&str> {
        let events = news.events.iter();
        events.map(|event| event.event_id.as_str()).collect()
    }

    #[test]
    fn a_room_that_cannot_be_read_is_looked_for_in_its_history_and_hides_no_other() {
        for broken in [
            json!(7),
            json!({"timeline": "no"}),
            json!({"timeline": {"events": {}}}),
            json!({"timeline": {"limited": "yes"}}),
            json!({"timeline": {"events": [], "prev_batch": []}}),
        ] {
            let rooms = read(&json!({
                "!a:localhost": broken, "!b:localhost": {"timeline": {"events": [text("$1")]}},
            }));
            assert_eq!(rooms.len(), 2, "{broken}");
            assert_eq!(rooms[0].gap_from.as_deref(), Some("s2"), "{broken}");
            assert_eq!(ids(&rooms[1]), ["$1"], "{broken}");
        }
    }

    #[test]
    fn an_event_that_cannot_be_read_hides_no_other() {
        let timeline = json!({"events": [text("$1"), 5, {"event_id": []}, "x", text("$2")]});
        let rooms = read(&json!({"!a:localhost": {"timeline": timeline}}));
        assert_eq!(ids(&rooms[0]), ["$1", "$2"]);
    }

    #[test]
    fn what_the_relay_does_not_need_may_be_anything() {
        let answer = json!({
            "next_batch": "s2", "presence": 5, "device_lists": [], "to_device": null,
            "rooms": {"leave": 1, "invite": [], "join": {"!a:localhost": {
                "summary": 3, "unread_notifications": "x", "state": false,
                "timeline": {"events": [text("$1")], "limited": false},
            }}},
        });
        let rooms = sync(answer.to_string().as_bytes()).unwrap().rooms;
        assert_eq!(ids(&rooms[0]), ["$1"]);
    }

    #[test]
    fn what_is_told_beside_events_is_no_news_of_the_room() {
        let typing = json!([{"type": "m.typing", "content": {"user_ids": ["@alice:x"]}}]);
        let ephemeral = json!({"events": typing});
        let answer = json!({"next_batch": "s2", "rooms": {"join": {
            "!a:x": {"ephemeral": ephemeral},
            "!b:x": {"timeline": {"events": [text("$1")]}, "ephemeral": 5},
        }}});
        let answer = sync(answer.to_string().as_bytes()).unwrap();
        let news: Vec<_> = answer.rooms.iter().map(|it| &it.room_id).collect();
        assert_eq!(news, ["!b:x"]);
        let signals: Vec<_> = answer.signals.iter().map(|it| &it.room_id).collect();
        assert_eq!(signals, ["!a:x"]);
    }

    #[test]
    fn what_is_limited_has_a_gap_unless_the_room_is_new() {
        let mut create = text("$0");
        create["type"] = json!(CREATION);
        let timeline =
            |event| json!({"timeline": {"events": [event], "limited": true, "prev_batch": "p"}});
        let rooms = read(&json!({"!a:x": timeline(text("$1")), "!b:x": timeline(create)}));
        assert_eq!(rooms[0].gap_from.as_deref(), Some("p"));
        assert_eq!(rooms[1].gap_from, None);
        let no_token = json!({"timeline": {"limited": true, "prev_batch": "p".repeat(5000)}});
        let rooms = read(&json!({ "!a:x": no_token }));
        assert_eq!(rooms[0].gap_from.as_deref(), Some("s2"));
    }

    #[test]
    fn a_position_that_cannot_be_kept_is_no_answer() {
        for next_batch in ["", "a\0b", &"p".repeat(5000)] {
            let answer = json!({ "next_batch": next_batch }).to_string();
            assert!(matches!(sync(answer.as_bytes()), Err(Unreadable::Position)));
        }
        assert!(matches!(sync(b"{}"), Err(Unreadable::Json(_))));
    }

    #[test]
    fn nesting_without_an_end_is_one_event_s_own_affair() {
        let deep = format!("{}1{}", "[".repeat(50_000), "]".repeat(50_000));
        let first =
            text("$1")
                .to_string()
                .replacen("\"msgtype\"", &format!("\"x\":{deep},\"msgtype\""), 1);
        let answer = format!(
            r#"{{"next_batch":"s2","rooms":{{"join":{{"!a:x":{{"timeline":{{"events":[{first},{}]}}}}}}}}}}"#,
            text("$2")
        );
        let rooms = sync(answer.as_bytes()).unwrap().rooms;
        assert_eq!(ids(&rooms[0]), ["$1", "$2"]);
    }
}

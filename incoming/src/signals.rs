//! Receipts and typing in an answer. Parts that cannot be parsed are left out.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::bounds;

/// The number of receipts, and of people who type, that are read from one room's part of an answer.
const MAX: usize = 1_000;

/// The receipts and typing of one room in an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomSignals {
    /// The room.
    pub room_id: String,
    /// Public read receipts for the room itself, not for one of its threads.
    pub receipts: Vec<Receipt>,
    /// Everybody who is typing now, if that has changed.
    pub typing: Option<Vec<String>>,
}

/// A public read receipt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The reader.
    pub user_id: String,
    /// The event up to which they have read.
    pub event_id: String,
}

#[derive(Deserialize)]
struct RawRoom<'a> {
    #[serde(borrow)]
    ephemeral: RawEphemeral<'a>,
}

#[derive(Deserialize)]
struct RawEphemeral<'a> {
    #[serde(borrow)]
    events: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct RawSignal<'a> {
    r#type: String,
    #[serde(borrow)]
    content: &'a RawValue,
}

#[derive(Deserialize)]
struct RawReceipts<'a> {
    #[serde(borrow, rename = "m.read")]
    read: BTreeMap<String, &'a RawValue>,
}

#[derive(Deserialize)]
struct RawReceipt {
    thread_id: Option<String>,
}

#[derive(Deserialize)]
struct RawTyping {
    user_ids: Vec<String>,
}

/// Reads them from a room's part of an answer; `None` when there are none.
pub(crate) fn read(room_id: &str, json: &RawValue) -> Option<RoomSignals> {
    let RawRoom { ephemeral } = serde_json::from_str(json.get()).ok()?;
    let mut signals = RoomSignals {
        room_id: room_id.to_owned(),
        receipts: Vec::new(),
        typing: None,
    };
    for event in ephemeral.events {
        let Ok(RawSignal { r#type, content }) = serde_json::from_str(event.get()) else {
            continue;
        };
        match r#type.as_str() {
            "m.receipt" => read_receipts(content, &mut signals.receipts),
            "m.typing" => {
                let typing = serde_json::from_str(content.get());
                signals.typing = typing.ok().map(|RawTyping { mut user_ids }| {
                    user_ids.truncate(MAX);
                    user_ids
                });
            }
            _ => {}
        }
    }
    (!signals.receipts.is_empty() || signals.typing.is_some()).then_some(signals)
}

fn read_receipts(content: &RawValue, receipts: &mut Vec<Receipt>) {
    let Ok(events) = serde_json::from_str::<BTreeMap<String, &RawValue>>(content.get()) else {
        return;
    };
    for (event_id, kinds) in events {
        let Ok(RawReceipts { read }) = serde_json::from_str(kinds.get()) else {
            continue;
        };
        for (user_id, receipt) in read {
            let Ok(RawReceipt { thread_id }) = serde_json::from_str(receipt.get()) else {
                continue;
            };
            let is_rooms_own = thread_id.is_none_or(|thread| thread == "main");
            if is_rooms_own && bounds::is_id(&event_id) && receipts.len() < MAX {
                receipts.push(Receipt {
                    user_id,
                    event_id: event_id.clone(),
                });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json, value::to_raw_value};

    use super::*;

    fn signals(events: &Value) -> Option<RoomSignals> {
        let room = json!({"timeline": {"events": 7}, "ephemeral": {"events": events}});
        read("!a:x", &to_raw_value(&room).unwrap())
    }

    fn receipt(content: &Value) -> Value {
        json!({"type": "m.receipt", "content": content})
    }

    #[test]
    fn public_receipts_of_the_room_itself_count_and_no_others() {
        let content = json!({
            "$1": {"m.read": {"@alice:x": {"ts": 1}, "@bob:x": {"ts": 1, "thread_id": "main"}}},
            "$2": {"m.read": {"@alice:x": {"thread_id": "$root"}}},
            "$3": {"m.read.private": {"@alice:x": {"ts": 1}}},
            "$4": {"m.read.private": {"@alice:x": {}}, "m.read": {"@carol:x": {}}},
        });
        let receipts = signals(&json!([receipt(&content)])).unwrap().receipts;
        let receipts: Vec<_> = receipts
            .iter()
            .map(|it| (it.event_id.as_str(), it.user_id.as_str()))
            .collect();
        let expected = [("$1", "@alice:x"), ("$1", "@bob:x"), ("$4", "@carol:x")];
        assert_eq!(receipts, expected);
    }

    #[test]
    fn whoever_types_is_told_and_that_nobody_does() {
        let typing = |users: Value| json!([{"type": "m.typing", "content": {"user_ids": users}}]);
        let told = signals(&typing(json!(["@alice:x"]))).unwrap();
        assert_eq!(told.typing.unwrap(), ["@alice:x"]);
        let told = signals(&typing(json!([]))).unwrap();
        assert!(told.typing.unwrap().is_empty());
        assert_eq!(signals(&json!([])), None);
    }

    #[test]
    fn what_cannot_be_read_hides_nothing_else() {
        let good = receipt(&json!({"$1": {"m.read": {"@alice:x": {}}}}));
        for broken in [
            json!(1),
            json!({"type": 1}),
            receipt(&json!([])),
            receipt(&json!({"$0": 1})),
            receipt(&json!({"$0": {"m.read": []}})),
            receipt(&json!({"$0": {"m.read": {"@a:x": 3}}})),
            receipt(&json!({"": {"m.read": {"@a:x": {}}}})),
            json!({"type": "m.typing", "content": {"user_ids": "all"}}),
        ] {
            let told = signals(&json!([broken, good])).unwrap();
            assert_eq!(told.receipts.len(), 1, "{broken}");
            assert_eq!(told.typing, None, "{broken}");
        }
        for broken in [json!(1), json!({"ephemeral": []}), json!({"ephemeral": {}})] {
            assert_eq!(read("!a:x", &to_raw_value(&broken).unwrap()), None);
        }
    }

    #[test]
    fn there_is_a_bound() {
        let users: BTreeMap<_, _> = (0..2 * MAX)
            .map(|n| (format!("@{n}:x"), json!({})))
            .collect();
        let told = signals(&json!([receipt(&json!({"$1": {"m.read": users}}))]));
        assert_eq!(told.unwrap().receipts.len(), MAX);
    }
}

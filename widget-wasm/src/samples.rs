//! Messages for the tests.

use app::contract::{Delivery, Message, Sender};

fn message(id: &str, sender: Sender, body: &str) -> Message {
    Message {
        id: id.to_owned().into(),
        sender,
        body: body.to_owned(),
        created_at: "2026-05-23T00:00:00.000Z".to_owned(),
        delivery: None,
        replaces: None,
        removed: false,
    }
}

/// A message of staff.
pub(crate) fn staff(id: &str, body: &str) -> Message {
    message(id, Sender::Staff, body)
}

/// A message of the visitor.
pub(crate) fn own(id: &str, body: &str, delivery: Delivery) -> Message {
    Message {
        delivery: Some(delivery),
        ..message(id, Sender::Visitor, body)
    }
}

//! The parts of a conversation in the form of the contract.

use app::contract::{self, Message, Sender};
use chrono::{DateTime, SecondsFormat, Utc};

use crate::model::{Author, Delivery, Entry};

/// An instant: RFC 3339, UTC, with milliseconds.
pub(super) fn rfc3339(instant: DateTime<Utc>) -> String {
    instant.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// An entry of a conversation.
pub(super) fn message(entry: Entry) -> Message {
    Message {
        id: entry.id.to_string().into(),
        sender: match entry.author {
            Author::Visitor => Sender::Visitor,
            Author::Staff => Sender::Staff,
        },
        body: entry.body,
        created_at: rfc3339(entry.created_at),
        delivery: entry.delivery.map(|delivery| match delivery {
            Delivery::Pending => contract::Delivery::Pending,
            Delivery::Delivered => contract::Delivery::Delivered,
            Delivery::Failed => contract::Delivery::Failed,
        }),
        replaces: entry.replaces.map(|id| id.to_string().into()),
        removed: entry.removed,
    }
}

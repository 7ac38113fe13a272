//! One entry of a conversation, as a poll shows it.

use alloc::string::String;

use serde::{Deserialize, Serialize};

use super::MessageId;

/// Who wrote a message. Which member of the staff it was never leaves the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Sender {
    /// The person at the website.
    Visitor,
    /// Anyone who answers from Matrix.
    Staff,
}

/// How far a visitor's message has come on its way to the staff.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Delivery {
    /// Stored; the homeserver has not accepted it yet.
    Pending,
    /// In the Matrix room.
    Delivered,
    /// It will never arrive.
    Failed,
}

/// An entry of the conversation's list, which only ever grows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Message {
    /// The entry's id, and the cursor that asks for what follows it.
    pub id: MessageId,
    /// Whose it is.
    pub sender: Sender,
    /// Plain text, never markup. Empty when `removed`.
    pub body: String,
    /// RFC 3339, UTC, with milliseconds.
    #[cfg_attr(feature = "openapi", schema(format = DateTime))]
    pub created_at: String,
    /// On a visitor's message only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub delivery: Option<Delivery>,
    /// The entry that this one takes the place of: staff edited or deleted it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub replaces: Option<MessageId>,
    /// With `replaces`: the earlier entry was deleted.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub removed: bool,
}

//! An entry of a conversation, as a poll returns it.

use alloc::string::String;

use serde::{Deserialize, Serialize};

use super::MessageId;

/// The author of a message. The server never reveals which member of the staff wrote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Sender {
    /// The visitor of the website.
    Visitor,
    /// Any member of the staff.
    Staff,
}

/// The progress of a visitor's message on its way to staff.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Delivery {
    /// It is stored, and the homeserver has not accepted it yet.
    Pending,
    /// It is in the Matrix room.
    Delivered,
    /// It will never arrive.
    Failed,
}

/// An entry of the conversation's list. Entries are only ever added.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Message {
    /// The entry's id, and the cursor for the entries that follow it.
    pub id: MessageId,
    /// The author.
    pub sender: Sender,
    /// Plain text, never markup. Empty when `removed`.
    pub body: String,
    /// The time in RFC 3339's format, UTC, with milliseconds.
    #[cfg_attr(feature = "openapi", schema(format = DateTime))]
    pub created_at: String,
    /// Present only in the visitor's messages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub delivery: Option<Delivery>,
    /// The entry that this one replaces, because staff have edited or deleted it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub replaces: Option<MessageId>,
    /// With `replaces`: whether the earlier entry was deleted.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub removed: bool,
}

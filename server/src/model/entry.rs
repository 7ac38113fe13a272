//! The entries of a conversation.

use chrono::{DateTime, Utc};
use uuid::Uuid;

/// The side that wrote an entry. Which member of the staff it was is not part of a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Author {
    /// The visitor of the website.
    Visitor,
    /// A member of the staff.
    Staff,
}

/// How far a visitor's message has come on its way to the staff.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// It is stored, and the homeserver has not accepted it yet.
    Pending,
    /// It is in the Matrix room.
    Delivered,
    /// It will never arrive.
    Failed,
}

/// One entry of a conversation. Entries are only ever appended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its id, which is also the cursor with which a poll asks for the entries after it.
    pub id: Uuid,
    /// The side that wrote it.
    pub author: Author,
    /// Plain text. Empty when `removed`.
    pub body: String,
    /// When it was written, if that is known, and otherwise when it was stored.
    pub created_at: DateTime<Utc>,
    /// Only messages of visitors have it.
    pub delivery: Option<Delivery>,
    /// The entry that this one replaces, because staff have edited or deleted it.
    pub replaces: Option<Uuid>,
    /// With `replaces`: the earlier entry was deleted.
    pub removed: bool,
}

/// How far a visitor's messages have been delivered and read, as ids.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    /// The newest message for which it and all before it were delivered.
    pub delivered: Option<Uuid>,
    /// The newest message that a member of the staff has read.
    pub seen: Option<Uuid>,
}

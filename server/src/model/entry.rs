//! The entries of a conversation.

use chrono::{DateTime, Utc};
use uuid::Uuid;

/// The side that wrote an entry. Which member of the staff it was is not part of a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Author {
    /// The person at the website.
    Visitor,
    /// Anyone who answers from Matrix.
    Staff,
}

/// How far a visitor's message has come on its way to the staff.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// Stored; the homeserver has not accepted it yet.
    Pending,
    /// In the Matrix room.
    Delivered,
    /// It will never arrive.
    Failed,
}

/// One entry of a conversation, whose list only ever grows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its id, which is the cursor that asks for what follows it.
    pub id: Uuid,
    /// Who wrote it.
    pub author: Author,
    /// Plain text. Empty when `removed`.
    pub body: String,
    /// When it was stored, or written where that is known.
    pub created_at: DateTime<Utc>,
    /// On a visitor's message only.
    pub delivery: Option<Delivery>,
    /// The entry that this one takes the place of: staff edited or deleted it.
    pub replaces: Option<Uuid>,
    /// With `replaces`: the earlier entry was deleted.
    pub removed: bool,
}

/// How far a visitor's messages have come, by their ids.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    /// The newest up to which the homeserver has accepted all.
    pub delivered: Option<Uuid>,
    /// The newest that a member of the staff has read.
    pub seen: Option<Uuid>,
}

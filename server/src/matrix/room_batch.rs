//! What a sync brought of one room, and between which positions.

use incoming::event::RoomEvent;
use uuid::Uuid;

use crate::storage::{desk::room::DeskRoom, quarantine::KeptEvent};

/// The reason why news wait that have no fault of their own.
pub(super) const FIRST_COME: &str = "what was set aside before comes first";

/// A room's news.
#[derive(Debug)]
pub(super) struct RoomBatch {
    pub(super) room_id: String,
    /// The session of the room, if it is known.
    pub(super) session_id: Option<Uuid>,
    /// The desk, if this is its room.
    pub(super) desk: Option<DeskRoom>,
    /// Oldest first.
    pub(super) events: Vec<RoomEvent>,
    /// Why they cannot be stored yet.
    pub(super) obstacle: Option<Obstacle>,
}

/// The reason why a room's news cannot be stored.
#[derive(Clone, Debug)]
pub(super) struct Obstacle {
    pub(super) reason: String,
    /// The end of the history before the news that was not read.
    pub(super) gap_from: Option<String>,
}

/// The positions of a sync.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span<'a> {
    pub(super) from: Option<&'a str>,
    pub(super) to: &'a str,
}

impl Obstacle {
    /// An obstacle that has nothing to do with earlier events.
    pub(super) fn without_gap(reason: String) -> Self {
        Self {
            reason,
            gap_from: None,
        }
    }
}

/// The event in the form in which quarantine keeps it.
pub(super) fn kept(event: &RoomEvent) -> Option<KeptEvent> {
    Some(KeptEvent {
        event_id: event.event_id.clone(),
        json: event.to_json().ok()?,
    })
}

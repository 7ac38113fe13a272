//! What a sync brought of one room, and between which positions.

use incoming::event::RoomEvent;
use uuid::Uuid;

use crate::storage::{desk::room::DeskRoom, quarantine::KeptEvent};

/// Why news wait that nothing is wrong with.
pub(super) const FIRST_COME: &str = "what was set aside before comes first";

/// A room's news.
#[derive(Debug)]
pub(super) struct RoomBatch {
    pub(super) room_id: String,
    /// Whose room it is, where that is known.
    pub(super) session_id: Option<Uuid>,
    /// The desk, when it is its room.
    pub(super) desk: Option<DeskRoom>,
    /// Oldest first.
    pub(super) events: Vec<RoomEvent>,
    /// Why they cannot be taken in yet.
    pub(super) obstacle: Option<Obstacle>,
}

/// What keeps a room's news from being taken in.
#[derive(Clone, Debug)]
pub(super) struct Obstacle {
    pub(super) reason: String,
    /// Where the history ends that comes before the news and was not read.
    pub(super) gap_from: Option<String>,
}

/// The positions of a sync.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span<'a> {
    pub(super) from: Option<&'a str>,
    pub(super) to: &'a str,
}

impl Obstacle {
    /// One that has nothing to do with what was before.
    pub(super) fn without_gap(reason: String) -> Self {
        Self {
            reason,
            gap_from: None,
        }
    }
}

/// The event as it is kept in quarantine.
pub(super) fn kept(event: &RoomEvent) -> Option<KeptEvent> {
    Some(KeptEvent {
        event_id: event.event_id.clone(),
        json: event.to_json().ok()?,
    })
}

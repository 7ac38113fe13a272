//! The places of each lane: they limit how much is done at the same time.

use std::sync::Arc;

use tokio::sync::{Notify, Semaphore};

use crate::relay::{handoff::Place, queue::Lane};

/// The number of sessions from the queue that are sent at the same time.
const CONCURRENCY: usize = 16;
/// The number of rooms from the queue that are made at the same time. Synapse hardly makes more rooms in a second if it
/// is asked for more at a time, and everything else waits longer for it.
const ROOM_CONCURRENCY: usize = 1;

/// The places of both lanes.
#[derive(Debug)]
pub(super) struct Lanes {
    messages: Arc<Semaphore>,
    rooms: Arc<Semaphore>,
    /// A place in the lane of rooms has become free.
    pub(super) room_ended: Notify,
}

impl Lanes {
    pub(super) fn new() -> Self {
        Self {
            messages: Arc::new(Semaphore::new(CONCURRENCY)),
            rooms: Arc::new(Semaphore::new(ROOM_CONCURRENCY)),
            room_ended: Notify::new(),
        }
    }

    const fn of(&self, lane: Lane) -> &Arc<Semaphore> {
        match lane {
            Lane::Messages => &self.messages,
            Lane::Rooms => &self.rooms,
        }
    }

    /// How many places are free.
    pub(super) fn free(&self, lane: Lane) -> usize {
        self.of(lane).available_permits()
    }

    /// Takes a place, if one is free.
    pub(super) fn take(&self, lane: Lane) -> Option<Place> {
        self.of(lane).clone().try_acquire_owned().ok()
    }
}

/// The place of a session's turn, for as long as this value lives.
#[derive(Debug)]
pub(super) struct Held {
    lanes: Arc<Lanes>,
    lane: Lane,
    place: Option<Place>,
}

impl Held {
    pub(super) const fn new(lanes: Arc<Lanes>, lane: Lane, place: Place) -> Self {
        Self {
            lanes,
            lane,
            place: Some(place),
        }
    }

    /// The lane that the place is in.
    pub(super) const fn lane(&self) -> Lane {
        self.lane
    }

    /// Exchanges a place in the lane of rooms for one in the lane of messages; `false` when none is free. A turn that
    /// is in that lane already keeps its place.
    pub(super) fn move_to_messages(&mut self) -> bool {
        if self.lane == Lane::Messages {
            return true;
        }
        self.give_back();
        self.lane = Lane::Messages;
        self.place = self.lanes.take(Lane::Messages);
        self.place.is_some()
    }

    fn give_back(&mut self) {
        if self.place.take().is_some() && self.lane == Lane::Rooms {
            self.lanes.room_ended.notify_one();
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.give_back();
    }
}

//! How much is done at the same time: the places of each lane.

use std::sync::Arc;

use tokio::sync::{Notify, Semaphore};

use crate::relay::{handoff::Place, queue::Lane};

/// Sessions that are sent at the same time, of those that were found in the queue.
const CONCURRENCY: usize = 16;
/// Rooms that are made at the same time, of those that were found in the queue. Synapse makes hardly more of
/// them in a second when it is asked for more at a time, and everything else waits for it longer.
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

/// The place that a session's turn has, for as long as this lives.
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

    /// Gives a place in the lane of rooms back for one in that of messages; `false` when there is none. A turn that is
    /// in that lane already stays there.
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

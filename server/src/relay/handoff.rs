//! The hand-over: the short way of a visitor's message, or of the room that it needs, to the worker. This server claims
//! the task in the transaction that stores it, and passes it on in memory. Otherwise the task would first be announced,
//! looked up and claimed, and that claim is another write that has to reach the disk.
//!
//! A task that is lost on the way is claimed by some server when its lease has run out.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use super::queue::{Claim, Lane};

/// The number of sessions that are sent at the same time, besides those that the worker found in the queue. These must
/// get their turn, however many tasks are handed over.
const PLACES: usize = 16;
/// The number of rooms that are made at the same time, besides those that the worker found in the queue.
const ROOM_PLACES: usize = 1;

/// The right to send one session. It is given back when it is dropped.
pub type Place = OwnedSemaphorePermit;

/// The worker's end.
pub type Receiver = mpsc::UnboundedReceiver<(Claim, Place)>;

/// The sender's end: it leads to the worker of this server. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Handoff {
    sender: mpsc::UnboundedSender<(Claim, Place)>,
    places: Arc<Semaphore>,
    room_places: Arc<Semaphore>,
}

impl Handoff {
    /// A hand-over: the sender's end and the worker's.
    #[must_use]
    pub fn new() -> (Self, Receiver) {
        let (sender, receiver) = mpsc::unbounded_channel();
        let handoff = Self {
            sender,
            places: Arc::new(Semaphore::new(PLACES)),
            room_places: Arc::new(Semaphore::new(ROOM_PLACES)),
        };
        (handoff, receiver)
    }

    /// Takes a place for a task that is about to be stored in this lane; `None` when all places are taken or the worker
    /// has ended.
    #[must_use]
    pub fn place(&self, lane: Lane) -> Option<Place> {
        if self.sender.is_closed() {
            return None;
        }
        let places = match lane {
            Lane::Rooms => &self.room_places,
            Lane::Messages => &self.places,
        };
        places.clone().try_acquire_owned().ok()
    }

    /// Hands a task over that was claimed and committed.
    pub fn send(&self, claim: Claim, place: Place) {
        // When the worker has ended, another server claims the task as soon as the lease has run out.
        let _ = self.sender.send((claim, place));
    }
}

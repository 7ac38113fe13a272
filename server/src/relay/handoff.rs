//! The short way of a visitor's message, or of the room that it needs, to the senders: claimed for this server
//! in the transaction that stores it, and handed over in memory. Otherwise it would be told of, looked for
//! and claimed first, which is another write that has to reach the disk.
//!
//! What is lost on the way is claimed by some server when its lease has run out.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use super::queue::{Claim, Lane};

/// Sessions that are sent at the same time, besides those that the senders found in the outbox: they must
/// get their turn, however much is handed over.
const PLACES: usize = 16;
/// Rooms that are made at the same time, besides those.
const ROOM_PLACES: usize = 1;

/// A place among those who are sent; given back when dropped.
pub type Place = OwnedSemaphorePermit;

/// Where the senders receive.
pub type Receiver = mpsc::UnboundedReceiver<(Claim, Place)>;

/// To the senders of this server. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Handoff {
    sender: mpsc::UnboundedSender<(Claim, Place)>,
    places: Arc<Semaphore>,
    room_places: Arc<Semaphore>,
}

impl Handoff {
    /// A way, and its end.
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

    /// A place for a task that is about to be stored and takes this lane; `None` when all are taken, or nothing
    /// is sent any more.
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

    /// Hands over what was claimed and committed.
    pub fn send(&self, claim: Claim, place: Place) {
        // At the server's end it is another one's, when the lease has run out.
        let _ = self.sender.send((claim, place));
    }
}

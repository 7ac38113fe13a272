//! Which rooms a homeserver encrypts although the request did not ask for it, as far as the relay knows.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// After this time the relay tries again to get a room from a homeserver that encrypts every room.
const TRY_AGAIN: Duration = Duration::from_mins(5);

/// The rooms that a homeserver encrypts although the request did not ask for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encrypted {
    /// None, as far as is known.
    Never,
    /// Rooms with the private preset.
    WhenPrivate,
    /// Rooms with any preset.
    Always,
}

/// The rooms that turned out to be encrypted.
#[derive(Debug, Default)]
enum Found {
    #[default]
    Nothing,
    /// A room with the private preset.
    Private,
    /// First a room with the private preset, and then, at this time, one with the other preset.
    Other(Instant),
}

/// What the relay has learnt from the rooms that were made so far.
#[derive(Debug, Default)]
pub(super) struct Findings(Mutex<Found>);

impl Findings {
    /// The rooms that this homeserver is known to encrypt.
    pub(super) fn encrypted(&self) -> Encrypted {
        match *self.found() {
            Found::Nothing => Encrypted::Never,
            Found::Other(at) if at.elapsed() < TRY_AGAIN => Encrypted::Always,
            Found::Private | Found::Other(_) => Encrypted::WhenPrivate,
        }
    }

    /// Records that a room is encrypted although it was `made_for` a homeserver that encrypts such rooms. Returns what
    /// is known now.
    pub(super) fn add(&self, made_for: Encrypted) -> Encrypted {
        let mut found = self.found();
        match (made_for, &*found) {
            (Encrypted::Never, Found::Nothing) => *found = Found::Private,
            (Encrypted::Never, _) => {}
            (Encrypted::WhenPrivate | Encrypted::Always, _) => {
                *found = Found::Other(Instant::now());
            }
        }
        drop(found);
        self.encrypted()
    }

    fn found(&self) -> MutexGuard<'_, Found> {
        // No invariant spans a panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

//! Which rooms a homeserver encrypts although nobody asks for it, as far as the relay has found out.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// After this time the relay tries again to get a room from a homeserver that encrypts every room.
const TRY_AGAIN: Duration = Duration::from_mins(5);

/// Which rooms a homeserver encrypts although nobody asks for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encrypted {
    /// None that is known of.
    Never,
    /// Those of the private preset.
    WhenPrivate,
    /// Those of every preset.
    Always,
}

/// Which rooms turned out to be encrypted.
#[derive(Debug, Default)]
enum Found {
    #[default]
    Nothing,
    /// One of the private preset.
    Private,
    /// First one of the private preset, then, at this time, one of the other.
    Other(Instant),
}

/// What the rooms that were made so far have shown.
#[derive(Debug, Default)]
pub(super) struct Findings(Mutex<Found>);

impl Findings {
    /// Which rooms this homeserver encrypts, as far as is known.
    pub(super) fn encrypted(&self) -> Encrypted {
        match *self.found() {
            Found::Nothing => Encrypted::Never,
            Found::Other(at) if at.elapsed() < TRY_AGAIN => Encrypted::Always,
            Found::Private | Found::Other(_) => Encrypted::WhenPrivate,
        }
    }

    /// Notes that a room is encrypted that was `made_for` a homeserver that encrypts such rooms. Answers with what is
    /// known now.
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

//! What a poll tells beside messages, and what the room is told of the visitor beside theirs.

use std::time::{Duration, Instant};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use quick_cache::sync::Cache;
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;
use uuid::Uuid;

use crate::storage::messages::Marks;

/// How often a visitor's typing counts.
const TYPING_EVERY: Duration = Duration::from_secs(3);
/// For how many visitors it is remembered when they typed last.
const MAX_TYPING: usize = 1 << 14;
/// Signals that wait to be sent. What comes when they are so many is dropped.
const QUEUE: usize = 1 << 10;
/// Bytes of a state: enough that two states of a conversation do not meet.
const STATE_BYTES: usize = 9;

/// What a poll tells beside messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Signals {
    /// How far the visitor's messages have come.
    pub marks: Marks,
    /// A member of the staff is typing.
    pub staff_typing: bool,
}

impl Signals {
    /// Stands for all of them, on every server alike.
    #[must_use]
    pub fn state(&self) -> String {
        let Self {
            marks: Marks { delivered, seen },
            staff_typing,
        } = *self;
        let mut digest = Sha256::new();
        for id in [delivered, seen] {
            // No message has the nil id.
            digest.update(id.unwrap_or_default());
        }
        digest.update([u8::from(staff_typing)]);
        BASE64_URL_SAFE_NO_PAD.encode(&digest.finalize()[..STATE_BYTES])
    }
}

/// What the room is told of the visitor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VisitorSignal {
    /// The visitor is typing.
    Typing(Uuid),
    /// The visitor has fetched what there is in this conversation up to this entry.
    Fetched(Uuid, Uuid),
}

/// Takes what the room is to be told of visitors. Nobody waits for that, and nothing is lost with it. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Signaller {
    queue: mpsc::Sender<VisitorSignal>,
    typed: std::sync::Arc<Cache<Uuid, Instant>>,
}

impl Signaller {
    /// A signaller, and where its signals come out.
    #[must_use]
    pub fn new() -> (Self, mpsc::Receiver<VisitorSignal>) {
        let (queue, signals) = mpsc::channel(QUEUE);
        let typed = std::sync::Arc::new(Cache::new(MAX_TYPING));
        (Self { queue, typed }, signals)
    }

    /// The visitor is typing: it counts once in three seconds.
    pub(super) fn typing(&self, session_id: Uuid) {
        let now = Instant::now();
        let counted = self.typed.get(&session_id);
        if counted.is_none_or(|at| now.duration_since(at) >= TYPING_EVERY) {
            self.typed.insert(session_id, now);
            // When the homeserver is slow, typing is over before it could be told.
            let _ = self.queue.try_send(VisitorSignal::Typing(session_id));
        }
    }

    /// The visitor has fetched what there is up to this entry.
    pub(super) fn fetched(&self, session_id: Uuid, entry: Uuid) {
        let _ = self
            .queue
            .try_send(VisitorSignal::Fetched(session_id, entry));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use app::contract::MAX_STATE_CHARS;

    use super::*;

    #[test]
    fn a_state_says_what_has_changed_and_nothing_else() {
        let ids = [None, Some(Uuid::from_u128(1)), Some(Uuid::from_u128(2))];
        let mut states = HashSet::new();
        for delivered in ids {
            for seen in ids {
                for staff_typing in [false, true] {
                    let signals = Signals {
                        marks: Marks { delivered, seen },
                        staff_typing,
                    };
                    let state = signals.state();
                    assert_eq!(state, signals.state());
                    assert!(state.len() <= MAX_STATE_CHARS);
                    states.insert(state);
                }
            }
        }
        assert_eq!(states.len(), 18);
    }

    #[test]
    fn typing_counts_once_in_three_seconds_for_each_visitor_and_too_much_is_dropped() {
        let (signaller, mut signals) = Signaller::new();
        let (ada, bob) = (Uuid::from_u128(1), Uuid::from_u128(2));
        for _ in 0..10 {
            signaller.typing(ada);
        }
        signaller.typing(bob);
        assert_eq!(signals.try_recv(), Ok(VisitorSignal::Typing(ada)));
        assert_eq!(signals.try_recv(), Ok(VisitorSignal::Typing(bob)));
        assert!(signals.try_recv().is_err());
        for n in 0..2 * QUEUE {
            signaller.fetched(ada, Uuid::from_u128(n as u128));
        }
        assert_eq!(signals.len(), QUEUE);
    }
}

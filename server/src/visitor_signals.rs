//! Signals of the visitor that the room is told besides messages: the way from the operations to the relay, in memory.

use std::time::{Duration, Instant};

use quick_cache::sync::Cache;
use tokio::sync::mpsc;
use uuid::Uuid;

/// How often a visitor's typing is passed on.
const TYPING_EVERY: Duration = Duration::from_secs(3);
/// The number of visitors for whom the time of their last typing is remembered.
const MAX_TYPING: usize = 1 << 14;
/// The number of signals that may wait; further ones are dropped.
const QUEUE: usize = 1 << 10;

/// A signal of the visitor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VisitorSignal {
    /// The visitor is typing.
    Typing(Uuid),
    /// The visitor has fetched the conversation up to this entry.
    Fetched(Uuid, Uuid),
}

/// Accepts signals of visitors. No request waits for them, and nothing is lost when one is dropped. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Signaller {
    queue: mpsc::Sender<VisitorSignal>,
    typed: std::sync::Arc<Cache<Uuid, Instant>>,
}

impl Signaller {
    /// A signaller, and the receiver of its signals.
    #[must_use]
    pub fn new() -> (Self, mpsc::Receiver<VisitorSignal>) {
        let (queue, signals) = mpsc::channel(QUEUE);
        let typed = std::sync::Arc::new(Cache::new(MAX_TYPING));
        (Self { queue, typed }, signals)
    }

    /// The visitor is typing. Of several calls within three seconds only the first one counts.
    pub(super) fn typing(&self, session_id: Uuid) {
        let now = Instant::now();
        let counted = self.typed.get(&session_id);
        if counted.is_none_or(|at| now.duration_since(at) >= TYPING_EVERY) {
            self.typed.insert(session_id, now);
            // If the homeserver is slow, the typing is over before the room could show it.
            let _ = self.queue.try_send(VisitorSignal::Typing(session_id));
        }
    }

    /// The visitor has fetched the conversation up to this entry.
    pub(super) fn fetched(&self, session_id: Uuid, entry: Uuid) {
        let _ = self
            .queue
            .try_send(VisitorSignal::Fetched(session_id, entry));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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

//! The sessions that this server is sending. News of those sessions is no reason to look through the queue.

use std::{
    collections::{HashMap, hash_map::Entry},
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use uuid::Uuid;

/// The sessions that this server is sending, and whether a task was queued for each meanwhile. The
/// current turn then continues with that task.
#[derive(Debug, Default)]
pub(super) struct SentHere(Mutex<HashMap<Uuid, Turns>>);

/// The turns of one session that are under way.
#[derive(Debug, Default)]
struct Turns {
    count: usize,
    more: bool,
}

impl SentHere {
    /// No invariant spans a panic.
    fn sessions(&self) -> MutexGuard<'_, HashMap<Uuid, Turns>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn begin(self: &Arc<Self>, session_id: Uuid) -> Sending {
        self.sessions().entry(session_id).or_default().count += 1;
        Sending {
            session_id,
            sent_here: self.clone(),
            ended: false,
        }
    }

    /// Records that a task was queued; `false` when this server is not sending the session.
    pub(super) fn tell(&self, session_id: Uuid) -> bool {
        let mut sessions = self.sessions();
        let turns = sessions.get_mut(&session_id);
        turns.is_some_and(|turns| {
            turns.more = true;
            true
        })
    }
}

/// Registers that this server is sending a session, for as long as the value lives.
#[derive(Debug)]
pub(super) struct Sending {
    session_id: Uuid,
    sent_here: Arc<SentHere>,
    ended: bool,
}

impl Sending {
    /// Whether a task was queued since the last call.
    pub(super) fn take_more(&self) -> bool {
        let mut sessions = self.sent_here.sessions();
        let turns = sessions.get_mut(&self.session_id);
        turns.is_some_and(|turns| mem::take(&mut turns.more))
    }

    /// Ends the registration. Returns whether a task was queued that no turn will send.
    pub(super) fn end(mut self) -> bool {
        self.ended = true;
        self.leave()
    }

    fn leave(&self) -> bool {
        let mut sessions = self.sent_here.sessions();
        let Entry::Occupied(mut turns) = sessions.entry(self.session_id) else {
            return false;
        };
        turns.get_mut().count -= 1;
        turns.get().count == 0 && turns.remove().more
    }
}

impl Drop for Sending {
    fn drop(&mut self) {
        if !self.ended {
            self.leave();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn news_reaches_the_turn_that_sends_the_session() {
        let (sent_here, session_id) = (Arc::<SentHere>::default(), Uuid::from_u128(1));
        assert!(!sent_here.tell(session_id), "nobody does");
        let sending = sent_here.begin(session_id);
        assert!(!sent_here.tell(Uuid::from_u128(2)), "another session");
        assert!(!sending.take_more(), "nothing was queued");
        assert!(sent_here.tell(session_id));
        assert!(sending.take_more(), "it may not have been seen");
        assert!(!sending.take_more(), "it was asked for");
        drop(sent_here.begin(session_id));
        let second = sent_here.begin(session_id);
        assert!(sent_here.tell(session_id));
        assert!(!second.end(), "one is still at it, and goes on");
        assert!(sending.end(), "it may not have been seen");
        assert!(!sent_here.tell(session_id), "nobody does any more");
        assert!(!sent_here.begin(session_id).end(), "nothing was queued");
    }
}

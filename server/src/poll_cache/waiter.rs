//! A poll's place among the polls that wait for a change.

use std::{pin::Pin, sync::Arc};

use tokio::sync::{Notify, OwnedSemaphorePermit, futures::OwnedNotified};
use uuid::Uuid;

use super::PollCache;

/// A poll that waits.
#[derive(Debug)]
pub(crate) struct Waiter {
    pub(super) session_id: Uuid,
    pub(super) changed: Arc<Notify>,
    pub(super) cache: PollCache,
    pub(super) _place: OwnedSemaphorePermit,
}

impl Waiter {
    /// Waits for the next change after this call, even if the future is awaited later.
    pub(crate) fn change(&self) -> Pin<Box<OwnedNotified>> {
        let mut change = Box::pin(self.changed.clone().notified_owned());
        change.as_mut().enable();
        change
    }

    /// Waits until the server is about to stop.
    pub(crate) async fn shutdown(&self) {
        self.cache.inner.shutdown.cancelled().await;
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        let mut shard = self.cache.shard(self.session_id);
        if let Some(waiting) = shard.waiting.get_mut(&self.session_id) {
            waiting.polls -= 1;
            if waiting.polls == 0 {
                shard.waiting.remove(&self.session_id);
            }
        }
    }
}

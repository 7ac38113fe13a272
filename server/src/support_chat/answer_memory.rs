//! Limits the memory that all answers in progress use together.
//!
//! An answer reserves a share of it before it is read and keeps it until it has been sent, or the
//! client has gone.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time,
};

/// The size of one permit of the semaphore in bytes.
const UNIT: usize = 1024;

/// The memory for all answers together.
const TOTAL_BYTES: usize = 64 * 1024 * 1024;

/// How long an answer waits for its share.
const PATIENCE: Duration = Duration::from_secs(2);

/// Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct AnswerMemory {
    units: Arc<Semaphore>,
}

/// A part of the memory, reserved until this is dropped.
#[derive(Debug)]
pub struct Share(OwnedSemaphorePermit);

impl AnswerMemory {
    pub(super) fn new() -> Self {
        Self::of(TOTAL_BYTES)
    }

    pub(super) fn of(bytes: usize) -> Self {
        Self {
            units: Arc::new(Semaphore::new(bytes / UNIT)),
        }
    }

    /// Reserves a share if there is enough memory now.
    pub(super) fn try_share(&self, bytes: usize) -> Option<Share> {
        let units = self.units.clone();
        units
            .try_acquire_many_owned(units_of(bytes))
            .ok()
            .map(Share)
    }

    /// Reserves a share, waiting a short time for other answers to end.
    pub(super) async fn share(&self, bytes: usize) -> Option<Share> {
        let share = self.units.clone().acquire_many_owned(units_of(bytes));
        time::timeout(PATIENCE, share).await.ok()?.ok().map(Share)
    }
}

impl Share {
    /// Gives back the part of the share that exceeds `bytes`.
    pub fn shrink_to(&mut self, bytes: usize) {
        let held = self.0.num_permits();
        let needed = usize::try_from(units_of(bytes)).unwrap_or(held);
        drop(self.0.split(held.saturating_sub(needed)));
    }
}

fn units_of(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn no_more_is_given_than_there_is_and_what_is_dropped_comes_back() {
        let memory = AnswerMemory::of(10 * UNIT);
        let mut first = memory.try_share(7 * UNIT).unwrap();
        assert!(memory.try_share(4 * UNIT).is_none());
        let began = time::Instant::now();
        assert!(memory.share(4 * UNIT).await.is_none());
        assert_eq!(began.elapsed(), PATIENCE);

        first.shrink_to(6 * UNIT);
        let second = memory.try_share(4 * UNIT).unwrap();
        assert!(memory.try_share(1).is_none(), "a byte is a whole unit");
        let (third, ()) = tokio::join!(memory.share(4 * UNIT), async { drop(second) });
        assert!(third.is_some());
        drop((first, third));
        assert!(memory.try_share(10 * UNIT).is_some());
    }
}

//! Heartbeats: each loop reports that it is alive, and a loop that has not for a minute counts as hung.

use std::{
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::{self, Instant};

/// A loop that has not reported for this long counts as hung.
const STILL: Duration = Duration::from_mins(1);
/// How often a loop that waits reports.
const TICK: Duration = Duration::from_secs(5);

/// The hearts of all loops. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Heartbeats(Arc<Mutex<Vec<Heart>>>);

impl Heartbeats {
    /// The heart of one more loop. It must beat from now on.
    #[must_use]
    pub fn heart(&self, name: &'static str) -> Heart {
        let heart = Heart {
            name,
            last: Arc::new(Mutex::new(Instant::now())),
        };
        lock(&self.0).push(heart.clone());
        heart
    }

    /// The loops that hang.
    #[must_use]
    pub fn still(&self) -> Vec<&'static str> {
        lock(&self.0)
            .iter()
            .filter(|heart| lock(&heart.last).elapsed() >= STILL)
            .map(|heart| heart.name)
            .collect()
    }
}

/// The heart of a loop. Clones are the same heart.
#[derive(Clone, Debug)]
pub struct Heart {
    name: &'static str,
    last: Arc<Mutex<Instant>>,
}

impl Heart {
    /// Reports that the loop is alive.
    pub fn beat(&self) {
        *lock(&self.last) = Instant::now();
    }

    /// Does work that may take up to `limit` without a report. A minute after that limit the loop
    /// counts as hung.
    pub async fn during<T>(&self, limit: Duration, work: impl Future<Output = T>) -> T {
        let ends = Instant::now() + limit;
        let mut work = pin!(work);
        loop {
            let next = Instant::now() + TICK;
            if next > ends {
                return work.await;
            }
            self.beat();
            if let Ok(done) = time::timeout_at(next, &mut work).await {
                self.beat();
                return done;
            }
        }
    }

    /// Waits for an event that may never come, and reports meanwhile.
    pub async fn idle<T>(&self, wait: impl Future<Output = T>) -> T {
        let mut wait = pin!(wait);
        loop {
            self.beat();
            if let Ok(something) = time::timeout(TICK, &mut wait).await {
                self.beat();
                return something;
            }
        }
    }
}

/// No invariant spans a panic.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;

    const NAME: &str = "sync";

    #[tokio::test(start_paused = true)]
    async fn a_loop_that_says_nothing_for_a_minute_stands_still() {
        let hearts = Heartbeats::default();
        let (heart, _other) = (hearts.heart(NAME), hearts.heart("outbox"));
        time::advance(STILL / 2).await;
        heart.beat();
        time::advance(STILL / 2).await;
        assert_eq!(hearts.still(), ["outbox"]);
        time::advance(STILL / 2).await;
        assert_eq!(hearts.still(), [NAME, "outbox"]);
        heart.beat();
        assert_eq!(hearts.still(), ["outbox"]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_takes_longer_than_it_may_counts_as_standing_still() {
        let hearts = Heartbeats::default();
        let heart = hearts.heart(NAME);
        let limit = STILL * 3;
        let mut work = pin!(heart.during(limit, pending::<()>()));
        assert!(time::timeout(limit, &mut work).await.is_err());
        assert!(hearts.still().is_empty());
        assert!(time::timeout(STILL, &mut work).await.is_err());
        assert_eq!(hearts.still(), [NAME]);
    }

    #[tokio::test(start_paused = true)]
    async fn waiting_for_something_to_do_is_no_standing_still() {
        let hearts = Heartbeats::default();
        let heart = hearts.heart(NAME);
        assert!(
            time::timeout(STILL * 10, heart.idle(pending::<()>()))
                .await
                .is_err()
        );
        assert!(hearts.still().is_empty());
    }
}

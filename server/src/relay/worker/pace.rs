//! Keeps sessions that have more to send in step: their sends go out together and come back together.
//!
//! For the homeserver, an answer to `/sync` with one event costs as much as one with ten, and each event that comes
//! alone wakes everyone who syncs: staff, and this server.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::watch,
    time::{self, Instant},
};

/// No send waits longer than this. A slow homeserver gets its requests late enough anyway.
const LONGEST_WAIT: Duration = Duration::from_millis(100);

/// The sends of all sessions.
#[derive(Debug, Default)]
pub(super) struct Sends {
    under_way: AtomicUsize,
    all_back: watch::Sender<()>,
}

/// A send that is under way, as long as this value lives.
struct UnderWay<'a>(&'a Sends);

impl Sends {
    fn begin(&self) -> UnderWay<'_> {
        self.under_way.fetch_add(1, Ordering::AcqRel);
        UnderWay(self)
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        if self.0.under_way.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.all_back.send_replace(());
        }
    }
}

/// One session's sends, one after the other.
#[derive(Debug)]
pub(super) struct Pace {
    sends: Arc<Sends>,
    last: Option<Last>,
}

/// The previous send.
#[derive(Debug)]
struct Last {
    took: Duration,
    /// Changes when no send of another session is under way any more.
    all_back: watch::Receiver<()>,
}

impl Pace {
    /// The first send does not wait.
    pub(super) const fn new(sends: Arc<Sends>) -> Self {
        Self { sends, last: None }
    }

    /// Sends when all sends of other sessions that are under way are back, and at the latest after half the time that
    /// the previous one took, so that a slow send delays the others little.
    pub(super) async fn send<T>(&mut self, send: impl Future<Output = T>) -> T {
        if let Some(Last { took, mut all_back }) = self.last.take() {
            let at_most = (took / 2).min(LONGEST_WAIT);
            let _ = time::timeout(at_most, all_back.changed()).await;
        }
        let began = Instant::now();
        let under_way = self.sends.begin();
        let result = send.await;
        // The send subscribes before it counts as back, since it may be the last one.
        let all_back = self.sends.all_back.subscribe();
        drop(under_way);
        self.last = Some(Last {
            took: began.elapsed(),
            all_back,
        });
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn millis(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    /// Returns when a session's second send begins, if its first one takes this long beside a send of another session.
    async fn second_begins(first: Duration, other: Duration) -> Duration {
        let sends = Arc::<Sends>::default();
        let (mut session, mut beside) = (Pace::new(sends.clone()), Pace::new(sends));
        let start = Instant::now();
        let other = tokio::spawn(async move { beside.send(time::sleep(other)).await });
        session.send(time::sleep(first)).await;
        let began = session.send(async { start.elapsed() }).await;
        other.abort();
        began
    }

    #[tokio::test(start_paused = true)]
    async fn the_next_send_goes_out_with_those_that_come_back_soon() {
        let begins = second_begins(millis(100), millis(130)).await;
        assert_eq!(begins, millis(130));
        let begins = second_begins(millis(100), millis(60)).await;
        assert_eq!(begins, millis(100), "alone");
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_longer_than_half_of_what_the_send_before_took_nor_for_long() {
        let begins = second_begins(millis(100), millis(5000)).await;
        assert_eq!(begins, millis(150));
        let begins = second_begins(millis(2000), millis(5000)).await;
        assert_eq!(begins, millis(2100));
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_given_up_is_not_waited_for_and_the_first_send_waits_for_nobody() {
        let sends = Arc::<Sends>::default();
        let (mut session, mut given_up) = (Pace::new(sends.clone()), Pace::new(sends));
        let start = Instant::now();
        let other = tokio::spawn(async move {
            let _ = time::timeout(millis(120), given_up.send(std::future::pending::<()>())).await;
        });
        tokio::task::yield_now().await;
        let first = session.send(async {
            time::sleep(millis(100)).await;
            start.elapsed()
        });
        assert_eq!(first.await, millis(100));
        let second = session.send(async { start.elapsed() }).await;
        assert_eq!(second, millis(120));
        other.await.unwrap();
    }
}

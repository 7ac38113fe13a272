//! The life of the server's process: its parts start, it is ready, it drains what is under way, and it stops.

use std::{io, time::Duration};

use tokio::{
    task::{JoinError, JoinSet},
    time,
};
use tokio_util::sync::CancellationToken;

use crate::{
    heartbeat::{Heart, Heartbeats},
    systemd,
};

/// How long requests and sends that are under way may take once the server is told to stop.
const DRAIN: Duration = Duration::from_secs(20);

/// How long the connections to Postgres may take to close. One that does not answer any more would never close.
const CLOSE: Duration = Duration::from_secs(2);

/// The parts that run side by side, each until the server is told to stop.
#[derive(Debug)]
pub struct Lifecycle {
    parts: JoinSet<()>,
    hearts: Heartbeats,
    stop: CancellationToken,
    shutdown: CancellationToken,
}

impl Lifecycle {
    /// Nothing runs yet. Whoever cancels the token stops the server, whose parts go on for so long, so that nobody sends
    /// it more requests when they end.
    #[must_use]
    pub fn new(stop: CancellationToken, go_on: Duration) -> Self {
        let shutdown = CancellationToken::new();
        let mut parts = JoinSet::new();
        let (told, ends) = (stop.clone(), shutdown.clone());
        parts.spawn(async move {
            told.cancelled().await;
            if !go_on.is_zero() {
                tracing::info!(
                    ?go_on,
                    "the server says that it is not ready, and goes on serving"
                );
                let over = time::sleep(go_on);
                tokio::select! { () = over => {}, () = ends.cancelled() => {} }
            }
            ends.cancel();
        });
        Self {
            parts,
            hearts: Heartbeats::default(),
            stop,
            shutdown,
        }
    }

    /// A clone of the token that tells the server to stop.
    #[must_use]
    pub fn stop(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// A clone of the token that tells each part to stop.
    #[must_use]
    pub fn shutdown(&self) -> CancellationToken {
        self.shutdown.clone()
    }

    /// The hearts of all loops.
    #[must_use]
    pub fn hearts(&self) -> Heartbeats {
        self.hearts.clone()
    }

    /// The heart of one more loop, which must beat from now on.
    #[must_use]
    pub fn heart(&self, name: &'static str) -> Heart {
        self.hearts.heart(name)
    }

    /// Starts a part.
    pub fn start(&mut self, part: impl Future<Output = ()> + Send + 'static) {
        self.parts.spawn(part);
    }

    /// Every part is started: the service manager may count on the server.
    pub fn ready(&mut self) {
        let watchdog = systemd::watchdog(self.hearts(), self.shutdown());
        self.start(watchdog);
        systemd::ready();
    }

    /// Waits until the server is told to stop, and then for what is under way, but not for long. At last it closes the
    /// connections to Postgres.
    pub async fn drain(mut self, close_connections: impl Future<Output = ()>) -> io::Result<()> {
        // No part ends before it is told to, unless it has failed; a server that lacks a part is of no use.
        let first = self.parts.join_next().await;
        self.stop.cancel();
        self.shutdown.cancel();
        systemd::stopping();
        let rest = async { while self.parts.join_next().await.is_some() {} };
        if time::timeout(DRAIN, rest).await.is_err() {
            tracing::warn!("requests that are still in progress are aborted");
            self.parts.shutdown().await;
        }
        let _ = time::timeout(CLOSE, close_connections).await;
        tracing::info!("stopped");
        let first: Result<(), JoinError> = first.unwrap_or(Ok(()));
        first.map_err(io::Error::other)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_is_under_way_is_finished_and_the_connections_close_last() {
        static FINISHED: AtomicBool = AtomicBool::new(false);
        let stop = CancellationToken::new();
        let mut lifecycle = Lifecycle::new(stop.clone(), Duration::ZERO);
        let shutdown = lifecycle.shutdown();
        lifecycle.start(async move {
            shutdown.cancelled().await;
            time::sleep(DRAIN / 2).await;
            FINISHED.store(true, Ordering::Relaxed);
        });
        stop.cancel();
        let close = async { assert!(FINISHED.load(Ordering::Relaxed)) };
        lifecycle.drain(close).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_part_that_does_not_end_is_cut_off() {
        let stop = CancellationToken::new();
        let mut lifecycle = Lifecycle::new(stop.clone(), Duration::ZERO);
        lifecycle.start(std::future::pending());
        let shutdown = lifecycle.shutdown();
        lifecycle.start(async move { shutdown.cancelled().await });
        stop.cancel();
        // The connections may not answer either.
        lifecycle.drain(std::future::pending()).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn parts_go_on_for_a_while_after_the_server_was_told_to_stop() {
        let stop = CancellationToken::new();
        let began = time::Instant::now();
        let mut lifecycle = Lifecycle::new(stop.clone(), DRAIN);
        let (shutdown, told) = (lifecycle.shutdown(), lifecycle.stop());
        lifecycle.start(async move {
            told.cancelled().await;
            assert!(!shutdown.is_cancelled());
            shutdown.cancelled().await;
        });
        stop.cancel();
        lifecycle.drain(async {}).await.unwrap();
        assert!(began.elapsed() >= DRAIN);
    }

    #[tokio::test]
    async fn a_part_that_fails_ends_all() {
        let mut lifecycle = Lifecycle::new(CancellationToken::new(), Duration::ZERO);
        let shutdown = lifecycle.shutdown();
        lifecycle.start(async move { shutdown.cancelled().await });
        lifecycle.start(async { panic!("a fault of the part") });
        assert!(lifecycle.drain(async {}).await.is_err());
    }
}

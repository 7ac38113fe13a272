//! Whether commits are answered.
//!
//! Postgres confirms a commit when its disk has it, and where it replicates synchronously, its standby too. While
//! one of them does not answer, every commit hangs, and a visitor who waits for one learns nothing. So a commit
//! that missed its deadline raises a doubt, a probe looks into it, and while the probe finds that commits
//! hang, transactions are refused before they begin: a refusal is certain.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use sqlx::Error;
use tokio::{sync::Notify, time};
use tokio_util::sync::CancellationToken;

use super::{Db, again_if_lost};
use crate::heartbeat::Heart;

/// How often a commit is tried while nothing is wrong.
const PROBE_EVERY: Duration = Duration::from_secs(5);
/// The pause between two attempts while commits hang.
const RETRY: Duration = Duration::from_secs(1);

/// Open while commits are answered. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Gate(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    shut: AtomicBool,
    doubt: Notify,
}

impl Gate {
    /// Whether commits were answered when one was last tried.
    #[must_use]
    pub fn is_open(&self) -> bool {
        !self.0.shut.load(Ordering::SeqCst)
    }

    /// Refuses what would end in a commit that hangs.
    pub(super) fn pass(&self) -> Result<(), Error> {
        if self.is_open() {
            Ok(())
        } else {
            Err(io::Error::other("commits are not answered at present").into())
        }
    }

    /// A commit missed its deadline.
    pub(super) fn doubt(&self) {
        self.0.doubt.notify_one();
    }

    /// Tries commits over `writes`, which must not be behind this gate, until `shutdown`.
    pub async fn watch(self, writes: Db, reads: Db, heart: Heart, shutdown: CancellationToken) {
        while !shutdown.is_cancelled() {
            heart.beat();
            let committed = probe(&writes).await;
            let was_shut = self.0.shut.swap(committed.is_err(), Ordering::SeqCst);
            let pause = match (committed, was_shut) {
                (Ok(()), true) => {
                    tracing::info!("commits are answered again");
                    PROBE_EVERY
                }
                (Ok(()), false) => PROBE_EVERY,
                (Err(error), was_shut) => {
                    if !was_shut {
                        tracing::error!(%error, "commits are not answered: what visitors write is refused");
                    }
                    release_given_up(&reads).await;
                    RETRY
                }
            };
            tokio::select! {
                () = shutdown.cancelled() => {}
                () = self.0.doubt.notified(), if pause == PROBE_EVERY => {}
                () = time::sleep(pause) => {}
            }
        }
    }
}

/// Commits what visitors' writes commit: something that has to reach the disk, and the standby.
async fn probe(writes: &Db) -> Result<(), Error> {
    // A connection that turns out to be dead says nothing about commits, so there is a second attempt.
    for _ in 0..2 {
        let mut tx = writes.begin().await?;
        let updated = sqlx::query!("UPDATE clock SET probed_at = clock_timestamp()")
            .execute(&mut *tx)
            .await;
        if updated.is_ok() && tx.commit().await.is_ok() {
            return Ok(());
        }
    }
    Err(super::db::missed())
}

/// Postgres goes on waiting for its standby on behalf of connections that were given up, and each of them counts
/// in `max_connections`.
async fn release_given_up(reads: &Db) {
    let released = again_if_lost(|| {
        sqlx::query!(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
             WHERE usename = current_user AND datname = current_database()
               AND application_name = current_setting('application_name')
               AND wait_event = 'SyncRep' AND state_change < clock_timestamp() - interval '10 seconds'"
        )
        .fetch_all(reads)
    });
    if let Err(error) = released.await {
        tracing::warn!(%error, "connections that were given up cannot be released");
    }
}

//! The commit probe: tries commits, and opens or shuts the gate depending on the result.

use std::time::Duration;

use sqlx::Error;
use tokio::time;
use tokio_util::sync::CancellationToken;

use super::{
    Db, Gate,
    faults::{again_if_lost, missed},
};
use crate::heartbeat::Heart;

/// How often a commit is tried while nothing is wrong.
const PROBE_EVERY: Duration = Duration::from_secs(5);
/// The pause between two attempts while commits hang.
const RETRY: Duration = Duration::from_secs(1);

impl Gate {
    /// Tries commits over `writes`, which must not be behind this gate, until `shutdown`.
    pub async fn watch(self, writes: Db, reads: Db, heart: Heart, shutdown: CancellationToken) {
        while !shutdown.is_cancelled() {
            heart.beat();
            let committed = probe(&writes).await;
            let was_shut = self.set_shut(committed.is_err());
            let pause = match (committed, was_shut) {
                (Ok(()), true) => {
                    tracing::info!("commits are answered again");
                    PROBE_EVERY
                }
                (Ok(()), false) => PROBE_EVERY,
                (Err(error), was_shut) => {
                    if !was_shut {
                        tracing::error!(%error, "commits are not answered: visitors' writes are refused");
                    }
                    release_given_up(&reads).await;
                    RETRY
                }
            };
            tokio::select! {
                () = shutdown.cancelled() => {}
                () = self.doubted(), if pause == PROBE_EVERY => {}
                () = time::sleep(pause) => {}
            }
        }
    }
}

/// Makes the kind of commit that visitors' writes make: it has to reach the disk, and the standby.
async fn probe(writes: &Db) -> Result<(), Error> {
    // A connection that turns out to be dead says nothing about commits, so the probe tries once more.
    for _ in 0..2 {
        let mut tx = writes.begin().await?;
        let updated = sqlx::query!("UPDATE clock SET probed_at = clock_timestamp()")
            .execute(&mut *tx)
            .await;
        if updated.is_ok() && tx.commit().await.is_ok() {
            return Ok(());
        }
    }
    Err(missed())
}

/// Postgres goes on waiting for its standby for connections that were given up, and each of them counts in
/// `max_connections`.
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

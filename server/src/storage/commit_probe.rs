//! The commit probe: tries commits, and opens or shuts the gate depending on the result.

use std::{io, time::Duration};

use sqlx::Error;
use tokio::time;
use tokio_util::sync::CancellationToken;

use super::{
    Db, Gate, Shares,
    faults::{again_if_lost, missed},
};
use crate::heartbeat::Heart;

/// How often a commit is tried while nothing is wrong.
const PROBE_EVERY: Duration = Duration::from_secs(5);
/// The same where a synchronous standby is required, whose loss has to be noticed within 5 s, of which the attempts take
/// up to 4 s.
const PROBE_STANDBY_EVERY: Duration = Duration::from_millis(750);
/// The pause between two attempts while commits hang.
const RETRY: Duration = Duration::from_secs(1);

impl Gate {
    /// Tries commits over the share of writes without this gate, until `shutdown`.
    pub async fn watch(self, shares: Shares, heart: Heart, shutdown: CancellationToken) {
        let every = if shares.requires_sync_replication {
            PROBE_STANDBY_EVERY
        } else {
            PROBE_EVERY
        };
        let mut is_told = false;
        while !shutdown.is_cancelled() {
            heart.beat();
            let probed = probe(&shares.probes, shares.requires_sync_replication).await;
            self.set_shut(probed.is_err());
            let is_well = probed.is_ok();
            match probed {
                Ok(()) if is_told => tracing::info!("commits are answered again"),
                Ok(()) => {}
                Err(error) => {
                    if !is_told {
                        tracing::error!(%error, "visitors' writes are refused");
                    }
                    release_given_up(&shares.reads).await;
                }
            }
            is_told = !is_well;
            let pause = if is_well { every } else { RETRY };
            tokio::select! {
                () = shutdown.cancelled() => {}
                () = self.doubted(), if is_well => {}
                () = time::sleep(pause) => {}
            }
        }
    }
}

/// Makes the kind of commit that visitors' writes make: it has to reach the disk, and the standby, without which it fails
/// where one is required.
async fn probe(writes: &Db, requires_standby: bool) -> Result<(), Error> {
    if requires_standby && !waits_for_standby(writes).await? {
        let problem =
            "Postgres waits for no synchronous standby: synchronous_standby_names is empty";
        return Err(io::Error::other(problem).into());
    }
    commit(writes).await
}

/// Whether commits wait for a standby. That it is there shows in their being answered.
async fn waits_for_standby(db: &Db) -> Result<bool, Error> {
    again_if_lost(|| {
        sqlx::query_scalar!(
            r#"SELECT current_setting('synchronous_standby_names') <> '' AS "waits!""#
        )
        .fetch_one(db)
    })
    .await
}

async fn commit(writes: &Db) -> Result<(), Error> {
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

//! Deletes data that has reached its maximum age.

use std::time::Duration;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::SupportChat;
use crate::{
    relay::queue::{self, Task},
    storage::{
        Db, administrations, blocked_addresses, clock, erasure, idempotency,
        mail::{codes, outbox, transcripts},
        retention, sessions,
    },
};

/// The number of rows that one statement deletes.
const BATCH: i64 = 100;
/// The maximum number of statements of each kind in one run. The rest waits for the next run.
const BATCHES: usize = 50;

/// Erasures at the homeserver that are queued at the same time: what visitors write must not wait for them.
const ERASURES: i64 = 10;

/// How long the key of a creation counts.
const CREATION_KEY: Duration = Duration::from_hours(24);

impl SupportChat {
    /// Ends what a wrong clock has dated into the future, and deletes keys that have expired, and the messages of sessions
    /// that ended long enough ago; a batch at a time, so
    /// that nobody waits for it, and not too many. `own` is this server's time.
    pub async fn delete_old(&self, db: &Db, own: DateTime<Utc>) -> Result<(), sqlx::Error> {
        clock::advance(db, own).await?;
        retention::end_futures(db, own, BATCH).await?;
        for _ in 0..BATCHES {
            let deleted = idempotency::delete_expired(db, own, BATCH).await?;
            if deleted < BATCH.unsigned_abs() {
                break;
            }
        }
        blocked_addresses::delete_ended(db, own, BATCH).await?;
        codes::delete_old(db, own, BATCH).await?;
        outbox::delete_old(db, own, BATCH).await?;
        transcripts::delete_old(db, own, BATCH).await?;
        administrations::delete_old(db, BATCH).await?;
        if let Some(kept) = self.limits.retention {
            // A creation's key goes with its message.
            let age = self
                .limits
                .session_ttl
                .saturating_add(kept)
                .max(CREATION_KEY);
            for _ in 0..BATCHES {
                let emptied = retention::empty_older_than(db, own, age, BATCH).await?;
                if emptied < BATCH.unsigned_abs() {
                    break;
                }
            }
            if self.limits.retention_erases_rooms {
                for session_id in erasure::due_at_homeserver(db, ERASURES).await? {
                    self.erase_at_homeserver(db, session_id).await?;
                }
            }
        }
        Ok(())
    }

    /// Queues the removal of a conversation that was emptied from the homeserver.
    async fn erase_at_homeserver(&self, db: &Db, session_id: Uuid) -> Result<(), sqlx::Error> {
        let mut tx = db.begin().await?;
        sessions::lock(&mut tx, session_id, self.limits.session_ttl).await?;
        if erasure::begin_at_homeserver(&mut tx, session_id).await? {
            queue::push(&mut tx, session_id, &Task::Erase).await?;
            tracing::info!(%session_id, "retention erases the conversation at the homeserver");
        }
        tx.commit().await
    }
}

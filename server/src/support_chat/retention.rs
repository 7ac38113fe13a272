//! What is deleted for its age.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::SupportChat;
use crate::storage::{
    Db, blocked_addresses, clock, idempotency,
    mail::{codes, outbox, transcripts},
    sessions,
};

/// Rows that are deleted in one statement.
const BATCH: i64 = 100;
/// Statements of each kind in one run: more waits for the next.
const BATCHES: usize = 50;

/// How long the key of a creation counts.
const CREATION_KEY: Duration = Duration::from_hours(24);

impl SupportChat {
    /// Deletes keys that have run out, and the messages of sessions that ended long enough ago; a batch at a time, so
    /// that nobody waits for it, and not too many. `own` is this server's time.
    pub async fn delete_old(&self, db: &Db, own: DateTime<Utc>) -> Result<(), sqlx::Error> {
        clock::advance(db, own).await?;
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
        if let Some(retention) = self.limits.retention {
            // A creation's key goes with its message.
            let age = self
                .limits
                .session_ttl
                .saturating_add(retention)
                .max(CREATION_KEY);
            for _ in 0..BATCHES {
                let emptied = sessions::empty_older_than(db, own, age, BATCH).await?;
                if emptied < BATCH.unsigned_abs() {
                    break;
                }
            }
        }
        Ok(())
    }
}

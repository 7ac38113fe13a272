//! Deletes data that has reached its maximum age.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::SupportChat;
use crate::storage::{
    Db, blocked_addresses, clock, idempotency,
    mail::{codes, outbox},
    retention,
};

/// The number of rows that one statement deletes.
const BATCH: i64 = 100;
/// The maximum number of statements of each kind in one run. The rest waits for the next run.
const BATCHES: usize = 50;

/// How long the idempotency key of a creation is valid.
const CREATION_KEY: Duration = Duration::from_hours(24);

impl SupportChat {
    /// Ends what a wrong clock has dated into the future, and deletes keys that have run out, and the messages of sessions that ended long enough ago; a batch at a time, so
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
        }
        Ok(())
    }
}

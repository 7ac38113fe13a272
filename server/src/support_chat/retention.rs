//! Deletes data that has reached its maximum age.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::SupportChat;
use crate::storage::{
    Db, blocked_addresses, clock, idempotency,
    mail::{codes, outbox},
    sessions,
};

/// The number of rows that one statement deletes.
const BATCH: i64 = 100;
/// The maximum number of statements of each kind in one run. The rest waits for the next run.
const BATCHES: usize = 50;

/// How long the idempotency key of a creation is valid.
const CREATION_KEY: Duration = Duration::from_hours(24);

impl SupportChat {
    /// Deletes expired keys, and the messages of sessions that ended long enough ago. It works in
    /// small, limited batches, so that other statements do not wait for it. `own` is this server's
    /// time.
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
        if let Some(retention) = self.limits.retention {
            // The key of a creation is deleted together with its message.
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

//! The gate before transactions that write: it is shut while commits hang.
//!
//! Postgres confirms a commit when its disk has it and, with synchronous replication, its standby too. While one of
//! them does not answer, every commit hangs, and a visitor who waits for one learns nothing. So a commit that misses
//! its deadline makes a probe (`commit_probe`) try commits. While the probe finds that they hang, transactions are
//! refused before they begin, because a refusal is certain.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use sqlx::Error;
use tokio::sync::Notify;

/// The gate. It is open while commits are answered. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Gate(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    shut: AtomicBool,
    doubt: Notify,
}

impl Gate {
    /// Whether commits were answered at the last attempt.
    #[must_use]
    pub fn is_open(&self) -> bool {
        !self.0.shut.load(Ordering::SeqCst)
    }

    /// Refuses a transaction while commits hang.
    pub(super) fn pass(&self) -> Result<(), Error> {
        if self.is_open() {
            Ok(())
        } else {
            let problem =
                "commits are not answered at present, or not by a standby that is required";
            Err(io::Error::other(problem).into())
        }
    }

    /// Records that a commit has missed its deadline.
    pub(super) fn doubt(&self) {
        self.0.doubt.notify_one();
    }

    /// Waits for the next commit that misses its deadline.
    pub(super) async fn doubted(&self) {
        self.0.doubt.notified().await;
    }

    /// Shuts or opens the gate; returns whether it was shut before.
    pub(super) fn set_shut(&self, shut: bool) -> bool {
        self.0.shut.swap(shut, Ordering::SeqCst)
    }
}

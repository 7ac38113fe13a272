//! Whether commits are answered.
//!
//! Postgres confirms a commit when its disk has it, and where it replicates synchronously, its standby too. While
//! one of them does not answer, every commit hangs, and a visitor who waits for one learns nothing. So a commit
//! that missed its deadline raises a doubt, a probe (`commit_probe`) looks into it, and while the probe finds that commits
//! hang, transactions are refused before they begin: a refusal is certain.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use sqlx::Error;
use tokio::sync::Notify;

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

    /// The next commit that misses its deadline.
    pub(super) async fn doubted(&self) {
        self.0.doubt.notified().await;
    }

    /// Shuts or opens; says whether it was shut before.
    pub(super) fn set_shut(&self, shut: bool) -> bool {
        self.0.shut.swap(shut, Ordering::SeqCst)
    }
}

//! What became of a commit whose answer was lost.

use std::time::Duration;

use tokio::time;
use uuid::Uuid;

use super::SupportChat;
use crate::storage::{
    self, Connection,
    sessions::{self, Session},
};

/// How long the look at what became of a commit may take. The visitor has waited for the commit already.
const LOOK: Duration = Duration::from_millis(400);

/// Why a change is not known to be stored.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// Postgres was lost when the request may have been carried out, by this attempt or by an earlier one.
    #[error("it is not known whether the request was carried out: {0}")]
    OutcomeUnknown(#[source] sqlx::Error),
    /// Postgres failed, and nothing was changed.
    #[error(transparent)]
    NothingDone(#[from] sqlx::Error),
}

impl SupportChat {
    /// Says what became of a commit that failed with `error`.
    ///
    /// A connection that was lost while it committed leaves open whether it did, and a refusal promises that it did
    /// not. Once this call holds the session's lock, the other transaction is over: its change is there or never will
    /// be. Without the lock nothing is promised. `look` says whether the change is there, if it can.
    pub(super) async fn resolve_commit(
        &self,
        error: sqlx::Error,
        session_id: Uuid,
        look: impl AsyncFnOnce(Option<Session>, &mut Connection) -> Result<Option<bool>, sqlx::Error>,
    ) -> Result<(), WriteError> {
        if storage::is_certain(&error) {
            return Err(WriteError::NothingDone(error));
        }
        let found = time::timeout(LOOK, async {
            let mut tx = self.begin().await?;
            let locked = sessions::lock(&mut tx, session_id, self.limits.session_ttl).await?;
            look(locked, &mut tx).await
        });
        match found.await {
            Ok(Ok(Some(true))) => Ok(()),
            Ok(Ok(Some(false))) => Err(WriteError::NothingDone(error)),
            Ok(Ok(None) | Err(_)) | Err(_) => Err(WriteError::OutcomeUnknown(error)),
        }
    }
}

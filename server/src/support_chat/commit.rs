//! Finds out whether a transaction was committed when the answer to the commit was lost.

use std::time::Duration;

use tokio::time;
use uuid::Uuid;

use super::SupportChat;
use crate::storage::{
    self, Connection,
    sessions::{self, Session},
};

/// The time limit of that inquiry. It is short, because the visitor has already waited for the
/// commit.
const LOOK: Duration = Duration::from_millis(400);

/// Why it is not certain that a change was stored.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The connection to Postgres was lost, and this attempt or an earlier one may have carried out
    /// the request.
    #[error("it is not known whether the request was carried out: {0}")]
    OutcomeUnknown(#[source] sqlx::Error),
    /// Postgres failed, and nothing was changed.
    #[error(transparent)]
    NothingDone(#[from] sqlx::Error),
}

impl SupportChat {
    /// Decides what happened to a commit that failed with `error`.
    ///
    /// If the connection was lost during the commit, the change may have been stored, and only a
    /// certain failure may be reported as one. Once this call holds the session's lock, the other
    /// transaction is over, so its change is either visible or will never be. Without the lock the
    /// outcome stays unknown. `look` says whether the change is there, or `None` if that cannot be
    /// told.
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

//! Erasing a conversation, as its visitor asks.

use std::time::Duration;

use secrecy::SecretString;
use uuid::Uuid;

use super::{AccessError, SupportChat, WriteError};
use crate::{
    relay::queue::{self, Task},
    storage::{erasure, sessions},
};

/// What is on its way to the homeserver at this moment has arrived, or has been given up, before the erasure begins
/// there.
const UNDER_WAY: Duration = Duration::from_secs(15);

/// Why a conversation was not erased.
#[derive(Debug, thiserror::Error)]
pub enum EraseSessionError {
    /// The token does not open it.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// The erasure is not known to be stored.
    #[error(transparent)]
    Write(#[from] WriteError),
}

impl From<sqlx::Error> for EraseSessionError {
    fn from(error: sqlx::Error) -> Self {
        WriteError::from(error).into()
    }
}

impl SupportChat {
    /// Erases a conversation, open or ended. It is gone from Postgres at once, with what was not relayed yet; the relay
    /// then removes what the bot wrote at the homeserver.
    pub async fn erase_session(
        &self,
        session_id: Uuid,
        token: &SecretString,
    ) -> Result<(), EraseSessionError> {
        let mut tx = self.begin().await?;
        let session = sessions::lock(&mut tx, session_id, self.limits.session_ttl).await?;
        self.authenticate(session, token)?;
        erasure::erase(&mut tx, session_id).await?;
        if erasure::has_room(&mut *tx, session_id).await? {
            let notice = Task::Notice(self.room_texts.erased.to_owned());
            for task in [Task::Erase, notice] {
                queue::push(&mut tx, session_id, &task).await?;
            }
            erasure::delay_queue(&mut tx, session_id, UNDER_WAY).await?;
        }
        let committed = tx.commit().await;
        self.poll_cache.changed(session_id);
        if let Err(error) = committed {
            self.resolve_commit(error, session_id, async |session, _| {
                Ok(session.map(|session| session.is_erased()))
            })
            .await?;
        }
        tracing::info!(session_id = %session_id, "session erased");
        Ok(())
    }
}

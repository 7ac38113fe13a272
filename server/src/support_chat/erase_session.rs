//! Erases a conversation at its visitor's request.

use std::time::Duration;

use secrecy::SecretString;
use uuid::Uuid;

use super::{AccessError, SupportChat, WriteError};
use crate::{
    relay::queue::{self, Task},
    storage::{erasure, sessions},
};

/// The notice that staff read in the room.
const NOTICE: &str = "The visitor has had this conversation erased: their messages and details are gone. \
                      Messages sent here no longer reach them.";
/// How long the relay waits before it erases the room, so that events that are being sent have
/// arrived or were given up.
const UNDER_WAY: Duration = Duration::from_secs(15);

/// Why a conversation was not erased.
#[derive(Debug, thiserror::Error)]
pub enum EraseSessionError {
    /// The token does not grant access to the session.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// It is not certain that the erasure was stored.
    #[error(transparent)]
    Write(#[from] WriteError),
}

impl From<sqlx::Error> for EraseSessionError {
    fn from(error: sqlx::Error) -> Self {
        WriteError::from(error).into()
    }
}

impl SupportChat {
    /// Erases an open or ended conversation. Postgres loses it at once, including messages that
    /// were not relayed yet; the relay then redacts the bot's events at the homeserver.
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
            for task in [Task::Erase, Task::Notice(NOTICE.to_owned())] {
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

//! The visitor ends a conversation.

use secrecy::SecretString;
use uuid::Uuid;

use super::{AccessError, SupportChat, WriteError};
use crate::{
    relay::queue::{self, Task},
    storage::sessions::{self, State},
};

/// Why a conversation was not ended.
#[derive(Debug, thiserror::Error)]
pub enum CloseSessionError {
    /// The token does not grant access to the session.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// The conversation had expired before.
    #[error("the session has expired")]
    SessionExpired,
    /// It is not certain that the end was stored.
    #[error(transparent)]
    Write(#[from] WriteError),
}

impl From<sqlx::Error> for CloseSessionError {
    fn from(error: sqlx::Error) -> Self {
        WriteError::from(error).into()
    }
}

impl SupportChat {
    /// Ends a conversation; ending it again changes nothing. The visitor's messages are still
    /// relayed, and the room remains.
    pub async fn close_session(
        &self,
        session_id: Uuid,
        token: &SecretString,
    ) -> Result<(), CloseSessionError> {
        let mut tx = self.begin().await?;
        let session = sessions::lock(&mut tx, session_id, self.limits.session_ttl).await?;
        match self.authenticate(session, token)?.state {
            State::Closed => return Ok(()),
            State::Expired => return Err(CloseSessionError::SessionExpired),
            State::Open => {}
        }
        if sessions::close(&mut tx, session_id).await? {
            let notice = Task::Notice(self.room_texts.left.to_owned());
            queue::push(&mut tx, session_id, &notice).await?;
            queue::push(&mut tx, session_id, &Task::Rename).await?;
        }
        let committed = tx.commit().await;
        self.poll_cache.changed(session_id);
        if let Err(error) = committed {
            self.resolve_commit(error, session_id, async |session, _| {
                Ok(session.map(|session| session.state == State::Closed))
            })
            .await?;
        }
        tracing::info!(session_id = %session_id, "session closed");
        Ok(())
    }
}

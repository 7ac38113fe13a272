//! Erases a conversation at its visitor's request.

use std::time::Duration;

use secrecy::SecretString;
use uuid::Uuid;

use super::{AccessError, SupportChat, WriteError};
use crate::{
    relay::queue::{self, Task},
    storage::{Connection, erasure, sessions},
};

/// What is on its way to the homeserver at this moment has arrived, or has been given up, before the erasure begins
/// there.
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

/// Erases a conversation, whose lock the caller holds: it is gone from Postgres when the transaction commits, and the
/// relay then removes what the bot wrote at the homeserver, and puts `notice` into the room.
pub(crate) async fn erase(
    db: &mut Connection,
    session_id: Uuid,
    notice: Option<&str>,
) -> Result<(), sqlx::Error> {
    erasure::erase(db, session_id).await?;
    if erasure::has_room(&mut *db, session_id).await? {
        queue::push(db, session_id, &Task::Erase).await?;
        if let Some(notice) = notice {
            queue::push(db, session_id, &Task::Notice(notice.to_owned())).await?;
        }
        erasure::delay_queue(db, session_id, UNDER_WAY).await?;
    }
    Ok(())
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
        erase(&mut tx, session_id, Some(self.room_texts.erased)).await?;
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

//! Stores a visitor's message, and hands it to the relay after the commit.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{SupportChat, WriteError};
use crate::{
    relay::{
        handoff::Place,
        queue::{self, Claim, Pushed},
    },
    storage::{Connection, messages},
};

/// A message that was accepted.
#[derive(Clone, Copy, Debug)]
pub struct StoredMessage {
    /// Its id.
    pub id: Uuid,
    /// When it was stored.
    pub created_at: DateTime<Utc>,
}

/// Stores the message and queues it for the room.
pub(super) async fn store(
    db: &mut Connection,
    session_id: Uuid,
    body: &str,
    may_claim: bool,
) -> Result<(StoredMessage, Option<Claim>), sqlx::Error> {
    let id = Uuid::new_v4();
    let Pushed { created_at, claim } =
        queue::push_message(db, session_id, id, body, may_claim).await?;
    Ok((StoredMessage { id, created_at }, claim))
}

impl SupportChat {
    /// Called after the commit of a message. Hands the claimed task to the relay if the message was
    /// stored.
    pub(super) async fn conclude_message(
        &self,
        committed: Result<(), sqlx::Error>,
        session_id: Uuid,
        message_id: Uuid,
        claimed: Option<(Claim, Place)>,
    ) -> Result<(), WriteError> {
        match (committed, claimed) {
            // If the message was stored after all, the claim on it expires by itself.
            (Err(error), _) => {
                self.resolve_commit(error, session_id, async |session, db| {
                    let found = messages::exists(db, message_id).await?;
                    Ok((found || session.is_some()).then_some(found))
                })
                .await
            }
            (Ok(()), Some((claim, place))) => {
                self.handoff.send(claim, place);
                Ok(())
            }
            (Ok(()), None) => Ok(()),
        }
    }
}

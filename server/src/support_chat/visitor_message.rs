//! A visitor's message: how it is stored, and handed to the relay once it is committed.

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
    /// After the commit of a message: hands what was claimed with it to the relay, if the message is stored.
    pub(super) async fn conclude_message(
        &self,
        committed: Result<(), sqlx::Error>,
        session_id: Uuid,
        message_id: Uuid,
        claimed: Option<(Claim, Place)>,
    ) -> Result<(), WriteError> {
        match (committed, claimed) {
            // A claim on a message that is stored nevertheless runs out by itself.
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

//! The visitor sends a message in an open conversation.

use std::time::Duration;

use app::contract::MessageBody;
use secrecy::SecretString;
use uuid::Uuid;

use super::{
    AccessError, IdempotencyKey, SessionEnded, StoredMessage, SupportChat, WriteError,
    access::ensure_open, idempotency::KeyReused, visitor_message,
};
use crate::{
    metrics::Throttle,
    relay::queue::Lane,
    storage::{messages, sessions},
};

/// Why a message was not accepted.
#[derive(Debug, thiserror::Error)]
pub enum SendMessageError {
    /// The token does not grant access to the session.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// The conversation has ended.
    #[error(transparent)]
    Ended(#[from] SessionEnded),
    /// The idempotency key was used before with another message.
    #[error(transparent)]
    KeyReused(#[from] KeyReused),
    /// The session sends too many messages. It may send one again after this time.
    #[error("too many messages")]
    RateLimited(Duration),
    /// It is not certain that the message was stored.
    #[error(transparent)]
    Write(#[from] WriteError),
}

impl From<sqlx::Error> for SendMessageError {
    fn from(error: sqlx::Error) -> Self {
        WriteError::from(error).into()
    }
}

impl SupportChat {
    /// Counts one more message of the session.
    pub fn take_message(&self, session_id: Uuid) -> Result<(), SendMessageError> {
        self.messages.take(&session_id).map_err(|wait| {
            self.metrics.throttled(Throttle::MessagesPerSession);
            SendMessageError::RateLimited(wait)
        })
    }

    /// Stores a visitor's message and queues it for the room.
    pub async fn send_message(
        &self,
        session_id: Uuid,
        token: &SecretString,
        body: &MessageBody,
        key: Option<&IdempotencyKey>,
    ) -> Result<StoredMessage, SendMessageError> {
        let mut tx = self.begin().await?;
        // The lock keeps this from overlapping with the end of the conversation.
        let session = sessions::lock(&mut tx, session_id, self.limits.session_ttl).await?;
        let session = self.authenticate(session, token)?;
        let request = key.map(|key| key.for_message(session_id, body));
        // A repeated request gets its result even if the session has ended meanwhile, because the
        // message was accepted.
        if let Some(request) = &request
            && let Some(earlier) = request.find(&mut tx).await?
        {
            let earlier = earlier?;
            let created_at = messages::created_at(&mut tx, earlier.message_id).await;
            return Ok(StoredMessage {
                id: earlier.message_id,
                created_at: created_at.map_err(WriteError::OutcomeUnknown)?,
            });
        }
        ensure_open(&session)?;
        self.take_message(session_id)?;
        let place = self.handoff.place(Lane::Messages);
        let (message, claim) =
            visitor_message::store(&mut tx, session_id, body.as_str(), place.is_some()).await?;
        if let Some(request) = &request {
            request.claim(&mut tx, session_id, message.id).await?;
        }
        let committed = tx.commit().await;
        self.poll_cache.changed(session_id);
        self.conclude_message(committed, session_id, message.id, claim.zip(place))
            .await?;
        self.metrics.messages_accepted.inc();
        tracing::info!(session_id = %session_id, message_id = %message.id, "message accepted");
        Ok(message)
    }
}

//! The visitor is typing.

use secrecy::{ExposeSecret, SecretString};
use uuid::Uuid;

use super::{AccessError, SessionEnded, SupportChat, access::ensure_open};
use crate::poll_cache::TokenDigest;

/// Why a visitor's typing does not count.
#[derive(Debug, thiserror::Error)]
pub enum SetTypingError {
    /// The token does not open the session.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// The conversation has ended.
    #[error(transparent)]
    Ended(#[from] SessionEnded),
    /// Postgres.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

impl SupportChat {
    /// The visitor is typing. Staff are told soon or never.
    pub async fn set_typing(
        &self,
        session_id: Uuid,
        token: &SecretString,
    ) -> Result<(), SetTypingError> {
        let digest = TokenDigest::of(token.expose_secret());
        if !self.poll_cache.opens(session_id, &digest) {
            let session = self.find_session(session_id).await?;
            ensure_open(&self.authenticate(session, token)?)?;
            self.poll_cache.saw(session_id);
        }
        self.signaller.typing(session_id);
        Ok(())
    }
}

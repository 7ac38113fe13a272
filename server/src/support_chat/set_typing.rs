//! Passes on that the visitor is typing.

use secrecy::{ExposeSecret, SecretString};
use uuid::Uuid;

use super::{AccessError, SessionEnded, SupportChat, access::ensure_open};
use crate::poll_cache::TokenDigest;

/// Why the visitor's typing was not passed on.
#[derive(Debug, thiserror::Error)]
pub enum SetTypingError {
    /// The token does not grant access to the session.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// The conversation has ended.
    #[error(transparent)]
    Ended(#[from] SessionEnded),
    /// Postgres failed.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

impl SupportChat {
    /// Passes on that the visitor is typing. Nothing is stored, so staff either learn of it soon or
    /// not at all.
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

//! Passes on that the visitor is typing.

use secrecy::{ExposeSecret, SecretString};
use uuid::Uuid;

use super::{NotOpenError, SupportChat, access::ensure_open};
use crate::poll_cache::TokenDigest;

impl SupportChat {
    /// Passes on that the visitor is typing. Nothing is stored, so staff either learn of it soon or
    /// not at all.
    pub async fn set_typing(
        &self,
        session_id: Uuid,
        token: &SecretString,
    ) -> Result<(), NotOpenError> {
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

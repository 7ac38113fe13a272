//! Where replies that nobody fetches are mailed.

use secrecy::SecretString;
use uuid::Uuid;

use super::{AccessError, SessionEnded, SupportChat, WriteError, access::ensure_open};
use crate::{
    model::{EmailAddress, Language},
    storage::{
        mail::{
            addresses::{self, NewAddress},
            outbox,
        },
        sessions,
    },
};

/// Why it is not stored, or not deleted.
#[derive(Debug, thiserror::Error)]
pub enum SetEmailError {
    /// The token does not open the session.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// The conversation has ended.
    #[error(transparent)]
    Ended(#[from] SessionEnded),
    /// This server mails nothing.
    #[error("this server mails nothing")]
    NotOffered,
    /// The address's owner has stopped the mails of this conversation.
    #[error("the owner of the address has stopped the mails of this conversation")]
    Stopped,
    /// It is not known to be stored.
    #[error(transparent)]
    Write(#[from] WriteError),
}

impl From<sqlx::Error> for SetEmailError {
    fn from(error: sqlx::Error) -> Self {
        WriteError::from(error).into()
    }
}

impl SupportChat {
    /// Replies that the visitor does not fetch are mailed there from now on.
    pub async fn set_email(
        &self,
        session_id: Uuid,
        token: &SecretString,
        address: &EmailAddress,
        language: Language,
    ) -> Result<(), SetEmailError> {
        let mut tx = self.begin().await?;
        let session = sessions::lock(&mut tx, session_id, self.limits.session_ttl).await?;
        ensure_open(&self.authenticate(session, token)?)?;
        if !self.mailing.is_on {
            return Err(SetEmailError::NotOffered);
        }
        let new = NewAddress {
            address: address.as_str(),
            digest: &self.mailing.digester.digest(address),
            language: language.tag(),
        };
        if !addresses::set(&mut tx, session_id, new).await? {
            return Err(SetEmailError::Stopped);
        }
        // A reply may have come before the address.
        if !outbox::unfetched(&mut *tx, session_id, 1).await?.is_empty() {
            outbox::wait(&mut tx, session_id).await?;
        }
        if let Err(error) = tx.commit().await {
            // A client may simply repeat it, so nobody looks whether it was stored.
            self.resolve_commit(error, session_id, async |_, _| Ok(None))
                .await?;
        }
        Ok(())
    }

    /// Nothing is mailed any more, and what was mailed opens nothing.
    pub async fn forget_email(
        &self,
        session_id: Uuid,
        token: &SecretString,
    ) -> Result<(), SetEmailError> {
        let mut tx = self.begin().await?;
        let session = sessions::lock(&mut tx, session_id, self.limits.session_ttl).await?;
        ensure_open(&self.authenticate(session, token)?)?;
        addresses::forget(&mut tx, session_id).await?;
        if let Err(error) = tx.commit().await {
            self.resolve_commit(error, session_id, async |_, _| Ok(None))
                .await?;
        }
        Ok(())
    }

    /// Whether the name in the link of a mail is that of an address.
    pub async fn knows_mail_address(&self, id: Uuid) -> Result<bool, sqlx::Error> {
        addresses::is_known(&self.shares.reads, id).await
    }

    /// Stops the mails of a conversation to one address for good; `false` where there is no such address.
    pub async fn stop_mails(&self, id: Uuid) -> Result<bool, WriteError> {
        let mut tx = self.begin().await?;
        let stopped = addresses::stop(&mut tx, id).await?;
        // Doing it again does nothing more.
        tx.commit().await.map_err(WriteError::OutcomeUnknown)?;
        if let Some(session_id) = stopped {
            tracing::info!(%session_id, "mails were stopped");
        }
        Ok(stopped.is_some())
    }
}

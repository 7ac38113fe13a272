//! Sets or removes the address to which replies that the visitor does not fetch are mailed.

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

/// Why the address was not stored or removed.
#[derive(Debug, thiserror::Error)]
pub enum SetEmailError {
    /// The token does not grant access to the session.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// The conversation has ended.
    #[error(transparent)]
    Ended(#[from] SessionEnded),
    /// This server does not send mail.
    #[error("this server mails nothing")]
    NotOffered,
    /// The owner of the address has stopped the mails of this conversation.
    #[error("the owner of the address has stopped the mails of this conversation")]
    Stopped,
    /// It is not certain that the change was stored.
    #[error(transparent)]
    Write(#[from] WriteError),
}

impl From<sqlx::Error> for SetEmailError {
    fn from(error: sqlx::Error) -> Self {
        WriteError::from(error).into()
    }
}

impl SupportChat {
    /// Stores the address to which replies that the visitor does not fetch are mailed from now on.
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
        // A reply that came before the address may be unfetched, too.
        if !outbox::unfetched(&mut *tx, session_id, 1).await?.is_empty() {
            outbox::wait(&mut tx, session_id).await?;
        }
        if let Err(error) = tx.commit().await {
            // The client can safely repeat the request, so it is not worth finding out whether the
            // change was stored.
            self.resolve_commit(error, session_id, async |_, _| Ok(None))
                .await?;
        }
        Ok(())
    }

    /// Removes the address. No more mails are sent, and the codes in earlier mails become invalid.
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

    /// Whether the id in the link of a mail belongs to a stored address.
    pub async fn knows_mail_address(&self, id: Uuid) -> Result<bool, sqlx::Error> {
        addresses::is_known(&self.shares.reads, id).await
    }

    /// Permanently stops the mails of a conversation to one address. Returns `false` if there is no
    /// such address.
    pub async fn stop_mails(&self, id: Uuid) -> Result<bool, WriteError> {
        let mut tx = self.begin().await?;
        let stopped = addresses::stop(&mut tx, id).await?;
        // Repeating this statement has no further effect.
        tx.commit().await.map_err(WriteError::OutcomeUnknown)?;
        if let Some(session_id) = stopped {
            tracing::info!(%session_id, "mails were stopped");
        }
        Ok(stopped.is_some())
    }
}

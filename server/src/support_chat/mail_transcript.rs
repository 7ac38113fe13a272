//! A visitor asks that the conversation is mailed to the address that they have given.

use std::time::Duration;

use chrono_tz::Tz;
use secrecy::SecretString;
use uuid::Uuid;

use super::{AccessError, IdempotencyKey, SessionEnded, SupportChat, WriteError};
use crate::storage::{
    mail::{addresses, outbox, transcripts},
    sessions,
};

/// How often a day one conversation is mailed, so that mails about replies are not crowded out.
const MAX_A_DAY: i64 = 3;

/// Why the conversation is not mailed.
#[derive(Debug, thiserror::Error)]
pub enum MailTranscriptError {
    /// The token does not open the session.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// The conversation ended too long ago.
    #[error(transparent)]
    Ended(#[from] SessionEnded),
    /// This server mails nothing.
    #[error("this server mails nothing")]
    NotOffered,
    /// There is no address, or mails to it are refused or stopped.
    #[error("there is no address that mails are sent to")]
    NoAddress,
    /// So much was mailed that more is taken only after this long.
    #[error("too many mails")]
    RateLimited(Duration),
    /// The request is not known to be stored.
    #[error(transparent)]
    Write(#[from] WriteError),
}

impl From<sqlx::Error> for MailTranscriptError {
    fn from(error: sqlx::Error) -> Self {
        WriteError::from(error).into()
    }
}

impl SupportChat {
    /// Queues a mail with the conversation, while it goes on and for a while after its end. Asking again changes nothing while
    /// the mail waits, and neither does a key that was used within the last day.
    pub async fn mail_transcript(
        &self,
        session_id: Uuid,
        token: &SecretString,
        key: Option<&IdempotencyKey>,
        zone: Tz,
    ) -> Result<(), MailTranscriptError> {
        let key = key.map(IdempotencyKey::digest);
        let key = key.as_ref().map(<[u8; 32]>::as_slice);
        let mut tx = self.begin().await?;
        let session = sessions::lock(&mut tx, session_id, self.limits.session_ttl).await?;
        let session = self.authenticate(session, token)?;
        self.ensure_open_lately(&mut tx, session_id, &session)
            .await??;
        if !self.mailing.is_on {
            return Err(MailTranscriptError::NotOffered);
        }
        if transcripts::is_asked(&mut *tx, session_id, key).await? {
            return Ok(());
        }
        let address = addresses::find(&mut *tx, session_id).await?;
        let address = address.filter(|address| !address.is_off);
        let address = address.ok_or(MailTranscriptError::NoAddress)?;
        let digest = &address.address_digest;
        let full = [
            outbox::seconds_until_allowed(&mut *tx, session_id, digest).await?,
            transcripts::seconds_until_allowed(&mut *tx, session_id, MAX_A_DAY).await?,
        ];
        if let Some(seconds) = full.into_iter().flatten().reduce(f64::max) {
            let wait = Duration::try_from_secs_f64(seconds).unwrap_or_default();
            return Err(MailTranscriptError::RateLimited(wait));
        }
        transcripts::ask(&mut tx, session_id, zone.name(), key).await?;
        if let Err(error) = tx.commit().await {
            // A client may simply repeat it, so nobody looks whether it was stored.
            self.resolve_commit(error, session_id, async |_, _| Ok(None))
                .await?;
        }
        tracing::info!(%session_id, "a visitor has asked for the conversation by mail");
        Ok(())
    }

    /// Where replies are mailed that the visitor does not fetch, where they have said so and mails get there.
    pub async fn read_email(&self, session_id: Uuid) -> Result<Option<String>, sqlx::Error> {
        if !self.mailing.is_on {
            return Ok(None);
        }
        let address = addresses::find(&self.shares.reads, session_id).await?;
        Ok(address
            .filter(|address| !address.is_off)
            .map(|address| address.address))
    }
}

//! A visitor resumes a conversation with the code from a mail.

use uuid::Uuid;

use super::{IdempotencyKey, KeyReused, SessionEnded, SessionToken, SupportChat, WriteError};
use crate::{
    mail::ResumeCode,
    relay::queue::{self, Task},
    storage::{
        Tx, again_if_lost,
        mail::codes::{self, Code},
        sessions::{self, State},
    },
};

/// Why nobody has come back.
#[derive(Debug, thiserror::Error)]
pub enum ResumeSessionError {
    /// The code is wrong, used or too old, or its mail address was replaced or removed.
    #[error("there is no such code")]
    Unknown,
    /// The idempotency key was used before with another code.
    #[error(transparent)]
    KeyReused(#[from] KeyReused),
    /// The visitor has ended the conversation.
    #[error(transparent)]
    Ended(#[from] SessionEnded),
    /// It is not certain that the use of the code was stored.
    #[error(transparent)]
    Write(#[from] WriteError),
}

impl From<sqlx::Error> for ResumeSessionError {
    fn from(error: sqlx::Error) -> Self {
        WriteError::from(error).into()
    }
}

/// A conversation that its visitor has resumed.
#[derive(Debug)]
pub struct ResumedSession {
    /// Its id.
    pub session_id: Uuid,
    /// A token in addition to those that the session has.
    pub token: SessionToken,
}

impl SupportChat {
    /// Issues a token for the conversation of the code. If staff ended the conversation or it
    /// expired, it is opened again, because the code was mailed with a reply that the visitor has
    /// to be able to read.
    pub async fn resume_session(
        &self,
        code: &str,
        key: Option<&IdempotencyKey>,
    ) -> Result<ResumedSession, ResumeSessionError> {
        let code = ResumeCode::read(code).ok_or(ResumeSessionError::Unknown)?;
        let digest = code.digest();
        let key = key.map(IdempotencyKey::digest);
        if let Some(key) = &key {
            let of_another =
                again_if_lost(|| codes::is_key_of_another(&self.shares.writes, &digest, key));
            if of_another.await? {
                return Err(KeyReused.into());
            }
        }
        let key = key.as_ref().map(<[u8; 32]>::as_slice);
        let found = again_if_lost(|| codes::find(&self.shares.writes, &digest, key)).await?;
        let session_id = usable(found)?.session_id;

        let mut tx = self.begin().await?;
        let session = sessions::lock(&mut tx, session_id, self.limits.session_ttl).await?;
        let state = session.ok_or(ResumeSessionError::Unknown)?.state;
        // While this waited for the lock, another request may have used the code or changed the
        // address.
        let code = usable(codes::find(&mut *tx, &digest, key).await?)?;
        if !code.was_used {
            self.reopen(&mut tx, session_id, state).await?;
        }
        let token = SessionToken::generate();
        let hash = token.hash();
        sessions::insert_token(&mut tx, session_id, &hash).await?;
        sessions::keep_newest_tokens(&mut tx, session_id).await?;
        codes::set_used(&mut tx, &digest, key).await?;
        if let Err(error) = tx.commit().await {
            self.resolve_commit(error, session_id, async |session, _| {
                Ok(session.map(|session| session.token_hashes.contains(&hash)))
            })
            .await?;
        }
        self.poll_cache.saw(session_id);
        tracing::info!(%session_id, "a visitor has come back by a code");
        Ok(ResumedSession { session_id, token })
    }

    async fn reopen(
        &self,
        tx: &mut Tx,
        session_id: Uuid,
        state: State,
    ) -> Result<(), ResumeSessionError> {
        if state == State::Open {
            return Ok(());
        }
        if sessions::is_ended_by_visitor(tx, session_id).await? {
            return Err(SessionEnded::Closed.into());
        }
        sessions::reopen(tx, session_id).await?;
        queue::push(tx, session_id, &Task::Rename).await?;
        let notice = Task::Notice(self.room_texts.resumed.to_owned());
        queue::push(tx, session_id, &notice).await?;
        Ok(())
    }
}

fn usable(code: Option<Code>) -> Result<Code, ResumeSessionError> {
    code.filter(|code| !code.is_used)
        .ok_or(ResumeSessionError::Unknown)
}

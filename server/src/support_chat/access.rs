//! Checks whether a token grants access to a session, and whether the conversation is still open.

use std::time::Duration;

use secrecy::SecretString;
use uuid::Uuid;

use super::SupportChat;
use crate::storage::{
    Connection,
    sessions::{self, Session, State},
};

/// How long after the end of a conversation its visitor may still save and rate it.
const AFTERWARDS: Duration = Duration::from_hours(24);

/// Why a token grants no access to a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AccessError {
    /// No such session.
    #[error("no such session")]
    SessionNotFound,
    /// The token belongs to another session, or to none.
    #[error("the token does not open this session")]
    InvalidToken,
}

/// The session has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SessionEnded {
    /// The visitor or the staff ended it.
    #[error("the session is closed")]
    Closed,
    /// Nobody wrote for the lifetime of a session.
    #[error("the session has expired")]
    Expired,
}

/// Why a token grants no access to an open conversation.
#[derive(Debug, thiserror::Error)]
pub enum NotOpenError {
    /// The token does not open the session.
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
    /// Fails unless the token grants access to an open conversation. A caller that then changes the
    /// session has to check again under the session's lock.
    pub async fn require_open(
        &self,
        session_id: Uuid,
        token: &SecretString,
    ) -> Result<(), NotOpenError> {
        let session = self.find_session(session_id).await?;
        ensure_open(&self.authenticate(session, token)?)?;
        Ok(())
    }

    /// Fails unless the token opens a conversation that goes on, or that has ended lately.
    pub async fn require_open_lately(
        &self,
        session_id: Uuid,
        token: &SecretString,
    ) -> Result<(), NotOpenError> {
        let session = self.find_session(session_id).await?;
        let session = self.authenticate(session, token)?;
        let mut db = self.shares.reads.acquire().await?;
        self.ensure_open_lately(&mut db, session_id, &session)
            .await??;
        Ok(())
    }

    /// Whether the token opens a conversation that goes on.
    pub async fn is_open(
        &self,
        session_id: Uuid,
        token: &SecretString,
    ) -> Result<bool, sqlx::Error> {
        let session = self.find_session(session_id).await?;
        let session = self.authenticate(session, token);
        let is_open = session.is_ok_and(|session| session.state == State::Open);
        if is_open {
            self.poll_cache.saw(session_id);
        }
        Ok(is_open)
    }

    /// Loads the session without locking it.
    pub(super) async fn find_session(
        &self,
        session_id: Uuid,
    ) -> Result<Option<Session>, sqlx::Error> {
        sessions::find(&self.shares.reads, session_id, self.limits.session_ttl).await
    }

    /// Returns the session if it exists and the token grants access to it.
    pub(super) fn authenticate(
        &self,
        session: Option<Session>,
        token: &SecretString,
    ) -> Result<Session, AccessError> {
        let session = session.filter(|session| !session.is_erased());
        let session = session.ok_or(AccessError::SessionNotFound)?;
        let opens = |hash: &String| self.verifier.matches(token, hash);
        if session.token_hashes.iter().any(opens) {
            Ok(session)
        } else {
            Err(AccessError::InvalidToken)
        }
    }
}

impl SupportChat {
    /// Refuses an operation that only an open or recently ended conversation allows.
    pub(super) async fn ensure_open_lately(
        &self,
        db: &mut Connection,
        session_id: Uuid,
        session: &Session,
    ) -> Result<Result<(), SessionEnded>, sqlx::Error> {
        let Err(ended) = ensure_open(session) else {
            return Ok(Ok(()));
        };
        let over_for = sessions::over_for(db, session_id, self.limits.session_ttl).await?;
        let is_lately = over_for.is_some_and(|over_for| over_for < AFTERWARDS);
        Ok(if is_lately { Ok(()) } else { Err(ended) })
    }
}

/// Refuses an operation that only an open conversation allows.
pub(super) const fn ensure_open(session: &Session) -> Result<(), SessionEnded> {
    match session.state {
        State::Open => Ok(()),
        State::Closed => Err(SessionEnded::Closed),
        State::Expired => Err(SessionEnded::Expired),
    }
}

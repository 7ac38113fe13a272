//! The visitor rates a conversation. Staff learn of it in the conversation's room and at the desk.

use std::time::Duration;

use secrecy::SecretString;
use uuid::Uuid;

use super::{AccessError, SendMessageError, SessionEnded, SupportChat, WriteError};
use crate::{
    model::{Rated, Rating},
    relay::queue::{self, Task},
    storage::{
        ratings::{self, Change},
        sessions,
    },
};

/// Why a rating was not stored.
#[derive(Debug, thiserror::Error)]
pub enum SetRatingError {
    /// The token does not grant access to the session.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// The conversation ended too long ago.
    #[error(transparent)]
    Ended(#[from] SessionEnded),
    /// The rating is changed too often. It may be changed again after this time.
    #[error("too many changes")]
    RateLimited(Duration),
    /// It is not certain that the rating was stored.
    #[error(transparent)]
    Write(#[from] WriteError),
}

impl From<sqlx::Error> for SetRatingError {
    fn from(error: sqlx::Error) -> Self {
        WriteError::from(error).into()
    }
}

impl SupportChat {
    /// Stores a rating, which replaces an earlier one, while the conversation is open and for some
    /// time after its end.
    pub async fn set_rating(
        &self,
        session_id: Uuid,
        token: &SecretString,
        rated: &Rated,
    ) -> Result<(), SetRatingError> {
        let mut tx = self.begin().await?;
        let session = sessions::lock(&mut tx, session_id, self.limits.session_ttl).await?;
        let session = self.authenticate(session, token)?;
        self.ensure_open_lately(&mut tx, session_id, &session)
            .await??;
        let change = ratings::set(&mut tx, session_id, rated).await?;
        if change == Change::None {
            return Ok(());
        }
        // Each change makes an event in the room, so it counts as a message.
        if let Err(SendMessageError::RateLimited(wait)) = self.take_message(session_id) {
            return Err(SetRatingError::RateLimited(wait));
        }
        if ratings::is_to_be_queued(&mut tx, session_id).await? {
            queue::push(&mut tx, session_id, &Task::Rating).await?;
        }
        if let Err(error) = tx.commit().await {
            // The client can safely repeat the request, so it is not worth finding out whether the
            // change was stored.
            self.resolve_commit(error, session_id, async |_, _| Ok(None))
                .await?;
        }
        if change == Change::Rating {
            self.metrics.rated(rated.rating);
        }
        tracing::info!(%session_id, "conversation rated");
        Ok(())
    }

    /// Whether the visitor of an ended conversation can still rate it, and the rating so far.
    pub async fn read_rating(
        &self,
        session_id: Uuid,
        token: &SecretString,
    ) -> Result<Option<Rating>, SetRatingError> {
        let session = self.find_session(session_id).await?;
        let session = self.authenticate(session, token)?;
        let mut db = self.shares.reads.acquire().await?;
        self.ensure_open_lately(&mut db, session_id, &session)
            .await??;
        Ok(ratings::find(&mut db, session_id).await?)
    }
}

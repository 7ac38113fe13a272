//! The reasons why something that concerns the homeserver is not done yet.

use std::time::Duration;

use super::MatrixError;
use crate::storage::quarantine;

/// Why something that concerns the homeserver is not done yet. It is tried again.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error(transparent)]
    Matrix(#[from] MatrixError),
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    #[error("it took too long")]
    TimedOut,
    #[error("the bot is no longer in the room {0}, or lacks the power that it needs there")]
    RoomLost(String),
    #[error("the homeserver encrypts rooms by default, in whichever way they are made")]
    Encrypted,
    #[error("the homeserver may still be making the room")]
    Settling,
    #[error("the room is archived, and the bot is not back yet")]
    Archived,
    #[error("the session has no room yet")]
    NoRoom,
    #[error("another server has taken the task over")]
    TakenOver,
}

impl Failure {
    /// Whether the failure concerns one room only.
    pub(crate) fn is_rooms_own(&self) -> bool {
        match self {
            Self::Matrix(error) => !error.concerns_all_rooms(),
            Self::Database(error) => quarantine::is_refusal(error),
            _ => true,
        }
    }

    /// How long the homeserver asks the relay to wait, if that is the reason.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Matrix(error) => error.retry_after(),
            _ => None,
        }
    }
}

//! Why the homeserver did not do what it was asked to, and what follows from it.

use std::{borrow::Cow, time::Duration};

use incoming::answer;
use matrix_sdk::{
    ClientBuildError, HttpError,
    ruma::{
        OwnedUserId,
        api::error::{ErrorKind, RetryAfter},
    },
};

use crate::relay::queue;

/// A homeserver that wants to be left alone for longer is asked again after so long: it may be mistaken.
const LONGEST_RETRY_AFTER: Duration = queue::LONGEST_DELAY;

/// Why the homeserver did not do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum MatrixError {
    /// It said no, or nothing.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// Anything else that the client library reports.
    #[error(transparent)]
    Client(#[from] Box<matrix_sdk::Error>),
    /// The client could not be set up.
    #[error(transparent)]
    Build(#[from] Box<ClientBuildError>),
    /// The bot could not log in. Whatever the reason, it says nothing about what was to be sent.
    #[error("the bot cannot log in: {0}")]
    LogIn(Box<MatrixError>),
    /// The access token is somebody else's.
    #[error("the access token belongs to {0}, not to the configured bot")]
    NotTheBot(OwnedUserId),
    /// Logging in took longer than the database is to wait for it.
    #[error("the homeserver takes too long over logging in")]
    TooSlow,
    /// The token that the servers share cannot be read or stored.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    /// An id or answer that does not follow the specification.
    #[error("the homeserver's answer cannot be read: {0}")]
    Unreadable(String),
}

impl From<answer::Unreadable> for MatrixError {
    fn from(error: answer::Unreadable) -> Self {
        unreadable(error)
    }
}

impl From<matrix_sdk::Error> for MatrixError {
    fn from(error: matrix_sdk::Error) -> Self {
        match error {
            matrix_sdk::Error::Http(error) => Self::Http(*error),
            error => Self::Client(Box::new(error)),
        }
    }
}

impl MatrixError {
    /// The homeserver's `errcode`, when it gave one.
    #[must_use]
    pub fn kind(&self) -> Option<&ErrorKind> {
        match self {
            Self::Http(error) => error.client_api_error_kind(),
            _ => None,
        }
    }

    /// What the metrics call it: the specification's `errcode`, or why there is none.
    pub(in crate::matrix) fn errcode(&self) -> Cow<'static, str> {
        match (self, self.kind()) {
            (Self::LogIn(error), _) => error.errcode(),
            (Self::TooSlow, _) => "timeout".into(),
            // One that the specification does not know could be anything.
            (_, Some(kind)) if kind.custom_json_data().is_some() => "other".into(),
            (_, Some(kind)) => kind.errcode().to_string().into(),
            (Self::Http(HttpError::Reqwest(error)), _) if error.is_timeout() => "timeout".into(),
            (Self::Http(HttpError::Reqwest(_)), _) => "unreachable".into(),
            _ => "other".into(),
        }
    }

    /// The token is no longer good: logging in again may help, and repeating the request will not.
    #[must_use]
    pub fn is_unauthorized(&self) -> bool {
        matches!(
            self.kind(),
            Some(ErrorKind::UnknownToken(_) | ErrorKind::MissingToken)
        )
    }

    /// How long the homeserver wants to be left alone; for five minutes at most, after which it
    /// is asked whether it still does.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        if let Self::LogIn(error) = self {
            return error.retry_after();
        }
        match self.kind()? {
            ErrorKind::LimitExceeded(limit) => match limit.retry_after.as_ref()? {
                RetryAfter::Delay(delay) => Some((*delay).min(LONGEST_RETRY_AFTER)),
                RetryAfter::DateTime(_) => None,
            },
            _ => None,
        }
    }

    /// Whether the homeserver may still be at work on the request: it had it, or may have had it, and
    /// did not answer, or something in between answered for it.
    #[must_use]
    pub fn is_unanswered(&self) -> bool {
        match self {
            Self::Http(HttpError::Reqwest(error)) => !error.is_connect(),
            Self::Http(error) => error
                .as_client_api_error()
                .is_none_or(|answer| answer.status_code.is_server_error()),
            Self::Client(_)
            | Self::Build(_)
            | Self::LogIn(_)
            | Self::NotTheBot(_)
            | Self::TooSlow
            | Self::Database(_)
            | Self::Unreadable(_) => false,
        }
    }

    /// Whether an error that a request about one room met says something about all of them: then there is
    /// no use in asking about another.
    #[must_use]
    pub fn concerns_all_rooms(&self) -> bool {
        match self {
            Self::Http(HttpError::Reqwest(error)) => error.is_connect(),
            Self::Http(_) => {
                self.is_unauthorized() || matches!(self.kind(), Some(ErrorKind::LimitExceeded(_)))
            }
            Self::Unreadable(_) => false,
            Self::Client(_)
            | Self::Build(_)
            | Self::LogIn(_)
            | Self::NotTheBot(_)
            | Self::TooSlow
            | Self::Database(_) => true,
        }
    }

    /// Whether it was the request that was at fault, as a whole: another one may be answered.
    pub(in crate::matrix) fn is_fault_of_request(&self) -> bool {
        let Self::Http(error) = self else {
            return false;
        };
        let status = error
            .as_client_api_error()
            .map(|it| it.status_code.as_u16());
        matches!(status, Some(400 | 404 | 405 | 413 | 414 | 422 | 431))
    }

    /// Whether the same request will always be refused in the same room. When in doubt it will not: a
    /// promise was made.
    #[must_use]
    pub fn is_final(&self) -> bool {
        matches!(
            self.kind(),
            Some(
                ErrorKind::Forbidden
                    | ErrorKind::TooLarge
                    | ErrorKind::BadJson
                    | ErrorKind::NotJson
                    | ErrorKind::InvalidParam
                    | ErrorKind::NotFound
            )
        )
    }
}

pub(super) fn unreadable(error: impl std::fmt::Display) -> MatrixError {
    MatrixError::Unreadable(error.to_string())
}

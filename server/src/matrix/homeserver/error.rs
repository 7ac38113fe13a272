//! Errors of the homeserver, and what follows from them.

use std::{borrow::Cow, error::Error as StdError, time::Duration};

use incoming::answer;
use matrix_sdk::{
    ClientBuildError, HttpError,
    ruma::{
        OwnedUserId,
        api::error::{Error as Refusal, ErrorKind, RetryAfter},
    },
};

use crate::storage::claimable;

/// After this time the relay asks a homeserver again, even if it asks for a longer wait: that may be a mistake.
const LONGEST_RETRY_AFTER: Duration = claimable::LONGEST_DELAY;

/// Why the homeserver has not done what it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum MatrixError {
    /// The homeserver refused the request.
    #[error(transparent)]
    Refused(Box<Refusal>),
    /// The homeserver's answer did not arrive.
    #[error("{source}")]
    NoAnswer {
        /// What happened to it.
        silence: Silence,
        /// The report of the transport.
        source: Box<dyn StdError + Send + Sync>,
    },
    /// The client library reports something else.
    #[error(transparent)]
    Client(#[from] Box<matrix_sdk::Error>),
    /// The client could not be set up.
    #[error(transparent)]
    Build(#[from] Box<ClientBuildError>),
    /// The bot could not log in. The reason says nothing about the request.
    #[error("the bot cannot log in: {0}")]
    LogIn(Box<MatrixError>),
    /// The access token belongs to another account.
    #[error("the access token belongs to {0}, not to the configured bot")]
    NotTheBot(OwnedUserId),
    /// The login took longer than a transaction may wait for it.
    #[error("the homeserver takes too long to log in")]
    TooSlow,
    /// The token that the servers share cannot be read or stored.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    /// An id or an answer does not follow the specification.
    #[error("the homeserver's answer cannot be read: {0}")]
    Unreadable(String),
}

/// What happened to an answer that did not arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Silence {
    /// There was no connection, so the homeserver has not had the request.
    NotConnected,
    /// The time for an answer ran out. The homeserver may have had the request.
    TimedOut,
    /// The connection broke. The homeserver may have had the request.
    Broken,
    /// Something that does not speak Matrix has answered, such as a proxy in front of the homeserver.
    NotMatrix,
}

impl From<HttpError> for MatrixError {
    fn from(error: HttpError) -> Self {
        if let Some(refusal) = error.as_client_api_error() {
            return Self::Refused(Box::new(refusal.clone()));
        }
        let silence = match &error {
            HttpError::Reqwest(error) if error.is_connect() => Silence::NotConnected,
            HttpError::Reqwest(error) if error.is_timeout() => Silence::TimedOut,
            HttpError::Reqwest(_) => Silence::Broken,
            _ => Silence::NotMatrix,
        };
        Self::NoAnswer {
            silence,
            source: Box::new(error),
        }
    }
}

impl From<answer::Unreadable> for MatrixError {
    fn from(error: answer::Unreadable) -> Self {
        unreadable(error)
    }
}

impl From<matrix_sdk::Error> for MatrixError {
    fn from(error: matrix_sdk::Error) -> Self {
        match error {
            matrix_sdk::Error::Http(error) => (*error).into(),
            error => Self::Client(Box::new(error)),
        }
    }
}

impl MatrixError {
    /// The homeserver's `errcode`, when it gave one.
    #[must_use]
    pub fn kind(&self) -> Option<&ErrorKind> {
        match self {
            Self::Refused(refusal) => refusal.error_kind(),
            _ => None,
        }
    }

    /// What the metrics call the error: the specification's `errcode`, or the reason why there is none.
    pub(crate) fn errcode(&self) -> Cow<'static, str> {
        match (self, self.kind()) {
            (Self::LogIn(error), _) => error.errcode(),
            (Self::TooSlow, _) => "timeout".into(),
            // An errcode that the specification does not know could be anything.
            (_, Some(kind)) if kind.custom_json_data().is_some() => "other".into(),
            (_, Some(kind)) => kind.errcode().to_string().into(),
            (Self::NoAnswer { silence, .. }, _) => silence.name().into(),
            _ => "other".into(),
        }
    }

    /// The token is no longer valid: a new login may help, and a repetition will not.
    #[must_use]
    pub fn is_unauthorized(&self) -> bool {
        matches!(
            self.kind(),
            Some(ErrorKind::UnknownToken(_) | ErrorKind::MissingToken)
        )
    }

    /// How long the homeserver asks the relay to wait, but five minutes at most.
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

    /// Whether the homeserver may still be working on the request: it had the request, or may have had it, and did not
    /// answer, or something between has answered instead.
    #[must_use]
    pub fn is_unanswered(&self) -> bool {
        match self {
            Self::Refused(refusal) => refusal.status_code.is_server_error(),
            Self::NoAnswer { silence, .. } => *silence != Silence::NotConnected,
            Self::Client(_)
            | Self::Build(_)
            | Self::LogIn(_)
            | Self::NotTheBot(_)
            | Self::TooSlow
            | Self::Database(_)
            | Self::Unreadable(_) => false,
        }
    }

    /// Whether an error of a request about one room says something about all rooms, so that asking about another one is
    /// useless.
    #[must_use]
    pub fn concerns_all_rooms(&self) -> bool {
        match self {
            Self::Refused(_) => {
                self.is_unauthorized()
                    || matches!(
                        self.kind(),
                        Some(
                            ErrorKind::LimitExceeded(_)
                                | ErrorKind::UserLocked
                                | ErrorKind::UserSuspended
                        )
                    )
            }
            Self::NoAnswer { silence, .. } => *silence == Silence::NotConnected,
            Self::Unreadable(_) => false,
            Self::Client(_)
            | Self::Build(_)
            | Self::LogIn(_)
            | Self::NotTheBot(_)
            | Self::TooSlow
            | Self::Database(_) => true,
        }
    }

    /// Whether the request itself was at fault, so that another one may be answered.
    pub(crate) fn is_fault_of_request(&self) -> bool {
        let Self::Refused(refusal) = self else {
            return false;
        };
        let status = refusal.status_code.as_u16();
        matches!(status, 400 | 404 | 405 | 413 | 414 | 422 | 431)
    }

    /// Whether the homeserver will always refuse the same request in the same room. In doubt it will not, since the
    /// server has promised delivery.
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

impl Silence {
    const fn name(self) -> &'static str {
        match self {
            Self::NotConnected | Self::Broken => "unreachable",
            Self::TimedOut => "timeout",
            Self::NotMatrix => "other",
        }
    }
}

pub(super) fn unreadable(error: impl std::fmt::Display) -> MatrixError {
    MatrixError::Unreadable(error.to_string())
}

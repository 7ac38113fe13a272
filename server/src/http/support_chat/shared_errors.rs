//! Problems for the errors that several operations share. The errors of a single operation are in
//! its own file.

use app::contract::ErrorCode;

use crate::{
    http::problem::ApiError,
    support_chat::{AccessError, NotOpenError, SessionEnded, WriteError},
};

impl From<AccessError> for ApiError {
    fn from(error: AccessError) -> Self {
        match error {
            AccessError::SessionNotFound => ErrorCode::SessionNotFound,
            AccessError::InvalidToken => ErrorCode::InvalidToken,
        }
        .into()
    }
}

impl From<SessionEnded> for ApiError {
    fn from(ended: SessionEnded) -> Self {
        match ended {
            SessionEnded::Closed => ErrorCode::SessionClosed,
            SessionEnded::Expired => ErrorCode::SessionExpired,
        }
        .into()
    }
}

impl From<NotOpenError> for ApiError {
    fn from(error: NotOpenError) -> Self {
        match error {
            NotOpenError::Access(error) => error.into(),
            NotOpenError::Ended(ended) => ended.into(),
            NotOpenError::Database(error) => database(&error),
        }
    }
}

impl From<WriteError> for ApiError {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::OutcomeUnknown(error) => {
                tracing::error!(%error, "it is not known whether a request was carried out");
                ErrorCode::OutcomeUnknown.into()
            }
            WriteError::NothingDone(error) => database(&error),
        }
    }
}

/// If Postgres is out of reach or short of resources, that will pass; if it rejects our statements,
/// the fault is ours.
pub(in crate::http) fn database(error: &sqlx::Error) -> ApiError {
    use sqlx::Error::{Io, PoolClosed, PoolTimedOut, Protocol, Tls, WorkerCrashed};
    // Classes 22, 23, 42: data, constraints, syntax or privileges (PostgreSQL, appendix A).
    let passing = match error {
        Io(_) | Tls(_) | PoolTimedOut | PoolClosed | WorkerCrashed | Protocol(_) => true,
        sqlx::Error::Database(error) => error.code().is_some_and(|code| {
            !["22", "23", "42"]
                .iter()
                .any(|class| code.starts_with(class))
        }),
        _ => false,
    };
    tracing::error!(%error, "a statement failed");
    if passing {
        ErrorCode::DatabaseUnavailable
    } else {
        ErrorCode::Internal
    }
    .into()
}

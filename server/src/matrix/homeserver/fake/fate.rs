//! The fates of requests to the fake.

use std::time::Duration;

use matrix_sdk::ruma::{
    api::error::{
        Error, ErrorBody, ErrorKind, LimitExceededErrorData, RetryAfter, StandardErrorBody,
    },
    exports::http::StatusCode,
};

use super::{MatrixError, Silence};

/// A request, for a test that decides its fate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Call {
    /// The method of the port.
    pub(crate) name: &'static str,
    /// The room of the request, if it has one.
    pub(crate) room_id: String,
    /// The person, event or transaction of the request, if it has one.
    pub(crate) about: String,
}

/// The fate of a request.
#[derive(Debug)]
pub(crate) enum Fate {
    /// The homeserver carries it out after this time, and the answer takes as long again.
    Answered { each_way: Duration },
    /// The homeserver refuses it.
    Refused(MatrixError),
    /// There is no connection.
    Unreachable,
    /// The homeserver carries it out after this time, and no answer comes.
    AnswerLost { after: Duration },
    /// The connection breaks before the homeserver has the request.
    RequestLost,
}

impl Fate {
    /// The homeserver asks the relay to wait for this long.
    pub(crate) fn busy(retry_after: Duration) -> Self {
        let mut limit = LimitExceededErrorData::new();
        limit.retry_after = Some(RetryAfter::Delay(retry_after));
        Self::Refused(refusal(429, ErrorKind::LimitExceeded(limit)))
    }

    /// The request is carried out at once.
    pub(crate) const PROMPT: Self = Self::Answered {
        each_way: Duration::from_millis(1),
    };
}

/// A refusal by the homeserver.
pub(crate) fn refusal(status: u16, kind: ErrorKind) -> MatrixError {
    let body = ErrorBody::Standard(StandardErrorBody::new(kind, "refused".to_owned()));
    let status = StatusCode::from_u16(status).expect("it is a status");
    MatrixError::Refused(Box::new(Error::new(status, body)))
}

pub(super) fn silence(silence: Silence) -> MatrixError {
    MatrixError::NoAnswer {
        silence,
        source: "the fake does not answer".into(),
    }
}

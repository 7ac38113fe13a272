//! Why a request has not succeeded.

use http::StatusCode;
use serde_json::Value;

use crate::Request;

/// Why a request has not succeeded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The homeserver gave no answer, or one that is not JSON.
    #[error("the homeserver {homeserver}: {error}")]
    Unanswered {
        /// The homeserver's address.
        homeserver: String,
        /// The HTTP library's reason.
        error: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The homeserver refused.
    #[error("the homeserver refuses {request}: {status} {reason}")]
    Refused {
        /// The request's method and path.
        request: String,
        /// The status of the answer.
        status: StatusCode,
        /// The homeserver's reason, in words.
        reason: String,
    },
    /// The answer lacks a field.
    #[error("the homeserver's answer lacks {0}")]
    Lacks(&'static str),
}

/// The body of an answer, if its status says that the request succeeded.
pub fn accepted(request: &Request, status: StatusCode, body: Value) -> Result<Value, Error> {
    if status.is_success() {
        return Ok(body);
    }
    let reason = body["error"].as_str().unwrap_or("without a reason");
    Err(Error::Refused {
        request: request.to_string(),
        status,
        reason: reason.to_owned(),
    })
}

/// A text that the answer must have.
pub(crate) fn text(answer: &Value, field: &'static str) -> Result<String, Error> {
    let text = answer[field].as_str().ok_or(Error::Lacks(field))?;
    Ok(text.to_owned())
}

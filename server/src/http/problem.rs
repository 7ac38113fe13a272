//! Every error as `application/problem+json`, the framework's own refusals included.

use std::{any::Any, time::Duration};

use app::contract::{ErrorCode, FieldError, PROBLEM_MEDIA_TYPE, Problem, ProofChallenge};
use axum::{
    Json,
    body::Body,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};

use crate::support_chat::Refusal;

/// After how many seconds a client whose request met a fault of ours should try again.
const RETRY_AFTER_FAULT: u64 = 2;

/// A refusal on its way out. The request's id is added at the edge, by [`render`].
#[derive(Clone, Debug)]
pub(super) struct ApiError {
    pub(super) code: ErrorCode,
    detail: Option<String>,
    pub(super) fields: Vec<FieldError>,
    pub(super) retry_after: Option<u64>,
    turnstile_site_key: Option<String>,
    proof: Option<Box<ProofChallenge>>,
}

impl ApiError {
    /// Too much; after `wait` it will not be.
    pub(super) fn rate_limited(wait: Duration) -> Self {
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        Self {
            retry_after: Some(seconds.max(1)),
            ..ErrorCode::RateLimited.into()
        }
    }

    pub(super) fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// A refusal for want of a challenge says how one is shown.
    pub(super) fn with_site_key(mut self, key: Option<String>) -> Self {
        if self.code == ErrorCode::ChallengeFailed {
            self.turnstile_site_key = key;
        }
        self
    }

    /// The refusal of a field; the first one's code is the whole's.
    pub(super) fn with_fields(mut self, fields: Vec<FieldError>) -> Self {
        self.fields = fields;
        self
    }
}

impl From<ErrorCode> for ApiError {
    fn from(code: ErrorCode) -> Self {
        let retry_after = match code {
            ErrorCode::RelayUnavailable | ErrorCode::DatabaseUnavailable => Some(RETRY_AFTER_FAULT),
            _ => None,
        };
        Self {
            code,
            detail: None,
            fields: Vec::new(),
            retry_after,
            turnstile_site_key: None,
            proof: None,
        }
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::SessionNotFound => ErrorCode::SessionNotFound.into(),
            Refusal::InvalidToken => ErrorCode::InvalidToken.into(),
            Refusal::SessionClosed => ErrorCode::SessionClosed.into(),
            Refusal::SessionExpired => ErrorCode::SessionExpired.into(),
            Refusal::UnknownCursor => ErrorCode::UnknownCursor.into(),
            Refusal::IdempotencyKeyReused => ErrorCode::IdempotencyKeyReused.into(),
            Refusal::RelayUnavailable => ErrorCode::RelayUnavailable.into(),
            Refusal::ChallengeFailed => ErrorCode::ChallengeFailed.into(),
            Refusal::ProofRequired(challenge) => Self {
                proof: Some(challenge),
                ..ErrorCode::ProofRequired.into()
            },
            Refusal::RateLimited(wait) => Self::rate_limited(wait),
            Refusal::OutcomeUnknown(error) => {
                tracing::error!(%error, "a commit was not answered");
                Self::from(ErrorCode::Internal)
                    .with_detail("It is not known whether the request was carried out.")
            }
            Refusal::Database(error) => database(&error),
        }
    }
}

/// Postgres out of reach, or out of something, is a passing state; that it does not accept what we say
/// is a fault of ours.
fn database(error: &sqlx::Error) -> ApiError {
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

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status =
            StatusCode::from_u16(self.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// A handler that panicked.
pub(super) fn from_panic(panic: &(dyn Any + Send)) -> Response {
    let message = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message");
    tracing::error!(message, "a handler panicked");
    ApiError::from(ErrorCode::Internal).into_response()
}

/// Gives an error its body, and its code as an extension. What the framework refused by itself is told
/// by its status.
pub(super) fn render(mut response: Response, request_id: &str) -> Response {
    let error = response.extensions_mut().remove::<ApiError>().or_else(|| {
        let has_body = response.headers().contains_key(header::CONTENT_TYPE)
            && !response.headers()[header::CONTENT_TYPE]
                .as_bytes()
                .starts_with(b"text/plain");
        (!has_body)
            .then(|| framework_refusal(response.status()))
            .flatten()
            .map(ApiError::from)
    });
    let Some(error) = error else { return response };
    let problem = Problem {
        type_: type_of(error.code),
        title: error.code.title().to_owned(),
        status: error.code.status(),
        code: error.code,
        request_id: request_id.to_owned(),
        detail: error.detail,
        turnstile_site_key: error.turnstile_site_key,
        proof: error.proof.map(|challenge| *challenge),
        errors: error.fields,
    };
    let (head, _) = response.into_parts();
    let (mut json, body) = Json(problem).into_response().into_parts();
    json.status = head.status;
    // CORS and `Allow` were set on the way here.
    for (name, value) in &head.headers {
        if !matches!(*name, header::CONTENT_TYPE | header::CONTENT_LENGTH) {
            json.headers.append(name, value.clone());
        }
    }
    json.headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static(PROBLEM_MEDIA_TYPE),
    );
    json.headers
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if error.code == ErrorCode::InvalidToken {
        json.headers
            .insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    if let Some(seconds) = error.retry_after {
        json.headers
            .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    json.extensions.insert(error.code);
    Response::from_parts(json, Body::new(body))
}

/// A URI reference that names the kind of problem.
pub(super) fn type_of(code: ErrorCode) -> String {
    format!("/problems/{}", code.as_str())
}

fn framework_refusal(status: StatusCode) -> Option<ErrorCode> {
    Some(match status {
        StatusCode::BAD_REQUEST => ErrorCode::MalformedRequest,
        StatusCode::NOT_FOUND => ErrorCode::NotFound,
        StatusCode::METHOD_NOT_ALLOWED => ErrorCode::MethodNotAllowed,
        StatusCode::REQUEST_TIMEOUT => ErrorCode::RequestTimeout,
        StatusCode::PAYLOAD_TOO_LARGE => ErrorCode::PayloadTooLarge,
        StatusCode::UNSUPPORTED_MEDIA_TYPE => ErrorCode::UnsupportedMediaType,
        status if status.is_server_error() => ErrorCode::Internal,
        _ => return None,
    })
}

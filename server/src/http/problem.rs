//! Errors as `application/problem+json`, including the framework's own refusals.

use std::time::Duration;

use app::contract::{ErrorCode, FieldError, PROBLEM_MEDIA_TYPE, Problem, ProofChallenge};
use axum::{
    Json,
    body::Body,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};

/// The seconds after which a client should repeat a request that has met a fault of the server.
const RETRY_AFTER_FAULT: u64 = 2;

/// A refusal on its way out. The request's id is added at the edge, by [`render`].
#[derive(Clone, Debug)]
pub(super) struct ApiError {
    pub(super) code: ErrorCode,
    status: StatusCode,
    detail: Option<String>,
    pub(super) fields: Vec<FieldError>,
    pub(super) retry_after: Option<u64>,
    turnstile_site_key: Option<String>,
    proof: Option<Box<ProofChallenge>>,
}

impl ApiError {
    /// Too many requests; the limit allows one again after `wait`.
    pub(super) fn rate_limited(wait: Duration) -> Self {
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        Self {
            retry_after: Some(seconds.max(1)),
            ..ErrorCode::RateLimited.into()
        }
    }

    /// For a code that can have several statuses.
    pub(super) fn with_status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    pub(super) fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// A refusal for a missing challenge says how to show one.
    pub(super) fn with_site_key(mut self, key: Option<String>) -> Self {
        if self.code == ErrorCode::ChallengeFailed {
            self.turnstile_site_key = key;
        }
        self
    }

    /// A refusal for a missing proof of work contains the challenge.
    pub(super) fn with_proof(mut self, challenge: Box<ProofChallenge>) -> Self {
        self.proof = Some(challenge);
        self
    }

    /// The refusal of fields; the code of the first one is the code of the whole.
    pub(super) fn with_fields(mut self, fields: Vec<FieldError>) -> Self {
        self.fields = fields;
        self
    }
}

impl From<ErrorCode> for ApiError {
    fn from(code: ErrorCode) -> Self {
        let retry_after = match code {
            ErrorCode::OutcomeUnknown
            | ErrorCode::Internal
            | ErrorCode::RelayUnavailable
            | ErrorCode::DatabaseUnavailable => Some(RETRY_AFTER_FAULT),
            _ => None,
        };
        let status = StatusCode::from_u16(code.status());
        Self {
            code,
            status: status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            detail: None,
            fields: Vec::new(),
            retry_after,
            turnstile_site_key: None,
            proof: None,
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// Gives an error its body, and its code as an extension. The code of a refusal by the framework depends on its status,
/// and on whether the request may have changed something.
pub(super) fn render(mut response: Response, request_id: &str, may_change: bool) -> Response {
    let error = response.extensions_mut().remove::<ApiError>().or_else(|| {
        let has_body = response.headers().contains_key(header::CONTENT_TYPE)
            && !response.headers()[header::CONTENT_TYPE]
                .as_bytes()
                .starts_with(b"text/plain");
        (!has_body)
            .then(|| framework_refusal(response.status(), may_change))
            .flatten()
            .map(ApiError::from)
    });
    let Some(error) = error else { return response };
    let problem = Problem {
        type_: type_of(error.code),
        title: error.code.title().to_owned(),
        status: response.status().as_u16(),
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
    // CORS and `Allow` were set by earlier layers.
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

fn framework_refusal(status: StatusCode, may_change: bool) -> Option<ErrorCode> {
    Some(match status {
        StatusCode::BAD_REQUEST => ErrorCode::MalformedRequest,
        StatusCode::NOT_FOUND => ErrorCode::NotFound,
        StatusCode::METHOD_NOT_ALLOWED => ErrorCode::MethodNotAllowed,
        StatusCode::REQUEST_TIMEOUT => ErrorCode::RequestTimeout,
        StatusCode::PAYLOAD_TOO_LARGE => ErrorCode::PayloadTooLarge,
        StatusCode::UNSUPPORTED_MEDIA_TYPE => ErrorCode::UnsupportedMediaType,
        status if status.is_server_error() && may_change => ErrorCode::OutcomeUnknown,
        status if status.is_server_error() => ErrorCode::Internal,
        _ => return None,
    })
}

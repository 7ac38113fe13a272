//! Which browser origins may use the API, and how browsers are told (CORS, without cookies).
//!
//! tower-http's `CorsLayer` does not fit: idle polls are answered before any layer, for speed, and have to carry the same
//! headers; and a request from another origin is refused with a problem.

use std::sync::LazyLock;

use app::contract::{ErrorCode, IDEMPOTENCY_KEY_HEADER, REQUEST_ID_HEADER, WAIT_HEADER};
use axum::http::{HeaderMap, HeaderValue, header};

use super::problem::ApiError;
use crate::config::Origin;

/// Two hours: browsers cap it (Chromium there).
const PREFLIGHT_MAX_AGE: HeaderValue = HeaderValue::from_static("7200");

const METHODS: HeaderValue = HeaderValue::from_static("GET,POST,PUT,DELETE");

static REQUEST_HEADERS: LazyLock<HeaderValue> = LazyLock::new(|| {
    list(&[
        header::AUTHORIZATION.as_str(),
        header::CONTENT_TYPE.as_str(),
        IDEMPOTENCY_KEY_HEADER,
        REQUEST_ID_HEADER,
    ])
});

static RESPONSE_HEADERS: LazyLock<HeaderValue> =
    LazyLock::new(|| list(&[header::RETRY_AFTER.as_str(), REQUEST_ID_HEADER, WAIT_HEADER]));

fn list(names: &[&str]) -> HeaderValue {
    // No name of a header is an invalid value of one.
    HeaderValue::try_from(names.join(",")).unwrap_or(HeaderValue::from_static(""))
}

/// Refuses a browser's request from a page that is not configured. Without `Origin` it is no
/// browser's cross-origin request, and there are no cookies that it could abuse.
pub(super) fn check(allowed: &[Origin], headers: &HeaderMap) -> Result<(), ApiError> {
    let mut origins = headers.get_all(header::ORIGIN).iter();
    if origins.all(|origin| is_allowed(allowed, origin)) {
        Ok(())
    } else {
        Err(ErrorCode::OriginNotAllowed.into())
    }
}

/// Where a request comes from, if that may use the API.
pub(super) fn allowed(allowed: &[Origin], headers: &HeaderMap) -> Option<HeaderValue> {
    let origin = headers.get(header::ORIGIN)?;
    is_allowed(allowed, origin).then(|| origin.clone())
}

fn is_allowed(allowed: &[Origin], origin: &HeaderValue) -> bool {
    allowed
        .iter()
        .any(|allowed| allowed.as_str().as_bytes() == origin)
}

/// Lets the page read an answer.
pub(super) fn share(origin: Option<HeaderValue>, answer: &mut HeaderMap) {
    vary(answer);
    if let Some(origin) = origin {
        answer.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        let exposed = RESPONSE_HEADERS.clone();
        answer.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
    }
}

/// Answers a preflight: one of another origin is not told what would be allowed.
pub(super) fn permit(origin: Option<HeaderValue>, answer: &mut HeaderMap) {
    vary(answer);
    if let Some(origin) = origin {
        answer.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        answer.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
        let headers = REQUEST_HEADERS.clone();
        answer.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, headers);
        answer.insert(header::ACCESS_CONTROL_MAX_AGE, PREFLIGHT_MAX_AGE);
    }
}

fn vary(answer: &mut HeaderMap) {
    answer.append(header::VARY, HeaderValue::from_static("origin"));
}

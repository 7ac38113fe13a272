//! Which browser origins may use the API.

use std::{sync::Arc, time::Duration};

use app::contract::{ErrorCode, IDEMPOTENCY_KEY_HEADER, REQUEST_ID_HEADER, WAIT_HEADER};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use tower_http::cors::{AllowOrigin, CorsLayer};

use super::problem::ApiError;
use crate::config::{Config, Origin};

/// Browsers cap it (Chromium at two hours).
const PREFLIGHT_MAX_AGE: Duration = Duration::from_hours(2);

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

fn is_allowed(allowed: &[Origin], origin: &HeaderValue) -> bool {
    allowed
        .iter()
        .any(|allowed| allowed.as_str().as_bytes() == origin)
}

/// CORS for the configured origins, without cookies.
pub(super) fn cors(config: Arc<Config>) -> CorsLayer {
    CorsLayer::new()
        .allow_origin(AllowOrigin::predicate(move |origin, _| {
            is_allowed(&config.http.allowed_origins, origin)
        }))
        .allow_methods([Method::GET, Method::POST])
        .allow_headers([
            header::AUTHORIZATION,
            header::CONTENT_TYPE,
            HeaderName::from_static(IDEMPOTENCY_KEY_HEADER),
            HeaderName::from_static(REQUEST_ID_HEADER),
        ])
        .expose_headers([
            header::RETRY_AFTER,
            HeaderName::from_static(REQUEST_ID_HEADER),
            HeaderName::from_static(WAIT_HEADER),
        ])
        .vary([header::ORIGIN])
        .max_age(PREFLIGHT_MAX_AGE)
}

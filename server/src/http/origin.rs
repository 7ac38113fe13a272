//! Which browser origins may use the API.

use std::time::Duration;

use app::contract::{ErrorCode, IDEMPOTENCY_KEY_HEADER, REQUEST_ID_HEADER, WAIT_HEADER};
use axum::{
    extract::{Request, State},
    http::{HeaderName, HeaderValue, Method, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use tower_http::cors::CorsLayer;

use super::{AppState, problem::ApiError};
use crate::config::Origin;

/// Browsers cap it (Chromium at two hours).
const PREFLIGHT_MAX_AGE: Duration = Duration::from_hours(2);

/// Refuses a browser's request from a page that is not configured. Without `Origin` it is no
/// browser's cross-origin request, and there are no cookies that it could abuse.
pub(super) async fn refuse_foreign(
    State(state): State<AppState>,
    request: Request,
    next: Next,
) -> Response {
    let allowed = |value: &HeaderValue| {
        state
            .config
            .http
            .allowed_origins
            .iter()
            .any(|origin| origin.as_str().as_bytes() == value)
    };
    if request
        .headers()
        .get_all(header::ORIGIN)
        .iter()
        .all(allowed)
    {
        next.run(request).await
    } else {
        ApiError::from(ErrorCode::OriginNotAllowed).into_response()
    }
}

/// CORS for the configured origins, without cookies.
pub(super) fn cors(origins: &[Origin]) -> CorsLayer {
    let origins: Vec<HeaderValue> = origins
        .iter()
        .filter_map(|origin| origin.as_str().parse().ok())
        .collect();
    CorsLayer::new()
        .allow_origin(origins)
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
        .max_age(PREFLIGHT_MAX_AGE)
}

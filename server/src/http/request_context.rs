//! The context of every request: an id, a span in the log, a place in the metrics, and an answer that reveals no more
//! than it should.
//!
//! tower-http's layers for request ids do not fit: they keep any id that a client sends, and idle polls pass no layer.

use std::time::Instant;

use app::contract::{ErrorCode, REQUEST_ID_HEADER};
use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, header},
    middleware::Next,
    response::Response,
};
use tracing::Instrument;
use uuid::Uuid;

use super::{AppState, operation_name, problem, time_limit};
use crate::metrics::Metrics;

const REQUEST_ID: HeaderName = HeaderName::from_static(REQUEST_ID_HEADER);

/// The headers of every answer that does not set them itself. Pages set looser ones, for what they contain.
const SECURITY_HEADERS: [(HeaderName, &str); 3] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; frame-ancestors 'none'",
    ),
    (header::REFERRER_POLICY, "no-referrer"),
];

pub(super) async fn layer(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let id = request_id(request.headers());
    let operation = operation_name::of(&request);
    let may_change = time_limit::may_change(request.method());
    let started = Instant::now();
    // The path contains a session's id, and never a token.
    let span = tracing::info_span!(
        "request",
        request_id = %id,
        method = %request.method(),
        path = request.uri().path(),
    );
    async {
        let answer = time_limit::run_outermost(next, request).await;
        let mut response = problem::render(answer, &id, may_change);
        finish(&state.metrics, &mut response, &id, operation, started);
        response
    }
    .instrument(span)
    .await
}

/// Adds the headers of every answer, and counts it.
pub(super) fn finish(
    metrics: &Metrics,
    response: &mut Response,
    id: &str,
    operation: &str,
    started: Instant,
) {
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(id) {
        headers.insert(REQUEST_ID, id);
    }
    for (name, value) in SECURITY_HEADERS {
        headers
            .entry(name)
            .or_insert(HeaderValue::from_static(value));
    }
    let (status, took) = (response.status(), started.elapsed());
    let code = response.extensions().get::<ErrorCode>();
    metrics.answered(
        operation,
        status.as_str(),
        code.map_or("", |code| code.as_str()),
        took,
    );
    tracing::debug!(
        request_id = id,
        status = status.as_u16(),
        elapsed_us = took.as_micros(),
        "answered"
    );
}

/// The client's id, if it is valid, so that logs on both sides agree, and otherwise one of the server's.
pub(super) fn request_id(headers: &HeaderMap) -> String {
    let given = headers
        .get(REQUEST_ID)
        .and_then(|value| value.to_str().ok());
    let sane = |id: &&str| {
        (1..=128).contains(&id.len())
            && id
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
    };
    given
        .filter(sane)
        .map_or_else(|| Uuid::new_v4().to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id_for(value: &'static str) -> String {
        request_id(&HeaderMap::from_iter([(
            REQUEST_ID,
            HeaderValue::from_static(value),
        )]))
    }

    #[test]
    fn a_sane_id_is_kept_and_any_other_is_replaced() {
        assert_eq!(id_for("abc-123_4.5"), "abc-123_4.5");
        for odd in ["", "a b", "a\"b", "{}", "<x>"] {
            assert!(Uuid::parse_str(&id_for(odd)).is_ok(), "{odd:?}");
        }
    }
}

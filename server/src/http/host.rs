//! The `Host` header (RFC 9112, section 3.2): without it, or with two, it is not clear which host a request is for, and
//! a proxy may have used a different one than this server.

use app::contract::ErrorCode;
use axum::http::{Request, Version, header};

use super::problem::ApiError;

/// Refuses a request of HTTP/1.1 that does not have exactly one `Host` header.
pub(super) fn check<B>(request: &Request<B>) -> Result<(), ApiError> {
    let count = request.headers().get_all(header::HOST).iter().count();
    // HTTP/1.0 does not need one, and HTTP/2 has `:authority`.
    if count == 1 || count == 0 && request.version() != Version::HTTP_11 {
        return Ok(());
    }
    Err(ApiError::from(ErrorCode::MalformedRequest).with_detail("one Host header is needed"))
}

//! No request takes for ever, and one that panics is answered like any other.

use std::{panic::AssertUnwindSafe, time::Duration};

use app::contract::ErrorCode;
use axum::{
    extract::Request,
    middleware::Next,
    response::{IntoResponse, Response},
};
use futures_util::FutureExt;
use tokio::time;

use super::problem::{self, ApiError};

/// A request has to be read and answered within this time.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

pub(super) async fn run(next: Next, request: Request) -> Response {
    let answer = AssertUnwindSafe(next.run(request)).catch_unwind();
    match time::timeout(REQUEST_TIMEOUT, answer).await {
        Ok(Ok(response)) => response,
        Ok(Err(panic)) => problem::from_panic(&*panic),
        Err(_) => ApiError::from(ErrorCode::RequestTimeout).into_response(),
    }
}

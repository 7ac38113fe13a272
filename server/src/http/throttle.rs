//! Requests per client address, all operations together.

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};

use super::{AppState, client_address::ClientAddress, problem::ApiError};
use crate::support_chat::counted_as;

pub(super) async fn layer(
    State(state): State<AppState>,
    ClientAddress(address): ClientAddress,
    request: Request,
    next: Next,
) -> Response {
    match state.requests.take(&counted_as(address)) {
        Ok(()) => next.run(request).await,
        Err(wait) => ApiError::rate_limited(wait).into_response(),
    }
}

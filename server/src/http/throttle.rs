//! Requests per client address, all operations together.

use std::net::IpAddr;

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};

use super::{AppState, client_address::ClientAddress, problem::ApiError};
use crate::{metrics::Throttle, support_chat::counted_as};

pub(super) async fn layer(
    State(state): State<AppState>,
    ClientAddress(address): ClientAddress,
    request: Request,
    next: Next,
) -> Response {
    match take_request(&state, address) {
        Ok(()) => next.run(request).await,
        Err(error) => error.into_response(),
    }
}

/// Counts one request of this address, or refuses it.
pub(super) fn take_request(state: &AppState, address: IpAddr) -> Result<(), ApiError> {
    state.requests.take(&counted_as(address)).map_err(|wait| {
        state.metrics.throttled(Throttle::RequestsPerIp);
        ApiError::rate_limited(wait)
    })
}

//! The limit on requests per client address, all operations together.

use std::net::IpAddr;

use super::{AppState, problem::ApiError};
use crate::{metrics::Throttle, support_chat::counted_as};

/// Counts one request of this address, or refuses it.
pub(super) fn take_request(state: &AppState, address: IpAddr) -> Result<(), ApiError> {
    state.requests.take(&counted_as(address)).map_err(|wait| {
        state.metrics.throttled(Throttle::RequestsPerIp);
        ApiError::rate_limited(wait)
    })
}

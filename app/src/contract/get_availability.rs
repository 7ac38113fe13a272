//! `GET /availability`: whether staff are available, and when they will be next.

use alloc::string::String;

use serde::{Deserialize, Serialize};

use super::BASE_PATH;

/// The operation: neither session nor token, answered with JSON.
#[derive(Clone, Copy, Debug)]
pub struct GetAvailability;

impl GetAvailability {
    /// The maximum age of a cached answer.
    pub const MAX_AGE_SECONDS: u8 = 60;

    /// Its path, relative to the server's origin.
    #[must_use]
    pub fn path() -> String {
        [BASE_PATH, "/availability"].concat()
    }
}

/// Whether staff are available. Messages can be sent in either case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct GetAvailabilityResponse {
    /// Whether staff are available now.
    pub open: bool,
    /// When staff will be available next, if they are not now and that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(format = DateTime))]
    pub opens_at: Option<String>,
    /// Whether replies that nobody fetches are mailed to visitors who give an address.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub mail: bool,
    /// Whether the server accepts ratings.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub rating: bool,
}

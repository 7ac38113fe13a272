//! `GET /availability`: whether staff answer now, and when they do next.

use alloc::string::String;

use serde::{Deserialize, Serialize};

use super::BASE_PATH;

/// The operation: no session and no token, JSON out.
#[derive(Clone, Copy, Debug)]
pub struct GetAvailability;

impl GetAvailability {
    /// An answer may be kept for at most so long.
    pub const MAX_AGE_SECONDS: u8 = 60;

    /// Its path, relative to the server's origin.
    #[must_use]
    pub fn path() -> String {
        [BASE_PATH, "/availability"].concat()
    }
}

/// Whether somebody is there. Sending works in either case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct GetAvailabilityResponse {
    /// Whether staff answer now.
    pub open: bool,
    /// When they answer next, where they do not now and it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(format = DateTime))]
    pub opens_at: Option<String>,
    /// Replies that nobody fetches are mailed, where the visitor gives an address.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub mail: bool,
    /// The server takes ratings.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub rating: bool,
}

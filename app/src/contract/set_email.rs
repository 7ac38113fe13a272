//! `PUT` and `DELETE /sessions/{sessionId}/email`: where replies that nobody fetches are mailed.

use alloc::string::String;

use serde::{Deserialize, Serialize};

use super::{BASE_PATH, SessionId};

/// The operations: bearer token, JSON in for `PUT` and no body for `DELETE`, `204` out. Nothing changes when one of
/// them is repeated.
#[derive(Clone, Copy, Debug)]
pub struct SetEmail;

impl SetEmail {
    /// Their path, relative to the server's origin.
    #[must_use]
    pub fn path(session: &SessionId) -> String {
        [BASE_PATH, "/sessions/", session.as_str(), "/email"].concat()
    }
}

/// The address that replies are mailed to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SetEmailRequest {
    /// The address. The one that a conversation began with does not count until it is given here.
    pub email: String,
}

//! `PUT` and `DELETE /sessions/{sessionId}/email`: the address to which replies that nobody fetches
//! are mailed.

use alloc::string::String;

use serde::{Deserialize, Serialize};

use super::{BASE_PATH, SessionId};

/// The operations: bearer token, JSON body for `PUT` and none for `DELETE`, answered with `204`.
/// Repeating one changes nothing.
#[derive(Clone, Copy, Debug)]
pub struct SetEmail;

impl SetEmail {
    /// Their path, relative to the server's origin.
    #[must_use]
    pub fn path(session: &SessionId) -> String {
        [BASE_PATH, "/sessions/", session.as_str(), "/email"].concat()
    }
}

/// The body of the request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SetEmailRequest {
    /// The address. An address that was given when the conversation began is not used for mails
    /// unless it is repeated here.
    pub email: String,
}

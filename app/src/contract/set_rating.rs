//! `PUT /sessions/{sessionId}/rating`: how the conversation was.

use alloc::string::String;

use serde::{Deserialize, Serialize};

use super::{BASE_PATH, SessionId};

/// The operation: bearer token, JSON in, `204` out, also for 24 hours after the end. A second rating takes the place
/// of the first.
#[derive(Clone, Copy, Debug)]
pub struct SetRating;

impl SetRating {
    /// Its path, relative to the server's origin.
    #[must_use]
    pub fn path(session: &SessionId) -> String {
        [BASE_PATH, "/sessions/", session.as_str(), "/rating"].concat()
    }
}

/// What the visitor thinks of the conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Rating {
    /// It helped.
    Good,
    /// It did not.
    Bad,
}

/// The rating.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SetRatingRequest {
    /// Which of the two.
    pub rating: Rating,
    /// One line in the visitor's own words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
}

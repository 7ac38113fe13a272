//! `PUT /sessions/{sessionId}/rating`: rates the conversation.

use alloc::string::String;

use serde::{Deserialize, Deserializer, Serialize, de::Error};

use super::{BASE_PATH, SessionId};

/// The operation: bearer token, JSON body, answered with `204`, also for 24 hours after the end. A
/// second rating replaces the first.
#[derive(Clone, Copy, Debug)]
pub struct SetRating;

impl SetRating {
    /// Its path, relative to the server's origin.
    #[must_use]
    pub fn path(session: &SessionId) -> String {
        [BASE_PATH, "/sessions/", session.as_str(), "/rating"].concat()
    }
}

/// The visitor's opinion of the conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Rating {
    /// The conversation helped.
    Good,
    /// The conversation did not help.
    Bad,
}

/// serde's own implementation for an enum also reads an object such as `{"good":null}`.
impl<'de> Deserialize<'de> for Rating {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = String::deserialize(deserializer)?;
        match word.as_str() {
            "good" => Ok(Self::Good),
            "bad" => Ok(Self::Bad),
            _ => Err(D::Error::unknown_variant(&word, &["good", "bad"])),
        }
    }
}

/// The body of the request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SetRatingRequest {
    /// The rating.
    pub rating: Rating,
    /// A comment of one line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
}

//! `PUT /sessions/{sessionId}/page`: the page that the visitor is on.

use alloc::string::String;

use serde::{Deserialize, Serialize};

use super::{BASE_PATH, SessionId};

/// The operation: bearer token, JSON body, answered with `204`. Repeating it changes nothing.
#[derive(Clone, Copy, Debug)]
pub struct SetPage;

impl SetPage {
    /// Its path, relative to the server's origin.
    #[must_use]
    pub fn path(session: &SessionId) -> String {
        [BASE_PATH, "/sessions/", session.as_str(), "/page"].concat()
    }
}

/// The body of the request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct SetPageRequest {
    /// The page's address: an http or https URL, preferably without query and fragment.
    pub source_url: String,
    /// The page's title.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page_title: Option<String>,
}

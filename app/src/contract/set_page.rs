//! `PUT /sessions/{sessionId}/page`: where the visitor is now.

use alloc::string::String;

use serde::{Deserialize, Serialize};

use super::{BASE_PATH, SessionId};

/// The operation: bearer token, JSON in, `204` out. Nothing changes when it is repeated.
#[derive(Clone, Copy, Debug)]
pub struct SetPage;

impl SetPage {
    /// Its path, relative to the server's origin.
    #[must_use]
    pub fn path(session: &SessionId) -> String {
        [BASE_PATH, "/sessions/", session.as_str(), "/page"].concat()
    }
}

/// The page that the visitor has gone to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct SetPageRequest {
    /// Its address: an http or https URL, best without query and fragment.
    pub source_url: String,
    /// Its title.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page_title: Option<String>,
}

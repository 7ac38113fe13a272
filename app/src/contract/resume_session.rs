//! `POST /sessions/resume`: go on with a conversation by a code that was mailed.

use alloc::{string::String, vec::Vec};

use serde::{Deserialize, Serialize};

use super::{BASE_PATH, Message, SessionId};

/// The operation: no authentication, JSON in, `201` out.
#[derive(Clone, Copy, Debug)]
pub struct ResumeSession;

impl ResumeSession {
    /// Its path, relative to the server's origin.
    #[must_use]
    pub fn path() -> String {
        [BASE_PATH, "/sessions/resume"].concat()
    }
}

/// What was mailed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ResumeSessionRequest {
    /// The code. It works once.
    pub code: String,
}

/// What the server answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct ResumeSessionResponse {
    /// Names the conversation.
    pub session_id: SessionId,
    /// A bearer token beside those that the conversation has. The server shows it this once.
    pub token: String,
    /// Always empty; poll to read the conversation.
    pub messages: Vec<Message>,
}

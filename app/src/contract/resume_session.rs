//! `POST /sessions/resume`: resumes a conversation with a code from a mail.

use alloc::{string::String, vec::Vec};

use serde::{Deserialize, Serialize};

use super::{BASE_PATH, Message, SessionId};

/// The operation: no authentication, JSON body, answered with `201`.
#[derive(Clone, Copy, Debug)]
pub struct ResumeSession;

impl ResumeSession {
    /// Its path, relative to the server's origin.
    #[must_use]
    pub fn path() -> String {
        [BASE_PATH, "/sessions/resume"].concat()
    }
}

/// The body of the request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ResumeSessionRequest {
    /// The code, which works once.
    pub code: String,
}

/// The body of the answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct ResumeSessionResponse {
    /// The id of the conversation.
    pub session_id: SessionId,
    /// An additional bearer token of the conversation. The server shows it only here.
    pub token: String,
    /// Always empty; poll to read the conversation.
    pub messages: Vec<Message>,
}

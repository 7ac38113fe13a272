//! `POST /sessions/{sessionId}/messages`: sends a message.

use alloc::string::String;

use serde::{Deserialize, Serialize};

use super::{BASE_PATH, MessageId, SessionId};

/// The operation: bearer token, JSON body, answered with `201`.
#[derive(Clone, Copy, Debug)]
pub struct SendMessage;

impl SendMessage {
    /// Its path, relative to the server's origin.
    #[must_use]
    pub fn path(session: &SessionId) -> String {
        [BASE_PATH, "/sessions/", session.as_str(), "/messages"].concat()
    }
}

/// The body of the request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SendMessageRequest {
    /// Plain text, not blank, no control characters except tab, CR and LF.
    pub body: String,
}

/// The body of the answer, which promises that the message will reach staff exactly once and in
/// order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct SendMessageResponse {
    /// The message's id in later polls.
    pub message_id: MessageId,
    /// When it was stored: RFC 3339, UTC, with milliseconds.
    #[cfg_attr(feature = "openapi", schema(format = DateTime))]
    pub created_at: String,
}

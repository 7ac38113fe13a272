//! `POST /sessions/{sessionId}/close`: end the conversation.

use super::{BASE_PATH, SessionId};

/// The operation: bearer token, no body, `204` out, also when it was closed before.
#[derive(Clone, Copy, Debug)]
pub struct CloseSession;

impl CloseSession {
    /// Its path, relative to the server's origin.
    #[must_use]
    pub fn path(session: &SessionId) -> String {
        format!("{BASE_PATH}/sessions/{session}/close")
    }
}

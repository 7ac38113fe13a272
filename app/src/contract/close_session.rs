//! `POST /sessions/{sessionId}/close`: ends the conversation.

use alloc::string::String;

use super::{BASE_PATH, SessionId};

/// The operation: bearer token, no body, answered with `204`, also if the conversation was ended
/// before.
#[derive(Clone, Copy, Debug)]
pub struct CloseSession;

impl CloseSession {
    /// Its path, relative to the server's origin.
    #[must_use]
    pub fn path(session: &SessionId) -> String {
        [BASE_PATH, "/sessions/", session.as_str(), "/close"].concat()
    }
}

//! `DELETE /sessions/{sessionId}`: erase the conversation.

use alloc::string::String;

use super::{BASE_PATH, SessionId};

/// The operation: bearer token, no body, `204` out. Afterwards there is no such session.
#[derive(Clone, Copy, Debug)]
pub struct EraseSession;

impl EraseSession {
    /// Its path, relative to the server's origin.
    #[must_use]
    pub fn path(session: &SessionId) -> String {
        [BASE_PATH, "/sessions/", session.as_str()].concat()
    }
}

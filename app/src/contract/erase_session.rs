//! `DELETE /sessions/{sessionId}`: erases the conversation.

use alloc::string::String;

use super::{BASE_PATH, SessionId};

/// The operation: bearer token, no body, answered with `204`. Afterwards the session no longer
/// exists.
#[derive(Clone, Copy, Debug)]
pub struct EraseSession;

impl EraseSession {
    /// Its path, relative to the server's origin.
    #[must_use]
    pub fn path(session: &SessionId) -> String {
        [BASE_PATH, "/sessions/", session.as_str()].concat()
    }
}

//! `POST /sessions/{sessionId}/typing`: the visitor is writing.

use alloc::string::String;

use super::{BASE_PATH, SessionId};

/// The operation: bearer token, no body, `204` out. One in [`Self::EVERY_SECONDS`] counts.
#[derive(Clone, Copy, Debug)]
pub struct SetTyping;

impl SetTyping {
    /// A client says it no more often than this.
    pub const EVERY_SECONDS: u8 = 3;

    /// Its path, relative to the server's origin.
    #[must_use]
    pub fn path(session: &SessionId) -> String {
        [BASE_PATH, "/sessions/", session.as_str(), "/typing"].concat()
    }
}

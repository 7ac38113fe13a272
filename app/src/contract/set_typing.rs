//! `POST /sessions/{sessionId}/typing`: reports that the visitor is typing.

use alloc::string::String;

use super::{BASE_PATH, SessionId};

/// The operation: bearer token, no body, answered with `204`. One in [`Self::EVERY_SECONDS`] has an
/// effect.
#[derive(Clone, Copy, Debug)]
pub struct SetTyping;

impl SetTyping {
    /// The minimum number of seconds between two reports of a client.
    pub const EVERY_SECONDS: u8 = 3;

    /// Its path, relative to the server's origin.
    #[must_use]
    pub fn path(session: &SessionId) -> String {
        [BASE_PATH, "/sessions/", session.as_str(), "/typing"].concat()
    }
}

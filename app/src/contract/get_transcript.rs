//! `GET /sessions/{sessionId}/transcript`: the conversation as a text to save.

use alloc::string::String;

use super::{BASE_PATH, SessionId};

/// The operation: bearer token, answered with `200` and `text/plain`, also for 24 hours after the
/// end.
#[derive(Clone, Copy, Debug)]
pub struct GetTranscript;

impl GetTranscript {
    /// Its path, relative to the server's origin.
    #[must_use]
    pub fn path(session: &SessionId) -> String {
        [BASE_PATH, "/sessions/", session.as_str(), "/transcript"].concat()
    }
}

//! `POST /sessions/{sessionId}/transcript/mail`: the conversation, mailed to the address that the visitor has given.

use alloc::string::String;

use super::{BASE_PATH, SessionId};

/// The operation: bearer token, `204` out, also for 24 hours after the end.
#[derive(Clone, Copy, Debug)]
pub struct MailTranscript;

impl MailTranscript {
    /// Its path, relative to the server's origin.
    #[must_use]
    pub fn path(session: &SessionId) -> String {
        [
            BASE_PATH,
            "/sessions/",
            session.as_str(),
            "/transcript/mail",
        ]
        .concat()
    }
}

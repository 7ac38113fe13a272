//! `GET /sessions/{sessionId}/messages?after={messageId}`: what is new.

use alloc::{string::String, vec::Vec};

use serde::{Deserialize, Serialize};

use super::{BASE_PATH, Message, MessageId, SessionId};

/// A poll may ask to wait for something new (`wait`, in seconds), for so long at most.
pub const MAX_WAIT_SECONDS: u8 = 25;

/// The header of a poll's answer that says that the server knows `wait`, and up to how many seconds.
pub const WAIT_HEADER: &str = "support-chat-wait";

/// The operation: bearer token, `200` out.
#[derive(Clone, Copy, Debug)]
pub struct PollMessages;

impl PollMessages {
    /// Its path, relative to the server's origin. Without `after`: from the beginning.
    #[must_use]
    pub fn path(session: &SessionId, after: Option<&MessageId>) -> String {
        let path = [BASE_PATH, "/sessions/", session.as_str(), "/messages"];
        match after {
            Some(after) => [&path[..], &["?after=", after.as_str()]].concat().concat(),
            None => path.concat(),
        }
    }
}

/// What the server answers: oldest first, at most 100; a full answer means: ask again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PollMessagesResponse {
    /// The entries after the cursor.
    pub messages: Vec<Message>,
}

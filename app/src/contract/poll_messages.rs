//! `GET /sessions/{sessionId}/messages?after={messageId}&wait={seconds}`: what is new.

use alloc::{
    string::{String, ToString},
    vec::Vec,
};

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
    /// Its path, relative to the server's origin. Without `after`: from the beginning. `wait` is for
    /// how many seconds the server may wait for something new, 0 where it is not known to be able to.
    #[must_use]
    pub fn path(session: &SessionId, after: Option<&MessageId>, wait: u8) -> String {
        let mut path = [BASE_PATH, "/sessions/", session.as_str(), "/messages"].concat();
        let mut separator = "?";
        if let Some(after) = after {
            path += "?after=";
            path += after.as_str();
            separator = "&";
        }
        if wait > 0 {
            path += separator;
            path += "wait=";
            path += &wait.to_string();
        }
        path
    }
}

/// What the server answers: oldest first, at most [`MAX_MESSAGES_PER_POLL`](super::MAX_MESSAGES_PER_POLL)
/// and [`MAX_POLL_BYTES`](super::MAX_POLL_BYTES). A full answer means: ask again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PollMessagesResponse {
    /// The entries after the cursor.
    pub messages: Vec<Message>,
    /// The answer was cut: there is more after its last entry, to be asked for at once.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub more: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_asks_for_what_is_wanted_only() {
        let session = SessionId::from("s".to_owned());
        let after = MessageId::from("m".to_owned());
        for (after, wait, query) in [
            (None, 0, ""),
            (Some(&after), 0, "?after=m"),
            (Some(&after), 25, "?after=m&wait=25"),
            (None, 7, "?wait=7"),
        ] {
            assert_eq!(
                PollMessages::path(&session, after, wait),
                ["/v1/support-chat/sessions/s/messages", query].concat()
            );
        }
    }
}

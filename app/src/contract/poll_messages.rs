//! `GET /sessions/{sessionId}/messages?after={messageId}&wait={seconds}&state={state}`: reads new
//! entries.

use alloc::{
    string::{String, ToString},
    vec::Vec,
};

use serde::{Deserialize, Serialize};

use super::{BASE_PATH, Message, MessageId, SessionId};

/// The maximum number of seconds for which a poll may ask to wait for news (`wait`).
pub const MAX_WAIT_SECONDS: u8 = 25;

/// The maximum number of characters in a poll's `state`.
pub const MAX_STATE_CHARS: usize = 64;

/// The header of a poll's answer that says that the server supports `wait`, and up to how many
/// seconds.
pub const WAIT_HEADER: &str = "support-chat-wait";

/// The operation: bearer token, answered with `200`.
#[derive(Clone, Copy, Debug)]
pub struct PollMessages;

impl PollMessages {
    /// Its path, relative to the server's origin. Without `after`, the poll reads from the
    /// beginning. `wait` is the number of seconds for which the server may wait for news, and 0 if
    /// it is not known to support that. With `state`, the server does not wait if that is out of
    /// date. It contains no character that has to be escaped in a URL.
    #[must_use]
    pub fn path(
        session: &SessionId,
        after: Option<&MessageId>,
        wait: u8,
        state: Option<&str>,
    ) -> String {
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
            separator = "&";
        }
        if let Some(state) = state {
            path += separator;
            path += "state=";
            path += state;
        }
        path
    }
}

/// The body of the answer: oldest first, at most
/// [`MAX_MESSAGES_PER_POLL`](super::MAX_MESSAGES_PER_POLL) and
/// [`MAX_POLL_BYTES`](super::MAX_POLL_BYTES). After a full answer, there may be more.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct PollMessagesResponse {
    /// The entries after the cursor.
    pub messages: Vec<Message>,
    /// Whether the answer was cut, so that more entries can be read at once.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub more: bool,
    /// The progress of the visitor's messages.
    #[serde(default, skip_serializing_if = "Marks::is_empty")]
    pub marks: Marks,
    /// Whether a member of the staff is typing.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub staff_typing: bool,
    /// A digest of `marks` and `staffTyping`. A waiting poll that repeats it is also answered when
    /// they have changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub state: Option<String>,
}

/// The progress of the visitor's messages.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Marks {
    /// The newest of them such that the homeserver has accepted it and all earlier ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub delivered: Option<MessageId>,
    /// The newest of them that a member of the staff has read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub seen: Option<MessageId>,
}

impl Marks {
    /// Whether both are missing.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.delivered.is_none() && self.seen.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_asks_for_what_is_wanted_only() {
        let session = SessionId::from("s".to_owned());
        let after = MessageId::from("m".to_owned());
        for (after, wait, state, query) in [
            (None, 0, None, ""),
            (Some(&after), 0, None, "?after=m"),
            (Some(&after), 25, Some("s"), "?after=m&wait=25&state=s"),
            (None, 7, None, "?wait=7"),
            (None, 0, Some("s"), "?state=s"),
        ] {
            assert_eq!(
                PollMessages::path(&session, after, wait, state),
                ["/v1/support-chat/sessions/s/messages", query].concat()
            );
        }
    }
}

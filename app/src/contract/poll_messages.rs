//! `GET /sessions/{sessionId}/messages?after={messageId}&wait={seconds}&state={state}`: what is new.

use alloc::{
    string::{String, ToString},
    vec::Vec,
};

use serde::{Deserialize, Serialize};

use super::{BASE_PATH, Message, MessageId, SessionId};

/// A poll may ask to wait for something new (`wait`, in seconds), for so long at most.
pub const MAX_WAIT_SECONDS: u8 = 25;

/// A poll's `state` has at most this many characters.
pub const MAX_STATE_CHARS: usize = 64;

/// The header of a poll's answer that says that the server knows `wait`, and up to how many seconds.
pub const WAIT_HEADER: &str = "support-chat-wait";

/// The operation: bearer token, `200` out.
#[derive(Clone, Copy, Debug)]
pub struct PollMessages;

impl PollMessages {
    /// Its path, relative to the server's origin. Without `after`: from the beginning. `wait` is for
    /// how many seconds the server may wait for something new, 0 where it is not known to be able to. With
    /// `state`, which has no character that a URL would need escaped, it need not wait while that is out of date.
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

/// What the server answers: oldest first, at most [`MAX_MESSAGES_PER_POLL`](super::MAX_MESSAGES_PER_POLL)
/// and [`MAX_POLL_BYTES`](super::MAX_POLL_BYTES). A full answer means: ask again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct PollMessagesResponse {
    /// The entries after the cursor.
    pub messages: Vec<Message>,
    /// The answer was cut: there is more after its last entry, to be asked for at once.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub more: bool,
    /// How far the visitor's messages have come.
    #[serde(default, skip_serializing_if = "Marks::is_empty")]
    pub marks: Marks,
    /// Somebody of the staff is writing.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub staff_typing: bool,
    /// Stands for `marks` and `staffTyping`. A poll that waits and sends it back is also answered when they have
    /// changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub state: Option<String>,
}

/// How far the visitor's messages have come.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Marks {
    /// The newest of them up to which the homeserver has accepted all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub delivered: Option<MessageId>,
    /// The newest of them that somebody of the staff has read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub seen: Option<MessageId>,
}

impl Marks {
    /// Whether there is none.
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

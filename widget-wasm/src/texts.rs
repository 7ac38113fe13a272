//! Everything the widget says.

use crate::session::{Ending, Trouble};

pub(crate) const PANEL: &str = "Support chat";
pub(crate) const STATUS: &str = "Our team replies here";
pub(crate) const CLOSE: &str = "Close";
pub(crate) const END: &str = "End chat";
pub(crate) const LOG: &str = "Conversation";
pub(crate) const HELLO: &str = "How can we help?";
pub(crate) const HELLO_MORE: &str =
    "Write to us below. You can keep browsing this page while you wait for the answer.";
pub(crate) const RESTORING: &str = "Loading your conversation…";
pub(crate) const MESSAGE: &str = "Message";
pub(crate) const PLACEHOLDER: &str = "Write a message…";
pub(crate) const SEND: &str = "Send";
pub(crate) const RETRY: &str = "Retry";
pub(crate) const RESTART: &str = "Start a new chat";

/// Above a challenge.
pub(crate) const CHALLENGE: &str = "Please show that you are human. Then your message is sent.";

pub(crate) const YOU: &str = "You: ";
pub(crate) const SUPPORT: &str = "Support: ";
pub(crate) const SENDING: &str = "Sending…";
pub(crate) const NOT_SENT: &str = "Not sent";
pub(crate) const SENT: &str = "Sent";
pub(crate) const DELIVERED: &str = "Delivered";
pub(crate) const NOT_DELIVERED: &str = "Not delivered";
pub(crate) const EDITED: &str = "Edited";
pub(crate) const REMOVED: &str = "This message was removed.";

pub(crate) const TOO_LONG: &str = "Your message is too long.";
pub(crate) const UNSENDABLE: &str = "Your message holds characters that cannot be sent.";
pub(crate) const WAIT: &str = "Try again in ";
pub(crate) const UNREAD: &str = "New messages: ";

pub(crate) fn ending(ending: Ending) -> &'static str {
    match ending {
        Ending::Closed => "This chat has ended.",
        Ending::Expired => "This chat has expired, because nothing was written for a while.",
    }
}

pub(crate) fn trouble(trouble: Trouble) -> &'static str {
    match trouble {
        Trouble::Offline => "You are offline. Nothing you wrote is lost.",
        Trouble::Unreachable => "The chat cannot be reached right now. Trying again…",
        Trouble::NotSent => "Your message could not be sent. It is kept here.",
        Trouble::NotEnded => "The chat could not be ended.",
        Trouble::RateLimited => "That was a lot of messages. Please wait a moment.",
        Trouble::Unavailable => "Our team cannot be reached right now. Your message is kept here.",
        Trouble::TooLong => TOO_LONG,
        Trouble::NotAllowed => "The chat is not available on this page.",
        Trouble::Refused => "Your message was not accepted. Please change it and try again.",
    }
}

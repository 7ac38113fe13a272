//! The events that the chat handles, and the effects that it causes.

use alloc::{string::String, vec::Vec};

use app::contract::{
    CreateSessionRequest, CreateSessionResponse, Message, MessageId, SendMessageResponse, SessionId,
};
use serde::Serialize;

use super::{Credentials, Failure, Signals, Trouble};

/// The time of an event, and a random number in `0.0..1.0`.
#[derive(Clone, Copy)]
pub(crate) struct Now {
    pub(crate) ms: f64,
    pub(crate) random: f64,
}

/// The page from which the visitor writes, and their name and address if known.
#[derive(Clone, Default, Serialize)]
#[cfg_attr(test, derive(serde::Deserialize))]
pub(crate) struct Page {
    pub(crate) url: Option<String>,
    pub(crate) title: Option<String>,
    pub(crate) visitor_name: Option<String>,
    pub(crate) visitor_email: Option<String>,
}

/// An event that the chat handles.
pub(crate) enum Event {
    /// The visitor has opened the panel.
    Opened,
    /// The visitor has closed the panel.
    Closed,
    /// The composer's text has changed.
    Drafted(String),
    /// The visitor sends the draft. `key` is a new idempotency key.
    Submitted {
        key: String,
        page: Page,
    },
    /// The visitor wants to repeat what failed. `key` is as above, if one is needed.
    Retried {
        key: String,
        page: Page,
    },
    /// The visitor wants to send a failed message again. `key` is a new one.
    Repeated {
        id: String,
        key: String,
        page: Page,
    },
    /// The visitor wants to end the conversation, and is asked to confirm it.
    EndAsked,
    /// The visitor has confirmed the end.
    EndConfirmed,
    /// The visitor has decided not to end the conversation.
    EndDropped,
    /// Another tab has shown what was unread.
    Read,
    /// The visitor wants to begin a new conversation after the last one has ended.
    Restarted,
    /// The visitor leaves the page, which may return from the back-forward cache.
    Left,
    /// The browser reports the state of the network.
    Online(bool),
    /// The page became visible or hidden.
    Visible(bool),
    /// A timer has expired.
    TimerExpired(Timer),
    /// What the message was waiting for: the token of a passed challenge, or a proof of work;
    /// `None` if there will be none.
    Solved(Option<String>),
    /// The answer to a [`Request`].
    Created(Result<CreateSessionResponse, Failure>),
    Sent(Result<SendMessageResponse, Failure>),
    Polled(Result<Batch, Failure>),
    Ended(Result<(), Failure>),
}

/// The result of a poll.
pub(crate) struct Batch {
    pub(crate) messages: Vec<Message>,
    /// Whether there are more entries than these.
    pub(crate) more: bool,
    /// The number of seconds for which the server lets a poll wait for news; 0 if it does not.
    pub(crate) can_wait_s: u8,
    pub(crate) signals: Signals,
}

/// An effect that the chat causes.
#[cfg_attr(test, derive(Clone, Debug, PartialEq))]
pub(crate) enum Effect {
    /// Send a request. There is never more than one poll and one other request at a time.
    Ask(Request),
    /// Cancel the poll in progress, whose answer is of no use any more.
    CancelPoll,
    /// Start this timer. It replaces an earlier one of its kind.
    SetTimer(Timer, f64),
    /// Show Turnstile's challenge with this site key.
    Challenge(String),
    /// Compute the proof of work that the last answer asks for.
    Prove,
    /// Store the credentials in the tab.
    Remember(Credentials),
    /// Remove the credentials from the tab.
    Forget,
    /// Store the id of the last entry that the visitor has seen.
    Mark(MessageId),
    /// Store this JSON of what was not accepted yet in the tab; if it is empty, remove it.
    Keep(String),
    /// Tell the page around the chat.
    Tell(News),
}

/// What the page around the chat is told. It never contains the token.
#[cfg_attr(test, derive(Clone, Debug, PartialEq))]
pub(crate) enum News {
    Opened,
    Closed,
    SessionStarted {
        id: SessionId,
    },
    MessageSent {
        id: MessageId,
        created_at: String,
    },
    MessageReceived {
        id: MessageId,
        body: String,
        created_at: String,
    },
    Error(Trouble),
}

/// A request to the server.
#[cfg_attr(test, derive(Clone, Debug, PartialEq))]
pub(crate) enum Request {
    Create {
        key: String,
        request: CreateSessionRequest,
    },
    Send {
        credentials: Credentials,
        key: String,
        body: String,
    },
    Poll {
        credentials: Credentials,
        after: Option<MessageId>,
        /// The number of seconds for which the server may wait for news.
        wait_s: u8,
        /// The state of the signals as the server last reported it.
        state: Option<String>,
    },
    /// The visitor is typing. The answer does not matter.
    Type {
        credentials: Credentials,
    },
    End {
        credentials: Credentials,
    },
}

/// What a timer delays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Timer {
    Poll,
    /// The countdown to the next attempt that the visitor sees.
    Countdown,
}

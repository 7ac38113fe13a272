//! What happens to the chat, and what the chat wants done.

use alloc::{string::String, vec::Vec};

use app::contract::{
    CreateSessionRequest, CreateSessionResponse, Message, MessageId, SendMessageResponse, SessionId,
};
use serde::Serialize;

use super::{Credentials, Failure, Signals, Trouble};

/// When an event happened, and a random number in `0.0..1.0` to decide by.
#[derive(Clone, Copy)]
pub(crate) struct Now {
    pub(crate) ms: f64,
    pub(crate) random: f64,
}

/// The page that the visitor writes from, and who they are, if it knows.
#[derive(Clone, Default, Serialize)]
#[cfg_attr(test, derive(serde::Deserialize))]
pub(crate) struct Page {
    pub(crate) url: Option<String>,
    pub(crate) title: Option<String>,
    pub(crate) visitor_name: Option<String>,
    pub(crate) visitor_email: Option<String>,
}

/// What happens to the chat.
pub(crate) enum Event {
    /// The visitor opened the panel.
    Opened,
    /// The visitor closed the panel.
    Closed,
    /// The composer's text changed.
    Drafted(String),
    /// The visitor sends the draft. `key` is a new idempotency key.
    Submitted {
        key: String,
        page: Page,
    },
    /// The visitor wants what failed to be tried again. `key` as above, if one is needed.
    Retried {
        key: String,
        page: Page,
    },
    /// The visitor wants a message sent again that will not be delivered. `key` is a new one.
    Repeated {
        id: String,
        key: String,
        page: Page,
    },
    /// The visitor wants to end the conversation, and is asked whether they are sure.
    EndAsked,
    /// They are.
    EndConfirmed,
    /// They are not.
    EndDropped,
    /// Another tab has shown what was unread.
    Read,
    /// The visitor wants a new conversation after the end of one.
    Restarted,
    /// The page is left, and may come back from the back-forward cache.
    Left,
    /// What the browser says about the network.
    Online(bool),
    /// Whether anyone can see the page.
    Visible(bool),
    /// A timer ran out.
    Rang(Timer),
    /// What the message waits for: the token that a passed challenge gave, or the proof of work; nothing
    /// when there will be none.
    Solved(Option<String>),
    /// Answers to [`Request`]s.
    Created(Result<CreateSessionResponse, Failure>),
    Sent(Result<SendMessageResponse, Failure>),
    Polled(Result<Batch, Failure>),
    Ended(Result<(), Failure>),
}

/// What a poll brought.
pub(crate) struct Batch {
    pub(crate) messages: Vec<Message>,
    /// They were cut: there is more after the last of them.
    pub(crate) more: bool,
    /// For so many seconds, the server lets a poll wait for something new. 0: it does not.
    pub(crate) can_wait_s: u8,
    pub(crate) signals: Signals,
}

/// What the chat wants done.
#[cfg_attr(test, derive(Clone, Debug, PartialEq))]
pub(crate) enum Effect {
    /// Ask the server. There is never more than one poll, and one other request, at a time.
    Ask(Request),
    /// Let go of the poll that is out: its answer means nothing any more.
    CancelPoll,
    /// Start this timer, in place of an earlier one of its kind.
    SetTimer(Timer, f64),
    /// Show the challenge of this Turnstile site key.
    Challenge(String),
    /// Make the proof of work that the last answer asks for.
    Prove,
    /// Keep the credentials for as long as the tab lives.
    Remember(Credentials),
    /// Forget them.
    Forget,
    /// Keep up to which entry of the list the visitor has seen it.
    Mark(MessageId),
    /// Keep this JSON of what was not accepted yet for as long as the tab lives; empty, there is
    /// nothing to keep.
    Keep(String),
    /// Tell the page around the chat.
    Tell(News),
}

/// What the page around the chat gets to know. The token is none of it.
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
        /// For how many seconds the server may wait for something new.
        wait_s: u8,
        /// What the server last said that its signals stand at.
        state: Option<String>,
    },
    /// The visitor types. Nobody waits for the answer.
    Type {
        credentials: Credentials,
    },
    End {
        credentials: Credentials,
    },
}

/// What waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Timer {
    Poll,
    /// The visible countdown to the next attempt.
    Countdown,
}

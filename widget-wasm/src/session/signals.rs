//! What the two sides see of each other besides messages: how far messages were read, and who is
//! typing.

use alloc::string::String;

use app::contract::{MessageId, SetTyping};

use super::{Effect, Request, Session};

/// The minimum time between two reports that the visitor is typing.
const TYPING_MS: f64 = SetTyping::EVERY_SECONDS as f64 * 1_000.0;

/// The signals that a poll returns.
#[derive(Default)]
pub(crate) struct Signals {
    /// The newest message of the visitor that staff have read.
    pub(crate) seen: Option<MessageId>,
    pub(crate) staff_typing: bool,
    /// The state of the other signals. Servers that do not know signals leave it out.
    pub(crate) state: Option<String>,
}

/// What each side was told about the other one typing.
#[derive(Default)]
pub(super) struct Typing {
    /// Whether a screen reader has announced that staff are typing, and no answer has come since.
    is_told: bool,
    /// When staff were last told that the visitor is typing.
    staff_told: f64,
}

impl Session {
    pub(crate) fn seen(&self) -> Option<&MessageId> {
        self.polling.signals.seen.as_ref()
    }

    pub(crate) fn staff_type(&self) -> bool {
        self.polling.signals.staff_typing
    }

    /// Whether a screen reader has announced that staff are typing, and no answer has come since.
    pub(crate) fn typing_was_told(&self) -> bool {
        self.polling.typing.is_told
    }

    pub(super) fn signalled(&mut self, signals: Signals, has_replies: bool) {
        let polling = &mut self.polling;
        let has_stopped = polling.signals.staff_typing && !signals.staff_typing;
        polling.typing.is_told = !has_replies && (polling.typing.is_told || has_stopped);
        polling.signals = signals;
    }

    /// Tells staff that the visitor is typing.
    pub(super) fn typed(&mut self) {
        let is_due = self.now.ms - self.polling.typing.staff_told >= TYPING_MS;
        let is_known = self.polling.signals.state.is_some();
        if let Some(credentials) = &self.credentials
            && is_due
            && is_known
            && !self.draft.is_empty()
        {
            let credentials = credentials.clone();
            self.polling.typing.staff_told = self.now.ms;
            self.effects
                .push(Effect::Ask(Request::Type { credentials }));
        }
    }
}

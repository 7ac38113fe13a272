//! What the two sides see of each other beside messages: how far they were read, and who types.

use alloc::string::String;

use app::contract::{MessageId, SetTyping};

use super::{Effect, Request, Session};

/// Between two times that staff are told that the visitor types.
const TYPING_MS: f64 = SetTyping::EVERY_SECONDS as f64 * 1_000.0;

/// What a poll tells beside messages.
#[derive(Default)]
pub(crate) struct Signals {
    /// The newest of the visitor's messages that staff have read.
    pub(crate) seen: Option<MessageId>,
    pub(crate) staff_typing: bool,
    /// Stands for the rest. Without it, the server knows nothing of all this.
    pub(crate) state: Option<String>,
}

/// What each side was told of the other one typing.
#[derive(Default)]
pub(super) struct Typing {
    /// Whoever listens was told that staff type, and has heard no answer since then.
    is_told: bool,
    /// When staff were last told that the visitor types.
    staff_told: f64,
}

impl Session {
    pub(crate) fn seen(&self) -> Option<&MessageId> {
        self.polling.signals.seen.as_ref()
    }

    pub(crate) fn staff_type(&self) -> bool {
        self.polling.signals.staff_typing
    }

    /// Whoever listens was told that staff type, and has heard no answer since then.
    pub(crate) fn typing_was_told(&self) -> bool {
        self.polling.typing.is_told
    }

    pub(super) fn signalled(&mut self, signals: Signals, has_replies: bool) {
        let polling = &mut self.polling;
        let has_stopped = polling.signals.staff_typing && !signals.staff_typing;
        polling.typing.is_told = !has_replies && (polling.typing.is_told || has_stopped);
        polling.signals = signals;
    }

    /// Staff are told that the visitor types.
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

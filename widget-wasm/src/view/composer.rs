//! The field in which the visitor writes.

use alloc::string::String;

use app::contract::{DEFAULT_MAX_MESSAGE_CHARS, MessageBody, MessageBodyError};

use crate::{session::Session, texts};

use super::{
    View,
    dom::{Done, set, set_flag, set_text},
    panel::Node,
};

/// The counter appears when fewer characters than this are left.
const COUNTED_CHARS: usize = 400;

impl View {
    pub(super) fn render_composer(&self, session: &Session) -> Done {
        let draft = session.draft();
        // Setting the value moves the caret and interrupts an input method, so it is set only if it
        // differs.
        if self.text().value() != draft {
            self.text().set_value(draft);
        }
        // While the field is empty, the direction of its placeholder is the panel's.
        let direction = if draft.is_empty() { "" } else { "auto" };
        set(self.text(), &[("dir", direction)])?;
        self.button(Node::Send).set_disabled(!session.can_send());

        let (hint, is_wrong) = match MessageBody::check(draft, DEFAULT_MAX_MESSAGE_CHARS) {
            Err(MessageBodyError::TooLong) => (texts::TOO_LONG, true),
            // The session has removed some characters.
            _ if session.has_dropped() => (texts::UNSENDABLE, false),
            _ => ("", false),
        };
        let hint = if hint.is_empty() {
            String::new()
        } else {
            self.host.text(hint)
        };
        // Screen readers must not announce the count at every letter.
        let live = if session.has_dropped() {
            "polite"
        } else {
            "off"
        };
        set(self.node(Node::Hint), &[("aria-live", live)])?;
        // No text has more scalar values than bytes, so most texts do not have to be counted.
        let counted_from = DEFAULT_MAX_MESSAGE_CHARS - COUNTED_CHARS;
        let count = if draft.len() < counted_from {
            0
        } else {
            draft.chars().count()
        };
        let text = if count < counted_from {
            hint
        } else {
            let limit = self.number(DEFAULT_MAX_MESSAGE_CHARS);
            [self.number(count).as_str(), " / ", &limit, " ", &hint].concat()
        };
        set_text(self.node(Node::Hint), &text);
        set_flag(self.node(Node::Text), "aria-invalid", is_wrong)
    }
}

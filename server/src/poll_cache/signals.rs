//! The signals that accompany messages in an answer to a poll.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

use crate::model::Marks;

/// The length of a state in bytes, which is enough to tell two states of a conversation apart.
const STATE_BYTES: usize = 9;

/// The signals that accompany messages in an answer to a poll.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Signals {
    /// How far the visitor's messages have come.
    pub marks: Marks,
    /// A member of the staff is typing.
    pub staff_typing: bool,
}

impl Signals {
    /// A digest of all signals, the same on every server.
    #[must_use]
    pub fn state(&self) -> String {
        let Self {
            marks: Marks { delivered, seen },
            staff_typing,
        } = *self;
        let mut digest = Sha256::new();
        for id in [delivered, seen] {
            // No message has the nil id, so it represents "none".
            digest.update(id.unwrap_or_default());
        }
        digest.update([u8::from(staff_typing)]);
        BASE64_URL_SAFE_NO_PAD.encode(&digest.finalize()[..STATE_BYTES])
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use app::contract::MAX_STATE_CHARS;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_state_says_what_has_changed_and_nothing_else() {
        let ids = [None, Some(Uuid::from_u128(1)), Some(Uuid::from_u128(2))];
        let mut states = HashSet::new();
        for delivered in ids {
            for seen in ids {
                for staff_typing in [false, true] {
                    let signals = Signals {
                        marks: Marks { delivered, seen },
                        staff_typing,
                    };
                    let state = signals.state();
                    assert_eq!(state, signals.state());
                    assert!(state.len() <= MAX_STATE_CHARS);
                    states.insert(state);
                }
            }
        }
        assert_eq!(states.len(), 18);
    }
}

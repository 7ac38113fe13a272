//! Bounds on the length of input. Everything within these bounds fits every column and index.

/// The longest id in bytes, as the Matrix specification has it; also the longest state key.
pub const MAX_ID_BYTES: usize = 255;
/// The longest text in bytes: a whole event holds no more.
pub const MAX_TEXT_BYTES: usize = 65_536;
/// The longest event in bytes of JSON. The homeserver's additions do not count in the 65,536 bytes of an event.
pub const MAX_EVENT_BYTES: usize = 256 * 1024;
/// The longest position in a sync or a history. It has to fit the address of a request.
pub const MAX_TOKEN_BYTES: usize = 4096;

/// Whether this can be the id of an event, a user or a room.
#[must_use]
pub fn is_id(id: &str) -> bool {
    !id.is_empty() && is_bounded(id, MAX_ID_BYTES)
}

/// Whether this can be the key of a state event.
#[must_use]
pub fn is_state_key(key: &str) -> bool {
    is_bounded(key, MAX_ID_BYTES)
}

/// Whether this can be a position in a sync or a history.
#[must_use]
pub fn is_token(token: &str) -> bool {
    !token.is_empty() && is_bounded(token, MAX_TOKEN_BYTES)
}

/// Whether the text is short enough and without NUL, which Postgres cannot store.
fn is_bounded(text: &str, max: usize) -> bool {
    text.len() <= max && !text.contains('\0')
}

/// The text with a replacement character for what Postgres cannot store, and cut if it is too long.
#[must_use]
pub fn storable_text(text: &str) -> String {
    let mut text = text.replace('\0', "\u{fffd}");
    if text.len() > MAX_TEXT_BYTES {
        text.truncate(text.floor_char_boundary(MAX_TEXT_BYTES - '…'.len_utf8()));
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_id_has_at_most_255_bytes_and_no_nul() {
        assert!(is_id(&"é".repeat(127)));
        assert!(!is_id(&"é".repeat(128)));
        assert!(!is_id("$a\0b") && !is_id(""));
        assert!(is_state_key(""));
    }

    #[test]
    fn a_text_is_cut_between_characters() {
        let cut = storable_text(&"é".repeat(MAX_TEXT_BYTES));
        assert!(cut.len() <= MAX_TEXT_BYTES && cut.ends_with("é…"));
        let whole = "x".repeat(MAX_TEXT_BYTES);
        assert_eq!(storable_text(&whole), whole);
    }

    proptest! {
        #[test]
        fn any_text_can_be_stored(text in ".*", times in 1_usize..5_000) {
            let text = storable_text(&text.repeat(times));
            prop_assert!(text.len() <= MAX_TEXT_BYTES && !text.contains('\0'));
        }
    }
}

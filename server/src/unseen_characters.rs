//! Makes characters visible that readers cannot see, so that a person's words cannot imitate the server's own.

use std::fmt::Write;

/// The text with LF as its only line break, and with invisible characters made visible.
pub(crate) fn shown(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\r' => {
                characters.next_if_eq(&'\n');
                shown.push('\n');
            }
            '\n' | '\t' => shown.push(character),
            _ if is_unseen(character) => {
                // Writing to a String cannot fail.
                let _ = write!(shown, "‹U+{:04X}›", u32::from(character));
            }
            _ => shown.push(character),
        }
    }
    shown
}

/// Whether it is a control character, one that Unicode breaks lines at, or one that changes the direction of what is about
/// it (Unicode's property `Bidi_Control`).
pub(crate) fn is_unseen(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{2028}'
                | '\u{2029}'
                | '\u{61c}'
                | '\u{200e}'
                | '\u{200f}'
                | '\u{202a}'..='\u{202e}'
                | '\u{2066}'..='\u{2069}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unseen_characters_are_shown_and_every_line_break_is_one() {
        assert_eq!(shown("a\r\nb\rc\n\td"), "a\nb\nc\n\td");
        assert_eq!(
            shown("\u{202e}\u{2028}\u{85}\u{0}"),
            "‹U+202E›‹U+2028›‹U+0085›‹U+0000›"
        );
    }
}

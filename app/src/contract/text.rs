//! The rule for a message's text. The server enforces it, and the widget warns by it.

use alloc::string::String;

/// The limit unless the operator sets another one, in Unicode scalar values.
pub const DEFAULT_MAX_MESSAGE_CHARS: usize = 4_000;

/// The rule without the length, as a regular expression: optional white space, another character,
/// and then anything; no control characters except tab, line feed and carriage return.
pub const MESSAGE_PATTERN: &str = concat!(
    r"^[\t\n\r \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]*",
    r"[^\u0000-\u0020\u007f-\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]",
    r"[^\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]*$",
);

/// A text that may be stored and relayed: exactly what the visitor typed, without trimming.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageBody(String);

/// Why a text was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageBodyError {
    /// The text is empty or only white space.
    Empty,
    /// The text has more Unicode scalar values than the limit.
    TooLong,
    /// The text has a control character other than tab, line feed and carriage return.
    ControlCharacter,
}

impl MessageBody {
    /// Accepts `text` unchanged, or returns the reason for refusing it. `max_chars` counts Unicode
    /// scalar values.
    pub fn parse(text: String, max_chars: usize) -> Result<Self, MessageBodyError> {
        Self::check(&text, max_chars)?;
        Ok(Self(text))
    }

    /// Checks the rule without keeping the text.
    pub fn check(text: &str, max_chars: usize) -> Result<(), MessageBodyError> {
        if text.trim().is_empty() {
            return Err(MessageBodyError::Empty);
        }
        if text
            .chars()
            .any(|c| c.is_control() && !matches!(c, '\t' | '\n' | '\r'))
        {
            return Err(MessageBodyError::ControlCharacter);
        }
        // A scalar value takes 1 to 4 bytes, so for most texts the size in bytes is enough to
        // decide.
        if text.len() > max_chars && text.chars().nth(max_chars).is_some() {
            return Err(MessageBodyError::TooLong);
        }
        Ok(())
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text as an owned string.
    #[must_use]
    pub fn into_string(self) -> String {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str) -> Result<(), MessageBodyError> {
        MessageBody::check(text, 10)
    }

    #[test]
    fn keeps_the_text_exactly_as_it_came() {
        let text = " <b>hi</b>\t\r\n";
        assert_eq!(
            MessageBody::parse(text.to_owned(), 100).unwrap().as_str(),
            text
        );
    }

    #[test]
    fn refuses_blank_text_in_any_script() {
        for blank in ["", " ", "\n\t\r\n", "\u{2003}\u{3000}"] {
            assert_eq!(check(blank), Err(MessageBodyError::Empty), "{blank:?}");
        }
    }

    #[test]
    fn counts_scalar_values_and_not_bytes() {
        assert_eq!(check(&"🦀".repeat(10)), Ok(()));
        assert_eq!(check(&"🦀".repeat(11)), Err(MessageBodyError::TooLong));
        assert_eq!(check(&"e\u{301}".repeat(5)), Ok(()));
        assert_eq!(check(&"a".repeat(11)), Err(MessageBodyError::TooLong));
    }

    #[test]
    fn refuses_control_characters_but_tab_and_line_ends() {
        assert_eq!(check("a\tb\r\nc"), Ok(()));
        for control in ['\0', '\u{7}', '\u{1b}', '\u{7f}', '\u{85}'] {
            let text = format!("a{control}b");
            assert_eq!(
                check(&text),
                Err(MessageBodyError::ControlCharacter),
                "{text:?}"
            );
        }
    }

    proptest! {
        /// The same rule in the contract's words.
        #[test]
        fn any_text_is_judged_as_the_contract_says(text in any::<String>(), max in 0_usize..40) {
            let allowed = |c: char| !c.is_control() || ['\t', '\r', '\n'].contains(&c);
            let acceptable = text.chars().any(|c| !c.is_whitespace())
                && text.chars().all(allowed)
                && text.chars().count() <= max;
            let parsed = MessageBody::parse(text.clone(), max);
            prop_assert_eq!(parsed.is_ok(), acceptable);
            if let Ok(body) = parsed {
                prop_assert_eq!(body.into_string(), text);
            }
        }
    }
}

//! Commands of staff: messages that begin with `!`. Such a message is never shown to a visitor, whatever it contains.

use std::time::Duration;

use crate::visible_text::trim_invisible;

/// The exclamation mark, and the characters that look like it: full-width, vertical, small, and the letter of a click.
const MARKS: [char; 5] = ['!', '\u{ff01}', '\u{fe15}', '\u{fe57}', '\u{1c3}'];

/// The longest time for which a visitor can be blocked.
pub const LONGEST_BLOCK: Duration = Duration::from_hours(24 * 366);

/// A command in a conversation's room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// `!help`: lists the commands.
    Help,
    /// `!note TEXT`: a text between staff.
    Note,
    /// `!close`: ends the chat.
    Close,
    /// `!reopen`: the chat goes on.
    Reopen,
    /// `!r NAME`: sends a canned reply; without a name, lists them.
    Reply(Option<String>),
    /// `!block 7d`: the duration of the block; `None` when the text names none.
    Block(Option<Duration>),
    /// `!email`: where replies go by email.
    Email,
    /// A command that takes nothing, with something after it.
    Misused,
    /// Another word.
    Unknown,
}

impl Command {
    /// The command in a text; `None` when there is none.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let Words { word, rest } = Words::read(text)?;
        Some(match word.as_str() {
            "note" => Self::Note,
            "r" => Self::Reply(name(rest)),
            "block" => Self::Block(block_time(rest)),
            "help" | "close" | "reopen" | "email" if !rest.is_empty() => Self::Misused,
            "help" => Self::Help,
            "close" => Self::Close,
            "reopen" => Self::Reopen,
            "email" => Self::Email,
            _ => Self::Unknown,
        })
    }
}

/// The text after the mark of a command, if the text begins with one for the eye of a reader.
pub(crate) fn after_mark(text: &str) -> Option<&str> {
    trim_invisible(text).strip_prefix(MARKS)
}

/// A command's word, and what follows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Words<'a> {
    /// In lower case; empty when no letter follows the `!`.
    pub word: String,
    /// The text after the word, without anything invisible around it.
    pub rest: &'a str,
}

impl<'a> Words<'a> {
    /// Parses a text that begins with `!`. Punctuation alone (`!`, `!!`, `!?`) is not meant as a command, and showing
    /// it gives nothing away; with any letter or digit after it, it may be a mistyped command (`! note`, `!!note`).
    #[must_use]
    pub fn read(text: &'a str) -> Option<Self> {
        let rest = after_mark(text)?;
        rest.chars().any(char::is_alphanumeric).then_some(())?;
        let is_part = |it: char| it.is_alphanumeric() || matches!(it, '_' | '-');
        let end = rest.find(|it| !is_part(it)).unwrap_or(rest.len());
        let (word, rest) = rest.split_at(end);
        Some(Self {
            word: word.to_lowercase(),
            rest: trim_invisible(rest),
        })
    }
}

/// The name of a canned reply. Markup may have changed the white space in it.
fn name(text: &str) -> Option<String> {
    let words: Vec<_> = text.split_whitespace().collect();
    (!words.is_empty()).then(|| words.join(" "))
}

/// A time such as `7d` or `12h 30m`; zero lifts the block.
fn block_time(text: &str) -> Option<Duration> {
    let time = humantime::parse_duration(text).ok()?;
    (time <= LONGEST_BLOCK).then_some(time)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_command_is_told_by_its_word() {
        let week = Duration::from_hours(7 * 24);
        for (text, expected) in [
            ("!help", Command::Help),
            (" !HELP ", Command::Help),
            ("!note this customer is difficult", Command::Note),
            ("!note:secret", Command::Note),
            ("!note\nsecret", Command::Note),
            ("!close", Command::Close),
            ("!reopen", Command::Reopen),
            ("!r", Command::Reply(None)),
            (
                "!r  refund policy ",
                Command::Reply(Some("refund policy".to_owned())),
            ),
            ("!block 7d", Command::Block(Some(week))),
            ("!block 0s", Command::Block(Some(Duration::ZERO))),
            ("!block 7d please", Command::Block(None)),
            ("!block", Command::Block(None)),
            ("!block for ever", Command::Block(None)),
            ("!block 5000y", Command::Block(None)),
            ("!email", Command::Email),
            ("!Close \n", Command::Close),
            ("!close\u{200b}", Command::Close),
            ("!close?", Command::Misused),
            ("!close.", Command::Misused),
            ("!close, please", Command::Misused),
            ("!close\nthanks", Command::Misused),
            ("!close tomorrow at noon", Command::Misused),
            ("!reopen it", Command::Misused),
            ("!help me", Command::Misused),
            ("!email a@example.org", Command::Misused),
            ("!clo\u{200b}se", Command::Unknown),
            ("\u{ff01}close", Command::Close),
            ("\u{200b}!note secret", Command::Note),
            ("\u{feff} \u{2067}\u{ff01}note secret", Command::Note),
            ("\0!note secret", Command::Note),
            ("!closse", Command::Unknown),
            ("!notes of mine", Command::Unknown),
            ("!important", Command::Unknown),
            ("! text", Command::Unknown),
            ("!!note secret", Command::Unknown),
            ("!? what", Command::Unknown),
        ] {
            assert_eq!(Command::read(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_gives_nothing_away_is_a_text() {
        for text in [
            "",
            "!",
            "!!!",
            "!?",
            " ! ",
            "hi!",
            "¡hola!",
            "wow !close",
            "\"!close\"",
        ] {
            assert_eq!(Command::read(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_word_behind_a_mark_is_a_text(
            space in "[ \t\n\u{200b}-\u{200f}\u{202a}-\u{202e}\u{2060}-\u{206f}\u{feff}\u{ad}\u{61c}\u{180e}\u{fe0f}\u{34f}\u{3164}\u{e0020}]{0,4}",
            marks in "[!\u{ff01}]{1,3}",
            text in ".*[a-z].*",
        ) {
            let text = [space, marks, text].concat();
            prop_assert!(Command::read(&text).is_some());
        }
    }
}

//! Commands of staff: messages that begin with `!`. Such a message is never shown to a visitor, whatever it contains.

use std::time::Duration;

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
    /// Another word.
    Unknown,
}

impl Command {
    /// The command in a text; `None` when there is none.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let Words { word, rest } = Words::read(text)?;
        Some(match word.as_str() {
            "help" => Self::Help,
            "note" => Self::Note,
            "close" => Self::Close,
            "reopen" => Self::Reopen,
            "r" => Self::Reply((!rest.is_empty()).then(|| rest.to_owned())),
            "block" => Self::Block(block_time(rest)),
            "email" => Self::Email,
            _ => Self::Unknown,
        })
    }
}

/// A command's word, and what follows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Words<'a> {
    /// In lower case; empty when no letter follows the `!`.
    pub word: String,
    /// The text after the word, without white space around it.
    pub rest: &'a str,
}

impl<'a> Words<'a> {
    /// Parses a text that begins with `!`. Punctuation alone (`!`, `!!`, `!?`) is not meant as a command, and showing
    /// it gives nothing away; with any letter or digit after it, it may be a mistyped command (`! note`, `!!note`).
    #[must_use]
    pub fn read(text: &'a str) -> Option<Self> {
        let rest = text.trim_start().strip_prefix('!')?;
        rest.chars().any(char::is_alphanumeric).then_some(())?;
        let is_part = |it: char| it.is_alphanumeric() || matches!(it, '_' | '-');
        let end = rest.find(|it| !is_part(it)).unwrap_or(rest.len());
        let (word, rest) = rest.split_at(end);
        Some(Self {
            word: word.to_lowercase(),
            rest: rest.trim(),
        })
    }
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
            ("!block", Command::Block(None)),
            ("!block for ever", Command::Block(None)),
            ("!block 5000y", Command::Block(None)),
            ("!email", Command::Email),
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
        fn no_word_behind_a_mark_is_a_text(space in "[ \t\n]{0,3}", marks in "!{1,3}", text in ".*[a-z].*") {
            let text = [space, marks, text].concat();
            prop_assert!(Command::read(&text).is_some());
        }
    }
}

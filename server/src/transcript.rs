//! A conversation as a text to keep.
//!
//! What a text says is indented, line by line, and the lines between are the server's: so nobody's words look like another's.

mod words;

use std::fmt::{Display, Write};

use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use crate::{
    model::{Author, Language},
    storage::transcript::Line,
    unseen_characters::shown,
};
use words::Words;

/// Before every line of a text.
const INDENT: &str = "    ";

/// How the text is to be written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Style {
    /// The zone in which times are written.
    pub(crate) zone: Tz,
    /// The language of the words between the texts.
    pub(crate) language: Language,
}

impl Style {
    fn words(self) -> &'static Words {
        Words::of(self.language)
    }

    fn time(self, at: DateTime<Utc>) -> impl Display {
        at.with_timezone(&self.zone).format("%Y-%m-%d %H:%M")
    }

    /// The name of the file for a conversation that began then: ASCII, without quotation marks.
    pub(crate) fn file_name(self, began_at: DateTime<Utc>) -> String {
        let date = began_at.with_timezone(&self.zone);
        date.format("support-chat-%Y-%m-%d.txt").to_string()
    }

    /// What stands before the texts.
    pub(crate) fn head(self) -> String {
        let Words { title, times, .. } = self.words();
        format!("{title}\n{times} {}\n", self.zone)
    }

    /// What stands behind the texts of a conversation that has ended.
    pub(crate) fn end(self) -> String {
        format!("\n{}\n", self.words().ended)
    }

    /// What stands behind the texts where there are more that are not told.
    pub(crate) fn cut(self) -> String {
        format!("\n{}\n", self.words().cut)
    }

    /// The texts, without those that staff have deleted.
    pub(crate) fn lines(self, lines: &[Line]) -> String {
        let mut text = String::new();
        for line in lines.iter().filter(|line| !line.removed) {
            let who = match line.author {
                Author::Visitor => self.words().you,
                Author::Staff => self.words().support,
            };
            let failed = if line.has_failed {
                format!(" ({})", self.words().undelivered)
            } else {
                String::new()
            };
            // Writing to a string cannot fail.
            let _ = writeln!(text, "\n{} {who}{failed}", self.time(line.at));
            for part in shown(&line.body).split('\n') {
                let _ = writeln!(text, "{INDENT}{part}");
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeZone;
    use proptest::prelude::*;

    use super::*;

    fn line(author: Author, body: &str) -> Line {
        Line {
            seq: 1,
            at: Utc.with_ymd_and_hms(2026, 11, 26, 23, 5, 0).unwrap(),
            author,
            body: body.to_owned(),
            has_failed: false,
            removed: false,
        }
    }

    const ENGLISH: Style = Style {
        zone: Tz::UTC,
        language: Language::English,
    };

    #[test]
    fn a_transcript_says_who_said_what_and_when() {
        let style = Style {
            zone: Tz::Europe__Berlin,
            ..ENGLISH
        };
        let failed = Line {
            has_failed: true,
            ..line(Author::Visitor, "Bye")
        };
        let removed = Line {
            removed: true,
            ..line(Author::Staff, "")
        };
        let lines = [
            line(Author::Visitor, "Hello\r\n\n  there"),
            line(Author::Staff, "Hi!"),
            removed,
            failed,
        ];
        assert_eq!(
            [style.head(), style.lines(&lines), style.end()].concat(),
            "Support chat\nTimes are in the time zone Europe/Berlin\n\n\
             2026-11-27 00:05 You:\n    Hello\n    \n      there\n\n\
             2026-11-27 00:05 Support:\n    Hi!\n\n\
             2026-11-27 00:05 You: (Not delivered)\n    Bye\n\nThis chat has ended.\n"
        );
    }

    #[test]
    fn the_server_s_words_are_in_the_reader_s_language() {
        let german = Style {
            language: Language::German,
            ..ENGLISH
        };
        let text = german.lines(&[line(Author::Visitor, "Hallo")]);
        assert_eq!(text, "\n2026-11-26 23:05 Sie:\n    Hallo\n");
    }

    proptest! {
        #[test]
        fn no_text_looks_like_another_s(
            body in "([a-z \u{202e}\u{2028}\u{85}\u{2066}\r\n]|2026-11-26 23:05 Support:){0,60}",
        ) {
            let text = ENGLISH.lines(&[line(Author::Visitor, &body)]);
            let (head, body) = text.strip_prefix('\n').unwrap().split_once('\n').unwrap();
            prop_assert_eq!(head, "2026-11-26 23:05 You:");
            let lines: Vec<_> = body.strip_suffix('\n').unwrap().split(|c: char| {
                c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
            }).collect();
            prop_assert!(lines.iter().all(|line| line.starts_with(INDENT)), "{:?}", lines);
            let hidden = ['\u{202e}', '\u{2066}'];
            prop_assert!(!body.contains(hidden));
        }
    }
}

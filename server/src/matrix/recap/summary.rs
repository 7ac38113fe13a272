//! The text of a recap.

use chrono::{DateTime, Utc};

use crate::{
    matrix::notice::Notice,
    storage::{sessions::State, transcript::Said},
};

/// How many bytes of the visitor's last words come first, as JSON: enough for a notification. They follow in full.
const MAX_LAST_WORDS_BYTES: usize = 2_048;
/// The most bytes that the bot's own lines take, as JSON.
const OWN_LINES_BYTES: usize = 1_024;

/// The beginning of the recap for a person who has joined.
pub(in crate::matrix) const BEFORE_JOINING: &str = "What was said before you joined";

/// One text of the conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Text {
    pub(super) at: Option<DateTime<Utc>>,
    /// The member of the staff who wrote it; `None` for the visitor.
    pub(super) staff: Option<String>,
    pub(super) body: String,
}

impl From<Said> for Text {
    fn from(said: Said) -> Self {
        let author = || said.author.unwrap_or_else(|| "Staff".to_owned());
        Self {
            at: Some(said.at),
            staff: (!said.by_visitor).then(author),
            body: said.body,
        }
    }
}

/// The reason for a recap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// A person has joined. The visitor's last words come first, because a notification shows no more.
    Joined,
    /// The room replaces another one, which the recap says first.
    RoomLost,
}

/// The content of a recap.
pub(super) struct Summary {
    pub(super) why: Why,
    pub(super) details: Option<Notice>,
    /// Newest first.
    pub(super) texts: Vec<Text>,
    /// The number of texts before them.
    pub(super) more: usize,
    /// Whether the conversation is open.
    pub(super) state: State,
}

impl Summary {
    /// The visitor's details, and as many of the texts as fit into one event, oldest first.
    pub(super) fn write(&self, max_bytes: usize, now: DateTime<Utc>) -> Notice {
        let details = self.details.clone().unwrap_or_default();
        let last_words = self.texts.iter().find(|text| text.staff.is_none());
        let last_words = last_words
            .map(|text| text.last_words(now))
            .unwrap_or_default();
        let taken = details.json_bytes() + last_words.json_bytes() + OWN_LINES_BYTES;
        let mut left = max_bytes.saturating_sub(taken);
        let mut entries = Vec::new();
        for text in &self.texts {
            let entry = text.entry(now);
            // This includes what comes between the entries.
            let bytes = entry.json_bytes() + 4;
            if bytes > left {
                // The newest text is always included, cut if necessary.
                if entries.is_empty() {
                    entries.push(text.beginning(left, now));
                }
                break;
            }
            left -= bytes;
            entries.push(entry);
        }
        let heading = if entries.is_empty() {
            format!("{}:", self.heading())
        } else {
            self.count(entries.len())
        };
        let heading = Notice::new(&heading);
        let parts = match self.why {
            Why::Joined if !entries.is_empty() => [&last_words, &details, &heading],
            Why::Joined | Why::RoomLost => [&heading, &details, &Notice::default()],
        };
        let mut notice = Notice::default();
        for part in parts {
            notice.append(part);
        }
        for entry in entries.iter().rev() {
            notice.append(entry);
        }
        let end = match self.state {
            State::Open => return notice,
            State::Closed => "The chat has ended. Messages sent here no longer reach the visitor.",
            State::Expired => {
                "The chat has expired. Messages sent here no longer reach the visitor."
            }
        };
        notice.append(&Notice::new(end));
        notice
    }

    const fn heading(&self) -> &'static str {
        match self.why {
            Why::Joined => BEFORE_JOINING,
            Why::RoomLost => "This room continues a conversation whose room was lost",
        }
    }

    fn count(&self, told: usize) -> String {
        let heading = self.heading();
        let messages = |count: usize| match count {
            1 => "1 message".to_owned(),
            count => format!("{count} messages"),
        };
        match self.more + self.texts.len() - told {
            0 => format!("{heading} ({}):", messages(told)),
            before => format!(
                "{heading} (the newest {}, and {before} more before):",
                messages(told)
            ),
        }
    }
}

impl Text {
    fn entry(&self, now: DateTime<Utc>) -> Notice {
        self.told_as(self.whose(), &self.body, "", now)
    }

    fn whose(&self) -> &str {
        self.staff.as_deref().unwrap_or("Visitor")
    }

    fn last_words(&self, now: DateTime<Utc>) -> Notice {
        let whose = "the visitor's last words";
        let all = self.told_as(whose, &self.body, "", now);
        if all.json_bytes() <= MAX_LAST_WORDS_BYTES {
            return all;
        }
        self.cut(whose, MAX_LAST_WORDS_BYTES, now)
    }

    /// The beginning of a text that takes at most these bytes.
    fn beginning(&self, max_bytes: usize, now: DateTime<Utc>) -> Notice {
        self.cut(self.whose(), max_bytes, now)
    }

    fn cut(&self, whose: &str, max_bytes: usize, now: DateTime<Utc>) -> Notice {
        let mut characters = self.body.chars().count();
        loop {
            characters /= 2;
            let beginning: String = self.body.chars().take(characters).collect();
            let entry = self.told_as(whose, &beginning, " (only the beginning)", now);
            if characters == 0 || entry.json_bytes() <= max_bytes {
                return entry;
            }
        }
    }

    fn told_as(&self, whose: &str, body: &str, remark: &str, now: DateTime<Utc>) -> Notice {
        let at = self.at.map(|at| clock(at, now) + ", ").unwrap_or_default();
        let mut entry = Notice::new(&format!("{at}{whose}{remark}:"));
        entry.quote(body);
        entry
    }
}

/// `14:05 UTC`, with the date if it is not today's.
fn clock(at: DateTime<Utc>, now: DateTime<Utc>) -> String {
    let format = if at.date_naive() == now.date_naive() {
        "%H:%M UTC"
    } else {
        "%Y-%m-%d %H:%M UTC"
    };
    at.format(format).to_string()
}

#[cfg(test)]
mod tests {
    use chrono::TimeZone;

    use super::*;

    fn at(day: u32, hour: u32, minute: u32) -> DateTime<Utc> {
        Utc.with_ymd_and_hms(2026, 5, day, hour, minute, 30)
            .unwrap()
    }

    fn told(state: State) -> Summary {
        let text = |at, staff: Option<&str>, body: &str| Text {
            at: Some(at),
            staff: staff.map(str::to_owned),
            body: body.to_owned(),
        };
        Summary {
            why: Why::Joined,
            details: None,
            texts: vec![
                text(at(23, 14, 5), Some("@bob:localhost"), "Hi."),
                text(at(22, 23, 59), None, "Hello?"),
            ],
            more: 0,
            state,
        }
    }

    #[test]
    fn times_have_a_date_where_it_is_not_today_s() {
        let notice = told(State::Open).write(10_000, at(23, 14, 6));
        assert_eq!(
            notice.body(),
            "2026-05-22 23:59 UTC, the visitor's last words:\n> Hello?\n\n\
             What was said before you joined (2 messages):\n\n\
             2026-05-22 23:59 UTC, Visitor:\n> Hello?\n\n\
             14:05 UTC, @bob:localhost:\n> Hi."
        );
    }

    #[test]
    fn a_room_in_another_one_s_place_says_so_first() {
        let told = Summary {
            why: Why::RoomLost,
            ..told(State::Open)
        };
        let notice = told.write(10_000, at(23, 14, 6));
        assert_eq!(
            notice.body(),
            "This room continues a conversation whose room was lost (2 messages):\n\n\
             2026-05-22 23:59 UTC, Visitor:\n> Hello?\n\n\
             14:05 UTC, @bob:localhost:\n> Hi."
        );
    }

    #[test]
    fn the_end_is_told() {
        for (state, end) in [
            (
                State::Closed,
                "The chat has ended. Messages sent here no longer reach the visitor.",
            ),
            (
                State::Expired,
                "The chat has expired. Messages sent here no longer reach the visitor.",
            ),
        ] {
            let notice = told(state).write(10_000, at(23, 14, 6));
            assert!(
                notice.body().ends_with(&format!("> Hi.\n\n{end}")),
                "{}",
                notice.body()
            );
        }
    }

    #[test]
    fn long_last_words_leave_room_for_the_rest() {
        let mut told = told(State::Open);
        told.texts[1].body = "word ".repeat(800);
        let notice = told.write(56 * 1024, at(23, 14, 6));
        let body = notice.body();
        assert!(body.starts_with(
            "2026-05-22 23:59 UTC, the visitor's last words (only the beginning):\n> word"
        ));
        assert!(body.contains(&told.texts[1].body), "the whole follows");
    }
}

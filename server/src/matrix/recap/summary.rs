//! The text of a recap.

use chrono::{DateTime, Utc};

use crate::{
    matrix::notice::Notice,
    staff_texts::RoomTexts,
    storage::{sessions::State, transcript::Said},
};

/// How many bytes of the visitor's last words come first, as JSON: enough for a notification. They follow in full.
const MAX_LAST_WORDS_BYTES: usize = 2_048;
/// The most bytes that the bot's own lines take, as JSON.
const OWN_LINES_BYTES: usize = 1_024;

/// One text of the conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Text {
    pub(super) at: Option<DateTime<Utc>>,
    pub(super) author: Author,
    pub(super) body: String,
}

/// Whose words a text is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Author {
    Visitor,
    /// A member of the staff, if it is known which.
    Staff(Option<String>),
}

impl From<Said> for Text {
    fn from(said: Said) -> Self {
        Self {
            at: Some(said.at),
            author: if said.by_visitor {
                Author::Visitor
            } else {
                Author::Staff(said.author)
            },
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
    /// Who the visitor is, and as many of the texts as fit into one event, oldest first.
    pub(super) fn write(&self, texts: &RoomTexts, max_bytes: usize, now: DateTime<Utc>) -> Notice {
        let teller = Teller { texts, now };
        let details = self.details.clone().unwrap_or_default();
        let last_words = self
            .texts
            .iter()
            .find(|text| text.author == Author::Visitor);
        let last_words = last_words
            .map(|text| teller.last_words(text))
            .unwrap_or_default();
        let taken = details.json_bytes() + last_words.json_bytes() + OWN_LINES_BYTES;
        let mut left = max_bytes.saturating_sub(taken);
        let mut entries = Vec::new();
        for text in &self.texts {
            let entry = teller.entry(text);
            // This includes what comes between the entries.
            let bytes = entry.json_bytes() + 4;
            if bytes > left {
                // The newest text is always included, cut if necessary.
                if entries.is_empty() {
                    entries.push(teller.beginning(text, left));
                }
                break;
            }
            left -= bytes;
            entries.push(entry);
        }
        let heading = Notice::new(&self.heading(texts, entries.len()));
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
            State::Closed => texts.recap.closed,
            State::Expired => texts.recap.expired,
        };
        notice.append(&Notice::new(end));
        notice
    }

    /// The line above the texts, of which so many are `told`.
    fn heading(&self, texts: &RoomTexts, told: usize) -> String {
        let why = match self.why {
            Why::Joined => texts.recap.joined,
            Why::RoomLost => texts.recap.room_lost,
        };
        match told {
            0 => [why, texts.colon].concat(),
            told => {
                let before = self.more + self.texts.len() - told;
                format!("{why} ({}){}", texts.recap.count(told, before), texts.colon)
            }
        }
    }
}

/// Tells single texts.
#[derive(Clone, Copy)]
struct Teller<'a> {
    texts: &'a RoomTexts,
    now: DateTime<Utc>,
}

impl<'a> Teller<'a> {
    fn entry(self, text: &'a Text) -> Notice {
        self.told_as(self.whose(text), text.at, &text.body, false)
    }

    fn whose(self, text: &'a Text) -> &'a str {
        match &text.author {
            Author::Visitor => self.texts.recap.visitor,
            Author::Staff(author) => author.as_deref().unwrap_or(self.texts.recap.staff),
        }
    }

    fn last_words(self, text: &Text) -> Notice {
        let whose = self.texts.recap.last_words;
        let all = self.told_as(whose, text.at, &text.body, false);
        if all.json_bytes() <= MAX_LAST_WORDS_BYTES {
            return all;
        }
        self.cut(whose, text, MAX_LAST_WORDS_BYTES)
    }

    /// The beginning of a text that takes at most these bytes.
    fn beginning(self, text: &'a Text, max_bytes: usize) -> Notice {
        self.cut(self.whose(text), text, max_bytes)
    }

    fn cut(self, whose: &str, text: &Text, max_bytes: usize) -> Notice {
        let mut characters = text.body.chars().count();
        loop {
            characters /= 2;
            let beginning: String = text.body.chars().take(characters).collect();
            let entry = self.told_as(whose, text.at, &beginning, true);
            if characters == 0 || entry.json_bytes() <= max_bytes {
                return entry;
            }
        }
    }

    fn told_as(self, whose: &str, at: Option<DateTime<Utc>>, body: &str, is_cut: bool) -> Notice {
        let at = at.map(|at| clock(at, self.now) + ", ").unwrap_or_default();
        let remark = if is_cut {
            format!(" ({})", self.texts.recap.only_beginning)
        } else {
            String::new()
        };
        let mut entry = Notice::new(&[&at, whose, &remark, self.texts.colon].concat());
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
    use crate::config::StaffLanguage;

    const ENGLISH: &RoomTexts = RoomTexts::of(StaffLanguage::English);

    fn at(day: u32, hour: u32, minute: u32) -> DateTime<Utc> {
        Utc.with_ymd_and_hms(2026, 5, day, hour, minute, 30)
            .unwrap()
    }

    fn told(state: State) -> Summary {
        let text = |at, author, body: &str| Text {
            at: Some(at),
            author,
            body: body.to_owned(),
        };
        let bob = Author::Staff(Some("@bob:localhost".to_owned()));
        Summary {
            why: Why::Joined,
            details: None,
            texts: vec![
                text(at(23, 14, 5), bob, "Hi."),
                text(at(22, 23, 59), Author::Visitor, "Hello?"),
            ],
            more: 0,
            state,
        }
    }

    #[test]
    fn times_have_a_date_where_it_is_not_today_s() {
        let notice = told(State::Open).write(ENGLISH, 10_000, at(23, 14, 6));
        assert_eq!(
            notice.body(),
            "2026-05-22 23:59 UTC, the visitor's last words:\n> Hello?\n\n\
             What was said before you joined (2 messages):\n\n\
             2026-05-22 23:59 UTC, Visitor:\n> Hello?\n\n\
             14:05 UTC, @bob:localhost:\n> Hi."
        );
    }

    #[test]
    fn a_recap_is_in_the_language_of_the_staff() {
        let mut told = told(State::Closed);
        told.texts[0].author = Author::Staff(None);
        told.more = 3;
        let texts = RoomTexts::of(StaffLanguage::French);
        let notice = told.write(texts, 10_000, at(23, 14, 6));
        assert_eq!(
            notice.body(),
            "2026-05-22 23:59 UTC, les derniers mots du visiteur\u{a0}:\n> Hello?\n\n\
             Ce qui a été dit avant votre arrivée (les plus récents\u{a0}: 2 messages, et 3 auparavant)\u{a0}:\n\n\
             2026-05-22 23:59 UTC, Visiteur\u{a0}:\n> Hello?\n\n\
             14:05 UTC, Équipe\u{a0}:\n> Hi.\n\n\
             La conversation est terminée. Ce qui est écrit ici ne parvient plus au visiteur."
        );
    }

    #[test]
    fn a_room_in_another_one_s_place_says_so_first() {
        let told = Summary {
            why: Why::RoomLost,
            ..told(State::Open)
        };
        let notice = told.write(ENGLISH, 10_000, at(23, 14, 6));
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
            let notice = told(state).write(ENGLISH, 10_000, at(23, 14, 6));
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
        let notice = told.write(ENGLISH, 56 * 1024, at(23, 14, 6));
        let body = notice.body();
        assert!(body.starts_with(
            "2026-05-22 23:59 UTC, the visitor's last words (only the beginning):\n> word"
        ));
        assert!(body.contains(&told.texts[1].body), "the whole follows");
    }
}

//! The bot's notices in a conversation's room, in the languages of the widget.

mod translations;

use std::time::Duration;

use super::{duration::Units, filled};
use crate::config::StaffLanguage;

/// The sentences of one language. `{}` is a placeholder.
#[derive(Debug)]
pub(crate) struct RoomTexts {
    units: Units,
    /// Behind a label that another text ends.
    pub(crate) colon: &'static str,
    /// Who the visitor is and which page they are on.
    pub(crate) details: Details,
    /// The visitor rated the conversation.
    pub(crate) rated_good: &'static str,
    pub(crate) rated_bad: &'static str,
    /// The visitor ended the chat.
    pub(crate) left: &'static str,
    /// The chat has expired; `{}`: nobody has written for so long.
    expired: &'static str,
    /// The visitor has had the conversation erased.
    pub(crate) erased: &'static str,
    /// The visitor has come back by the link from a mail.
    pub(crate) resumed: &'static str,
    /// A message of the visitor could not be delivered.
    pub(crate) undelivered: &'static str,
    /// The bot was removed from the conversation's former room.
    pub(crate) put_out: &'static str,
    /// The visitor was mailed about one text.
    mailed_one: &'static str,
    /// The same of more; `{}`: how many.
    mailed_many: &'static str,
    /// `{}` is the reason.
    not_mailed: &'static str,
    /// The reasons.
    pub(crate) mail_server: MailServer,
    /// What a recap consists of.
    pub(crate) recap: Recap,
}

/// The lines of the notice about the visitor. Each but the first is above a quotation.
#[derive(Debug)]
pub(crate) struct Details {
    /// The website vouches for the visitor.
    pub(crate) vouched_for: &'static str,
    pub(crate) visitor: &'static str,
    pub(crate) visitor_verified: &'static str,
    pub(crate) visitor_not_verified: &'static str,
    pub(crate) email: &'static str,
    pub(crate) email_verified: &'static str,
    pub(crate) email_not_verified: &'static str,
    pub(crate) page: &'static str,
    pub(crate) page_title: &'static str,
}

/// What a mail server has done to a mail.
#[derive(Debug)]
pub(crate) struct MailServer {
    pub(crate) does_not_answer: &'static str,
    pub(crate) refuses_address: &'static str,
    pub(crate) refuses_mail: &'static str,
}

/// The lines of a recap. Where a quotation follows, a colon is added.
#[derive(Debug)]
pub(crate) struct Recap {
    /// The two beginnings.
    pub(crate) joined: &'static str,
    pub(crate) room_lost: &'static str,
    one_message: &'static str,
    /// `{}`: how many.
    messages: &'static str,
    /// The first `{}`: how many messages follow; the second: how many are left out.
    newest: &'static str,
    /// Whose words these are.
    pub(crate) last_words: &'static str,
    pub(crate) visitor: &'static str,
    pub(crate) staff: &'static str,
    /// A text was cut.
    pub(crate) only_beginning: &'static str,
    /// The two ends.
    pub(crate) closed: &'static str,
    pub(crate) expired: &'static str,
}

impl RoomTexts {
    /// Those of this language.
    pub(crate) const fn of(language: StaffLanguage) -> &'static Self {
        match language {
            StaffLanguage::English => &translations::ENGLISH,
            StaffLanguage::German => &translations::GERMAN,
            StaffLanguage::French => &translations::FRENCH,
            StaffLanguage::Spanish => &translations::SPANISH,
            StaffLanguage::Ukrainian => &translations::UKRAINIAN,
            StaffLanguage::Arabic => &translations::ARABIC,
        }
    }

    /// Whether this line is a recap's heading for somebody who has joined, in any language: the operator may have changed
    /// the language since.
    pub(crate) fn is_heading_for_joiner(line: &str) -> bool {
        StaffLanguage::ALL
            .iter()
            .any(|language| line.starts_with(Self::of(*language).recap.joined))
    }

    /// Says that the chat has expired, since nobody has written for this long.
    pub(crate) fn expired(&self, after: Duration) -> String {
        self.expired.replace("{}", &self.units.tell(after))
    }

    /// Says that the visitor was mailed about so many texts.
    pub(crate) fn mailed(&self, texts: usize) -> String {
        match texts {
            1 => self.mailed_one.to_owned(),
            many => self.mailed_many.replace("{}", &many.to_string()),
        }
    }

    /// Says why the visitor was not mailed.
    pub(crate) fn not_mailed(&self, why: &str) -> String {
        self.not_mailed.replace("{}", why)
    }
}

impl Recap {
    /// How many messages are told, and how many `before` them are not.
    pub(crate) fn count(&self, told: usize, before: usize) -> String {
        let messages = match told {
            1 => self.one_message.to_owned(),
            many => self.messages.replace("{}", &many.to_string()),
        };
        match before {
            0 => messages,
            before => filled(self.newest, [&messages, &before.to_string()]),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Every text of a language.
    fn all(texts: &'static RoomTexts) -> Vec<String> {
        let (details, server, recap) = (&texts.details, &texts.mail_server, &texts.recap);
        let plain = [
            details.vouched_for,
            details.visitor,
            details.visitor_verified,
            details.visitor_not_verified,
            details.email,
            details.email_verified,
            details.email_not_verified,
            details.page,
            details.page_title,
            texts.rated_good,
            texts.rated_bad,
            texts.left,
            texts.erased,
            texts.resumed,
            texts.undelivered,
            texts.put_out,
            recap.joined,
            recap.room_lost,
            recap.last_words,
            recap.visitor,
            recap.staff,
            recap.only_beginning,
            recap.closed,
            recap.expired,
        ];
        let whys = [
            server.does_not_answer,
            server.refuses_address,
            server.refuses_mail,
        ];
        let mut all: Vec<_> = plain.map(str::to_owned).to_vec();
        all.extend(whys.map(|why| texts.not_mailed(why)));
        all.push(texts.expired(Duration::from_hours(49)));
        all.extend([1, 23].map(|count| texts.mailed(count)));
        all.extend([(1, 0), (23, 0), (23, 45)].map(|(told, before)| recap.count(told, before)));
        all
    }

    #[test]
    fn each_text_is_in_each_language_with_what_is_filled_in() {
        let mut of_every_language = BTreeSet::new();
        let mut count = 0;
        for language in StaffLanguage::ALL {
            let texts = RoomTexts::of(language);
            let all = all(texts);
            let different: BTreeSet<_> = all.iter().collect();
            assert_eq!(different.len(), all.len(), "{language:?}: {all:#?}");
            for text in &all {
                assert!(!text.contains("{}"), "{language:?}: {text}");
                assert!(!text.contains('\n'), "a notice is one line: {text}");
            }
            assert!(texts.expired(Duration::from_hours(49)).contains('2'));
            assert!(texts.mailed(23).contains("23"));
            let newest = texts.recap.count(23, 45);
            assert!(newest.contains("23") && newest.contains("45"), "{newest}");
            count += all.len();
            of_every_language.extend(all);
        }
        // Only "1 message" and "23 messages" are the same in two languages, English and French.
        assert_eq!(count - of_every_language.len(), 2);
    }

    #[test]
    fn english_is_as_the_guide_says() {
        let texts = RoomTexts::of(StaffLanguage::English);
        assert_eq!(
            texts.expired(Duration::from_hours(24)),
            "The chat has expired, since nobody has written for 1d. Messages sent here no longer reach the visitor."
        );
        assert_eq!(
            texts.mailed(1),
            "The visitor was mailed that a text waits here which they have not read."
        );
        assert_eq!(texts.recap.count(1, 0), "1 message");
        assert_eq!(
            texts.recap.count(50, 7),
            "the newest 50 messages, and 7 more before"
        );
    }
}

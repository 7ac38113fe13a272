//! Everything that the bot says to staff, in the languages of the widget. The names and topics of rooms are the same in
//! every language. [`StaffTexts`] answers staff, [`RoomTexts`] are the notices in a conversation's room, and
//! [`DeskTexts`] are for the desk.

mod desk;
mod duration;
mod room;
mod translations;

use std::time::Duration;

use chrono::{DateTime, Utc};
use incoming::{
    event::Unshown,
    plan::{Refusal, Unchanged},
};

use crate::config::StaffLanguage;

use duration::Units;

pub(crate) use desk::{DeskTexts, States};
pub(crate) use room::RoomTexts;

/// The sentences of one language. `{}` is a placeholder.
#[derive(Debug)]
pub(crate) struct StaffTexts {
    units: Units,
    /// Given the first time in a room.
    pub(crate) internal: &'static str,
    /// A text answers a command, or the bot's answer to one.
    pub(crate) answers_command: &'static str,
    /// The new text of an edit is between staff.
    edit_internal: &'static str,
    /// The new text of an edit begins like a command.
    edit_command: &'static str,
    /// An edit replaces a text with something that is not text.
    edit_not_shown: &'static str,
    /// A command was edited.
    pub(crate) edited_command: &'static str,
    /// A command was sent in a reply or a thread.
    not_of_its_own: &'static str,
    /// A command was sent by a person who is not configured as staff.
    not_staff: &'static str,
    /// `{}` is the kind of message.
    not_shown: &'static str,
    /// Given the first time in a room.
    reactions: &'static str,
    things: Things,
    /// The chat was ended.
    pub(crate) closed: &'static str,
    /// The chat ended by itself.
    pub(crate) expired: &'static str,
    /// The visitor has had the chat erased.
    pub(crate) erased: &'static str,
    /// The visitor has gone, and nothing is mailed.
    pub(crate) gone: &'static str,
    /// The visitor has gone; `{}`: after how long it is mailed.
    gone_mailed: &'static str,
    help: &'static str,
    unknown: &'static str,
    /// A command that takes nothing had something after it.
    misused: &'static str,
    /// `!close` was carried out.
    pub(crate) close_done: &'static str,
    /// There was nothing to close.
    pub(crate) close_not_open: &'static str,
    /// `!reopen` was carried out.
    pub(crate) reopen_done: &'static str,
    /// There was nothing to reopen.
    pub(crate) reopen_open: &'static str,
    pub(crate) reopen_erased: &'static str,
    /// `{}` is the text that was sent.
    canned_sent: &'static str,
    canned_list: &'static str,
    canned_none: &'static str,
    canned_unknown: &'static str,
    /// `{}` is the end of the block.
    block_done: &'static str,
    /// Added if the chat has not ended.
    block_goes_on: &'static str,
    /// The block was lifted.
    pub(crate) block_lifted: &'static str,
    /// How to use `!block`.
    pub(crate) block_usage: &'static str,
    /// The visitor's address is not known.
    pub(crate) block_no_address: &'static str,
    /// Replies are mailed nowhere.
    pub(crate) email: &'static str,
    /// `{}`: after how long they are. The address follows.
    email_to: &'static str,
    /// There is an address that gets none.
    pub(crate) email_off: &'static str,
}

/// Kinds of messages that are not shown.
#[derive(Debug)]
struct Things {
    file: &'static str,
    picture: &'static str,
    video: &'static str,
    voice: &'static str,
    sticker: &'static str,
    poll: &'static str,
    place: &'static str,
    call: &'static str,
    encrypted: &'static str,
    notice: &'static str,
    other: &'static str,
}

impl StaffTexts {
    /// The texts of this language.
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

    /// Says that this is not shown.
    pub(crate) fn not_shown(&self, unshown: Unshown) -> String {
        let things = &self.things;
        let thing = match unshown {
            Unshown::Reaction => return self.reactions.to_owned(),
            Unshown::File => things.file,
            Unshown::Picture => things.picture,
            Unshown::Video => things.video,
            Unshown::Voice => things.voice,
            Unshown::Sticker => things.sticker,
            Unshown::Poll => things.poll,
            Unshown::Place => things.place,
            Unshown::Call => things.call,
            Unshown::Encrypted => things.encrypted,
            Unshown::Notice => things.notice,
            Unshown::Other => things.other,
        };
        self.not_shown.replace("{}", thing)
    }

    /// Says that an edit changes nothing for the visitor.
    pub(crate) const fn unchanged(&self, why: Unchanged) -> &'static str {
        match why {
            Unchanged::Internal => self.edit_internal,
            Unchanged::Command => self.edit_command,
            Unchanged::NotShown => self.edit_not_shown,
        }
    }

    /// Says that a command is not carried out.
    pub(crate) const fn refused(&self, why: Refusal) -> &'static str {
        match why {
            Refusal::NotOfItsOwn => self.not_of_its_own,
            Refusal::NotStaff => self.not_staff,
        }
    }

    /// That the visitor has gone, and that the text is mailed after this long.
    pub(crate) fn gone_mailed(&self, after: Duration) -> String {
        let after = self.units.tell(after);
        self.gone_mailed.replace("{}", &after)
    }

    /// Where replies are mailed, which is in the visitor's words.
    pub(crate) fn email_to(&self, address: &str, after: Duration) -> String {
        let after = self.units.tell(after);
        [&self.email_to.replace("{}", &after), "\n> ", address].concat()
    }

    /// Lists the commands.
    pub(crate) const fn help(&self) -> &'static str {
        self.help
    }

    /// Says that there is no such command, and lists those that there are.
    pub(crate) fn unknown(&self) -> String {
        [self.unknown, "\n", self.help].concat()
    }

    /// Says that a command takes nothing, and lists the commands.
    pub(crate) fn misused(&self) -> String {
        [self.misused, "\n", self.help].concat()
    }

    /// Says what the visitor was sent.
    pub(crate) fn canned_sent(&self, text: &str) -> String {
        self.canned_sent.replace("{}", text)
    }

    /// Lists the canned replies, after the name of one that `is_missing`.
    pub(crate) fn canned_list<'a>(
        &self,
        canned: impl Iterator<Item = (&'a str, &'a str)>,
        is_missing: bool,
    ) -> String {
        const MAX_BYTES: usize = 20_000;
        const BEGINNING: usize = 80;
        let mut list = String::new();
        for (name, text) in canned {
            let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
            let beginning: String = line.chars().take(BEGINNING).collect();
            let more = if beginning.len() < line.len() {
                "…"
            } else {
                ""
            };
            if list.len() > MAX_BYTES {
                list.push_str("\n…");
                break;
            }
            list = [&list, "\n!r ", name, ": ", &beginning, more].concat();
        }
        if list.is_empty() {
            return self.canned_none.to_owned();
        }
        let missing = if is_missing { self.canned_unknown } else { "" };
        [missing, self.canned_list, &list].concat()
    }

    /// Says until when conversations from the visitor's address are refused.
    pub(crate) fn block_done(&self, until: DateTime<Utc>, goes_on: bool) -> String {
        let until = until.format("%Y-%m-%d %H:%M UTC").to_string();
        let done = self.block_done.replace("{}", &until);
        if goes_on {
            format!("{done} {}", self.block_goes_on)
        } else {
            done
        }
    }
}

/// The text with its two places filled in.
fn filled(text: &str, [first, second]: [&str; 2]) -> String {
    match text.split_once("{}") {
        Some((before, rest)) => [before, first, &rest.replacen("{}", second, 1)].concat(),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_language_has_a_place_for_what_is_filled_in_and_names_all_commands() {
        for language in StaffLanguage::ALL {
            let texts = StaffTexts::of(language);
            for text in [
                texts.not_shown,
                texts.canned_sent,
                texts.block_done,
                texts.gone_mailed,
                texts.email_to,
            ] {
                assert_eq!(text.matches("{}").count(), 1, "{language:?}: {text}");
            }
            for command in [
                "!help", "!note", "!close", "!reopen", "!r", "!block", "!email",
            ] {
                assert!(texts.help.contains(command), "{language:?}: {command}");
                let read = incoming::command::Command::read(command);
                assert_ne!(read, Some(incoming::command::Command::Unknown));
            }
        }
    }

    #[test]
    fn a_block_says_until_when_and_that_the_chat_goes_on_only_where_it_does() {
        let until = "2026-05-22T14:05:30Z".parse().unwrap();
        for language in StaffLanguage::ALL {
            let texts = StaffTexts::of(language);
            let ended = texts.block_done(until, false);
            assert!(ended.contains(" 2026-05-22 14:05 UTC"), "{ended}");
            assert!(!ended.contains(texts.block_goes_on), "{ended}");
            let goes_on = texts.block_done(until, true);
            assert_eq!(goes_on, format!("{ended} {}", texts.block_goes_on));
        }
        assert_eq!(
            StaffTexts::of(StaffLanguage::English).block_done(until, true),
            "New chats from this visitor's address are refused until 2026-05-22 14:05 UTC. This one goes on."
        );
    }

    #[test]
    fn the_list_of_canned_replies_shows_how_each_begins() {
        let texts = StaffTexts::of(StaffLanguage::English);
        let long = "word ".repeat(100);
        let list = texts.canned_list([("a", "One\ntwo."), ("b", &long)].into_iter(), false);
        assert!(list.contains("\n!r a: One two.\n!r b: word word"), "{list}");
        assert!(list.ends_with('…'));
        let none = texts.canned_list(std::iter::empty(), true);
        assert_eq!(none, texts.canned_none);
    }
}

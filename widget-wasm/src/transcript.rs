//! The conversation as far as polls have brought it, and the messages that are not in it yet.

use alloc::{string::String, vec::Vec};

use app::contract::{Delivery, Message, MessageId, Sender};

/// The conversation, in the order of the server's list.
#[derive(Debug, Default)]
pub(crate) struct Transcript {
    /// Every entry that polls have brought. Replacements are included, because they are cursors,
    /// too.
    entries: Vec<Entry>,
    /// The visitor's messages that the server has accepted and no poll has brought yet. Their place
    /// in the list is still unknown, so they come last.
    accepted: Vec<Entry>,
}

/// One entry of the list.
#[derive(Debug)]
pub(crate) struct Entry {
    /// The entry, with the text of its last replacement.
    pub(crate) message: Message,
    /// The key with which this page sent it, so that its line on the screen stays the same.
    pub(crate) key: Option<String>,
    /// Whether staff have changed the text.
    pub(crate) edited: bool,
    /// Whether it will not be delivered and the visitor has sent it again.
    pub(crate) repeated: bool,
    /// For a replacement, the index of the entry that it changed. A replacement has no line.
    replaces: Option<usize>,
}

/// What a poll has changed.
pub(crate) struct Merged {
    /// Whether anything has changed.
    pub(crate) is_news: bool,
    /// The number of new messages of staff.
    pub(crate) replies: Vec<Message>,
}

impl Entry {
    fn new(message: Message, key: Option<String>) -> Self {
        Self {
            message,
            key,
            edited: false,
            repeated: false,
            replaces: None,
        }
    }
}

impl Entry {
    /// Whether a text of staff shows nothing. (The visitor cannot send such a text.)
    fn is_empty(&self) -> bool {
        let Message {
            sender,
            removed,
            body,
            ..
        } = &self.message;
        *sender == Sender::Staff && !removed && body.chars().all(is_invisible)
    }
}

/// Whether a character shows nothing: white space, control characters, joiners, direction marks,
/// fillers and tags.
fn is_invisible(c: char) -> bool {
    c.is_whitespace()
        || c.is_control()
        || matches!(
            c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
                | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}'
                | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1d173}'..='\u{1d17a}'
                | '\u{e0000}'..='\u{e0fff}'
        )
}

impl Transcript {
    /// The lines to show.
    pub(crate) fn lines(&self) -> impl Iterator<Item = &Entry> {
        self.entries
            .iter()
            .filter(|entry| entry.replaces.is_none() && !entry.is_empty())
            .chain(&self.accepted)
    }

    /// The newest entry of the list. Before the first poll, this is the message that begins the
    /// list.
    pub(crate) fn newest(&self) -> Option<&MessageId> {
        let newest = self.entries.last().or(self.accepted.first());
        newest.map(|entry| &entry.message.id)
    }

    /// How many lines of staff come after an entry; all of them if the entry is unknown.
    pub(crate) fn replies_after(&self, id: Option<&MessageId>) -> usize {
        let first = id
            .and_then(|id| self.position(id))
            .map_or(0, |index| index + 1);
        let is_reply = |entry: &&Entry| {
            entry.replaces.is_none() && entry.message.sender == Sender::Staff && !entry.is_empty()
        };
        self.entries[first..].iter().filter(is_reply).count()
    }

    /// Takes the text of a message that will not be delivered, to be sent again once.
    pub(crate) fn repeat(&mut self, id: &str) -> Option<String> {
        let entries = self.entries.iter_mut();
        let entry = entries
            .rev()
            .find(|entry| entry.message.id.as_str() == id)?;
        let is_failed = entry.message.delivery == Some(Delivery::Failed);
        (is_failed && !core::mem::replace(&mut entry.repeated, true))
            .then(|| entry.message.body.clone())
    }

    /// Adds a message that the server has accepted.
    pub(crate) fn accept(&mut self, key: String, id: MessageId, body: String, created_at: String) {
        // A poll may have been faster than the answer.
        if let Some(index) = self.position(&id) {
            self.entries[index].key = Some(key);
            return;
        }
        let message = Message {
            id,
            sender: Sender::Visitor,
            body,
            created_at,
            delivery: Some(Delivery::Pending),
            replaces: None,
            removed: false,
        };
        self.accepted.push(Entry::new(message, Some(key)));
    }

    /// Adds what a poll has brought. Known entries are recognised by their id, so an overlap shows
    /// nothing twice.
    pub(crate) fn merge(&mut self, messages: Vec<Message>) -> Merged {
        let mut is_news = false;
        let mut replies = Vec::new();
        for message in messages {
            if let Some(index) = self.position(&message.id) {
                let delivery = &mut self.entries[index].message.delivery;
                is_news |= *delivery != message.delivery;
                *delivery = message.delivery;
                continue;
            }
            is_news = true;
            let key = match self
                .accepted
                .iter()
                .position(|own| own.message.id == message.id)
            {
                Some(index) => self.accepted.remove(index).key,
                None => None,
            };
            let mut entry = Entry::new(message, key);
            if let Some(replaced) = &entry.message.replaces {
                // An edit may replace an earlier edit, so the line that both belong to changes.
                let line = self.position(replaced);
                let line = line.map(|index| self.entries[index].replaces.unwrap_or(index));
                if let Some(line) = line {
                    let line = &mut self.entries[line];
                    line.message.body.clone_from(&entry.message.body);
                    line.message.removed = entry.message.removed;
                    line.edited = true;
                }
                // If the original is missing, an edit is shown as a message, and a removal is
                // ignored.
                let itself = entry.message.removed.then_some(self.entries.len());
                entry.replaces = line.or(itself);
            }
            if entry.replaces.is_none()
                && entry.message.sender == Sender::Staff
                && !entry.is_empty()
            {
                replies.push(entry.message.clone());
            }
            self.entries.push(entry);
        }
        Merged { is_news, replies }
    }

    /// The cursor of the next round of polls.
    ///
    /// A poll returns only what follows its cursor, and a message's `delivery` changes after it was
    /// listed. So the cursor stays before the oldest message that is not delivered yet.
    pub(crate) fn cursor(&self) -> Option<&MessageId> {
        let pending = |entry: &Entry| matches!(entry.message.delivery, Some(Delivery::Pending));
        let settled = self
            .entries
            .iter()
            .position(pending)
            .unwrap_or(self.entries.len());
        self.entries[..settled]
            .last()
            .map(|entry| &entry.message.id)
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        self.entries.clear();
        self.accepted.clear();
    }

    /// Searched from the end, where most entries of a poll are.
    fn position(&self, id: &MessageId) -> Option<usize> {
        self.entries
            .iter()
            .rposition(|entry| entry.message.id == *id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::{own, staff};

    fn replacing(id: &str, old: &str, body: &str) -> Message {
        Message {
            replaces: Some(old.to_owned().into()),
            ..staff(id, body)
        }
    }

    fn removing(id: &str, old: &str) -> Message {
        Message {
            removed: true,
            ..replacing(id, old, "")
        }
    }

    fn texts(transcript: &Transcript) -> Vec<&str> {
        transcript
            .lines()
            .map(|line| line.message.body.as_str())
            .collect()
    }

    fn cursor(transcript: &Transcript) -> Option<&str> {
        transcript.cursor().map(MessageId::as_str)
    }

    #[test]
    fn keeps_the_order_of_the_list_and_shows_nothing_twice() {
        let mut transcript = Transcript::default();
        let merged = transcript.merge(vec![staff("1", "a"), staff("2", "b")]);
        assert_eq!(merged.replies.len(), 2);
        let merged = transcript.merge(vec![staff("2", "b"), staff("3", "c")]);
        assert_eq!(merged.replies, [staff("3", "c")]);
        assert_eq!(texts(&transcript), ["a", "b", "c"]);
        assert_eq!(cursor(&transcript), Some("3"));
    }

    #[test]
    fn an_accepted_message_takes_the_place_that_the_list_gives_it() {
        let mut transcript = Transcript::default();
        transcript.accept(
            "key".into(),
            "2".to_owned().into(),
            "mine".into(),
            String::new(),
        );
        assert_eq!(texts(&transcript), ["mine"]);
        transcript.merge(vec![
            staff("1", "theirs"),
            own("2", "mine", Delivery::Delivered),
        ]);
        assert_eq!(texts(&transcript), ["theirs", "mine"]);
        assert_eq!(
            transcript.lines().last().unwrap().key.as_deref(),
            Some("key")
        );
    }

    #[test]
    fn a_poll_that_is_quicker_than_the_answer_shows_the_message_once() {
        let mut transcript = Transcript::default();
        transcript.merge(vec![own("1", "mine", Delivery::Pending)]);
        transcript.accept(
            "key".into(),
            "1".to_owned().into(),
            "mine".into(),
            String::new(),
        );
        assert_eq!(texts(&transcript), ["mine"]);
    }

    #[test]
    fn the_cursor_waits_before_the_oldest_message_that_is_on_its_way() {
        let mut transcript = Transcript::default();
        assert_eq!(cursor(&transcript), None);
        transcript.merge(vec![own("1", "a", Delivery::Pending)]);
        assert_eq!(cursor(&transcript), None);
        transcript.merge(vec![
            own("1", "a", Delivery::Delivered),
            staff("2", "b"),
            own("3", "c", Delivery::Pending),
            staff("4", "d"),
        ]);
        assert_eq!(cursor(&transcript), Some("2"));
        let again = || vec![own("3", "c", Delivery::Failed), staff("4", "d")];
        assert!(transcript.merge(again()).is_news);
        assert!(!transcript.merge(again()).is_news);
        assert_eq!(cursor(&transcript), Some("4"));
        assert_eq!(texts(&transcript), ["a", "b", "c", "d"]);
    }

    #[test]
    fn edits_change_the_line_in_place() {
        let mut transcript = Transcript::default();
        transcript.merge(vec![staff("1", "helo"), staff("2", "next")]);
        let merged = transcript.merge(vec![replacing("3", "1", "hello")]);
        assert!(merged.is_news);
        assert_eq!(merged.replies, []);
        assert_eq!(texts(&transcript), ["hello", "next"]);
        // An edit of an edit. A poll that overlaps must not restore the older text.
        transcript.merge(vec![replacing("4", "3", "hello!")]);
        transcript.merge(vec![staff("1", "helo"), replacing("3", "1", "hello")]);
        assert_eq!(texts(&transcript), ["hello!", "next"]);
        assert!(transcript.lines().next().unwrap().edited);
        assert_eq!(cursor(&transcript), Some("4"));
    }

    #[test]
    fn a_removal_empties_the_line() {
        let mut transcript = Transcript::default();
        transcript.merge(vec![staff("1", "secret"), removing("2", "1")]);
        let lines: Vec<_> = transcript.lines().collect();
        assert_eq!(lines.len(), 1);
        assert!(lines[0].message.removed);
        assert_eq!(lines[0].message.body, "");
    }

    #[test]
    fn replacements_of_unknown_lines_are_shown_or_ignored() {
        let mut transcript = Transcript::default();
        transcript.merge(vec![replacing("2", "1", "text"), removing("4", "3")]);
        assert_eq!(texts(&transcript), ["text"]);
        assert_eq!(cursor(&transcript), Some("4"));
    }
}

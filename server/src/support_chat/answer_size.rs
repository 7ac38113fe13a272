//! Limits how many of a conversation's entries go into one answer to a poll, by their size as JSON.

use app::contract::{MAX_MESSAGES_PER_POLL, MAX_POLL_BYTES};

use crate::{
    model::Entry,
    storage::polls::{Limits, Poll},
};

/// The maximum number of JSON bytes in an answer besides its entries.
const FRAME_BYTES: usize = 320;

/// The maximum number of JSON bytes in an entry besides its text.
const ENTRY_BYTES: usize = 256;

/// The maximum size of all answers that one statement reads. Each may exceed its part by one large
/// entry.
const STATEMENT_BYTES: usize = 4 * 1024 * 1024;

/// The maximum size of each answer in bytes, given how many one statement reads.
#[derive(Clone, Copy, Debug)]
pub(super) struct AnswerSize(usize);

impl AnswerSize {
    pub(super) fn of_each(polls: usize) -> Self {
        Self(MAX_POLL_BYTES.min(STATEMENT_BYTES / polls.max(1)))
    }

    /// The limits that Postgres applies. Postgres counts the bytes of the text before JSON escapes
    /// them, so it reads a little more than [`Self::cut`] keeps.
    pub(super) fn limits(self) -> Limits {
        let limit = |count| i64::try_from(count).unwrap_or(i64::MAX);
        Limits {
            entries: limit(MAX_MESSAGES_PER_POLL),
            bytes: limit(self.0),
            entry_bytes: limit(ENTRY_BYTES),
        }
    }

    /// Removes entries from the end until the answer is small enough, but keeps at least one.
    /// Returns the maximum size of the answer in bytes.
    pub(super) fn cut(self, poll: &mut Poll) -> usize {
        let mut size = FRAME_BYTES;
        for (index, entry) in poll.entries.iter().enumerate() {
            let with_entry = size + entry_bytes(entry);
            if index > 0 && with_entry > self.0 {
                poll.entries.truncate(index);
                poll.more = true;
                break;
            }
            size = with_entry;
        }
        size
    }
}

/// The maximum number of bytes of the entry as JSON.
fn entry_bytes(entry: &Entry) -> usize {
    let escaped = |byte: u8| match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' | 0x08 | 0x0c => 2,
        0..0x20 => 6,
        _ => 1,
    };
    ENTRY_BYTES + entry.body.bytes().map(escaped).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use app::contract::{self, MAX_STATE_CHARS, Message, PollMessagesResponse, Sender};
    use chrono::DateTime;
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::{
        model::{Author, Marks},
        storage::sessions::{Session, State},
    };

    fn entry(body: &str) -> Entry {
        Entry {
            id: Uuid::nil(),
            author: Author::Visitor,
            body: body.to_owned(),
            created_at: DateTime::UNIX_EPOCH,
            delivery: None,
            replaces: None,
            removed: false,
        }
    }

    /// An entry whose fields besides the text are as long as they can be.
    fn message(entry: Entry) -> Message {
        Message {
            id: entry.id.to_string().into(),
            sender: Sender::Visitor,
            body: entry.body,
            created_at: "1970-01-01T00:00:00.000Z".to_owned(),
            delivery: Some(contract::Delivery::Delivered),
            replaces: Some(entry.id.to_string().into()),
            removed: true,
        }
    }

    proptest! {
        /// Control characters, quotes and all others are counted as serde escapes them.
        #[test]
        fn an_answer_is_never_larger_than_was_counted(
            bodies in prop::collection::vec("[\\x00-\\x20\"\\\\a-c\u{7f}é🦀]{0,200}", 1..20),
            max in 0_usize..5_000,
        ) {
            let mut poll = Poll {
                session: Session {
                    state: State::Open,
                    expires_in: Duration::from_secs(1),
                    token_hashes: Vec::new(),
                },
                marks: Marks::default(),
                knows_cursor: true,
                entries: bodies.iter().map(|body| entry(body)).collect(),
                more: false,
            };
            let size = AnswerSize(max).cut(&mut poll);
            prop_assert_eq!(poll.more, poll.entries.len() < bodies.len());
            let shown: Vec<_> = poll.entries.iter().map(|it| it.body.clone()).collect();
            prop_assert_eq!(&shown[..], &bodies[..shown.len()], "the first ones, and no gap");
            prop_assert!(shown.len() == 1 || size <= max);
            let id = || Some(Uuid::nil().to_string().into());
            let answer = PollMessagesResponse {
                messages: poll.entries.into_iter().map(message).collect(),
                more: true,
                marks: contract::Marks { delivered: id(), seen: id() },
                staff_typing: true,
                state: Some("s".repeat(MAX_STATE_CHARS)),
            };
            let json = serde_json::to_vec(&answer).unwrap();
            prop_assert!(json.len() <= size, "{} {size}", json.len());
        }
    }
}

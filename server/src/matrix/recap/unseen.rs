//! Collects the texts that a person who has joined cannot see.

use std::collections::HashMap;

use serde_json::Value;
use uuid::Uuid;

use super::{
    MAX_TEXTS, RETOLD,
    summary::{Author, Summary, Text, Why},
};
use crate::{
    matrix::{
        event::{Meaning, RoomEvent},
        notice::Notice,
    },
    storage::sessions::State,
};

/// Texts are counted up to this number.
const MAX_COUNTED: usize = 1_000;

/// Collects texts, newest first.
pub(super) struct Unseen<'a> {
    bot: &'a str,
    user_id: &'a str,
    /// The visitor's details, and whether the person has missed the notice about them.
    details: Option<Notice>,
    /// The event of that notice in this room, if it is known.
    details_event: Option<String>,
    missed_details: bool,
    texts: Vec<Text>,
    /// Messages of former rooms that were repeated in this one.
    retold: Vec<Uuid>,
    /// The newest edits of events that are still to come.
    edits: HashMap<String, String>,
    /// The number of texts before those.
    more: usize,
}

impl<'a> Unseen<'a> {
    pub(super) fn new(
        bot: &'a str,
        user_id: &'a str,
        details: Option<Notice>,
        details_event: Option<String>,
    ) -> Self {
        Self {
            bot,
            user_id,
            details,
            details_event,
            missed_details: false,
            texts: Vec::new(),
            retold: Vec::new(),
            edits: HashMap::new(),
            more: 0,
        }
    }

    /// Takes a part of the history in, newest first; `false` when that is enough. Events that are `not_shown` to the
    /// visitor are not part of the conversation: staff wrote them to each other, or after the end.
    pub(super) fn take(&mut self, missed: &[RoomEvent], not_shown: &[String]) -> bool {
        for event in missed {
            if self.user_left(event) {
                return false;
            }
            if not_shown.contains(&event.event_id) {
                continue;
            }
            let Some(text) = self.text(event) else {
                continue;
            };
            if self.texts.len() < MAX_TEXTS {
                self.texts.push(text);
            } else {
                self.more += 1;
            }
            if self.more == MAX_COUNTED {
                return false;
            }
        }
        true
    }

    /// Messages of former rooms that were repeated in this one.
    pub(super) fn retold(&self) -> &[Uuid] {
        &self.retold
    }

    /// The number of texts.
    pub(super) const fn count(&self) -> usize {
        self.texts.len()
    }

    /// Adds the newest of the `retold` messages, of which there are `all`.
    pub(super) fn add(&mut self, texts: impl Iterator<Item = Text>, all: usize) {
        let before = self.texts.len();
        self.texts.extend(texts);
        self.more += all.saturating_sub(self.texts.len() - before);
    }

    /// The content of the recap; `None` when there is none.
    pub(super) fn told(self, state: State) -> Option<Summary> {
        let details = self.details;
        let missed = !self.texts.is_empty() || self.missed_details && details.is_some();
        missed.then_some(Summary {
            why: Why::Joined,
            details,
            texts: self.texts,
            more: self.more,
            state,
        })
    }

    /// Whether this is the person's leaving. They could see everything before it.
    fn user_left(&self, event: &RoomEvent) -> bool {
        event.event_type == "m.room.member"
            && event.state_key.as_deref() == Some(self.user_id)
            && event.was_joined()
            && event.str_at("/membership") != Some("join")
    }

    fn text(&mut self, event: &RoomEvent) -> Option<Text> {
        let at = event.written_at();
        if event.sender == self.bot {
            self.note_own(event);
            // Of the bot's own messages, texts that refer to nothing are the visitor's.
            let is_visitor_s = event.event_type == "m.room.message"
                && event.str_at("/msgtype") == Some("m.text")
                && event.content.get("m.relates_to").is_none();
            let body = event.str_at("/body").filter(|_| is_visitor_s)?;
            return Some(Text {
                at,
                author: Author::Visitor,
                body: body.to_owned(),
            });
        }
        match event.meaning(self.bot) {
            Meaning::Text(body) => {
                let body = self.edits.remove(&event.event_id).unwrap_or(body);
                Some(Text {
                    at,
                    author: Author::Staff(Some(event.sender.clone())),
                    body,
                })
            }
            Meaning::Edit { of, text } => {
                self.edits.entry(of).or_insert(text);
                None
            }
            _ => None,
        }
    }

    /// Records what a message of the bot's own says.
    fn note_own(&mut self, event: &RoomEvent) {
        let is_details = if let Some(id) = &self.details_event {
            event.event_id == *id || event.str_at("/m.relates_to/event_id") == Some(id)
        } else {
            let details = self.details.as_ref().map(Notice::body);
            details.is_some() && details == event.str_at("/body")
        };
        self.missed_details |= is_details;
        if let Some(ids) = event.content.get(RETOLD).and_then(Value::as_array) {
            self.missed_details = true;
            let ids = ids.iter();
            self.retold
                .extend(ids.filter_map(|id| Uuid::parse_str(id.as_str()?).ok()));
        }
    }
}

#[cfg(test)]
mod tests;

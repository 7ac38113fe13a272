//! The lines of the log: the messages, including those that are not accepted yet.

use alloc::{borrow::ToOwned, string::String, vec::Vec};

use app::contract::{Delivery, Message, Sender};
use wasm_bindgen::JsValue;
use web_sys::Element;

use crate::{session::Session, texts};

use super::{
    View,
    dom::{set, set_text},
    panel::Node,
};

/// The class of the visitor's messages.
const OWN: &str = "line own";
/// The class of messages that did not arrive.
const FAILED: &str = "line own failed";

/// A message on the screen, and what it shows.
pub(super) struct Line {
    pub(super) key: String,
    pub(super) node: Element,
    pub(super) who: Element,
    pub(super) text: Element,
    pub(super) time: Element,
    meta: Element,
    pub(super) status: Element,
    /// The button that sends it again.
    repeat: Option<Element>,
    /// Whether the next line has the same note.
    is_grouped: bool,
    pub(super) body: String,
    pub(super) created_at: String,
    pub(super) state: Option<State>,
}

/// The note of a message, and its class.
#[derive(Clone, Copy, PartialEq)]
pub(super) struct State {
    pub(super) note: Option<&'static str>,
    pub(super) class: &'static str,
    /// Whether the visitor may send it again.
    can_repeat: bool,
}

/// The lines that were added.
#[derive(Default)]
pub(super) struct Added {
    /// A message of the visitor's.
    pub(super) is_own: bool,
    /// This many messages of staff.
    pub(super) replies: usize,
    /// A message that will not be delivered.
    pub(super) is_undelivered: bool,
}

impl Line {
    fn leads_to(&self, next: &Self) -> bool {
        /// The prefix `2026-05-23T14:0` covers ten minutes.
        fn written(line: &Line) -> Option<&[u8]> {
            line.created_at.as_bytes().get(..15)
        }
        self.state == next.state && written(self) == written(next)
    }
}

impl View {
    /// Announces what was added.
    pub(super) fn render_lines(&mut self, session: &Session) -> Result<Added, JsValue> {
        let mut added = Added::default();
        let mut index = 0;
        let seen = session.seen();
        let is_last = |message: &Message| Some(&message.id) == seen;
        let mut lines = session.transcript().lines();
        let mut is_seen = lines.any(|entry| is_last(&entry.message));
        for entry in session.transcript().lines() {
            let message = &entry.message;
            let is_own = message.sender == Sender::Visitor;
            let (note, class) = match message.delivery {
                _ if message.removed => (None, "line removed"),
                Some(Delivery::Failed) => (Some(texts::UNDELIVERED), FAILED),
                Some(Delivery::Delivered) if is_seen => (Some(texts::SEEN), OWN),
                Some(Delivery::Delivered) => (Some(texts::DELIVERED), OWN),
                _ if is_own => (Some(texts::SENT), OWN),
                _ => (entry.edited.then_some(texts::EDITED), "line"),
            };
            let state = State {
                note,
                class,
                can_repeat: class == FAILED && !entry.repeated,
            };
            added.is_undelivered |= state.can_repeat;
            let removed = message.removed.then(|| self.host.text(texts::REMOVED));
            let body = removed.as_deref().unwrap_or(&message.body);
            let id = message.id.as_str();
            let key = entry.key.as_deref().unwrap_or(id);
            let is_new = self.render_line(index, key, id, body, &message.created_at, state)?;
            if is_new && !is_own {
                added.replies += 1;
            }
            is_seen &= !is_last(message);
            index += 1;
        }
        for (message, is_sending) in session.outgoing() {
            let (note, class) = if is_sending {
                (texts::SENDING, OWN)
            } else {
                (texts::UNSENT, FAILED)
            };
            let state = State {
                note: Some(note),
                class,
                can_repeat: false,
            };
            added.is_own |= self.render_line(index, &message.key, "", &message.body, "", state)?;
            index += 1;
        }
        for line in self.lines.drain(index..) {
            line.node.remove();
        }
        self.group_lines();
        Ok(added)
    }

    /// Of consecutive lines with the same note, only the last one shows it.
    fn group_lines(&mut self) {
        let groups: Vec<bool> = self
            .lines
            .windows(2)
            .map(|it| it[0].leads_to(&it[1]))
            .collect();
        for (line, is_grouped) in self.lines.iter_mut().zip(groups.into_iter().chain([false])) {
            if line.is_grouped != is_grouped {
                line.is_grouped = is_grouped;
                let class = line.state.map_or("", |state| state.class);
                let grouped = if is_grouped { " grouped" } else { "" };
                line.node.set_class_name(&[class, grouped].concat());
            }
        }
    }

    /// Puts a line in its place, and returns whether it is new. A line keeps its node as long as it
    /// exists, since screen readers would announce a new node.
    pub(super) fn render_line(
        &mut self,
        index: usize,
        key: &str,
        id: &str,
        body: &str,
        created_at: &str,
        state: State,
    ) -> Result<bool, JsValue> {
        let found = self.lines[index..].iter().position(|line| line.key == key);
        let mut line = match found {
            Some(ahead) => self.lines.remove(index + ahead),
            None => self.new_line(key)?,
        };
        if line.body != body {
            self.host.fill(&line.text, body);
            body.clone_into(&mut line.body);
        }
        if line.created_at != created_at {
            line.time
                .set_text_content(Some(&self.host.time(created_at)));
            set(&line.time, &[("datetime", created_at)])?;
            created_at.clone_into(&mut line.created_at);
        }
        if line.state != Some(state) {
            let is_own = matches!(state.class, OWN | FAILED);
            let who = if is_own { texts::YOU } else { texts::SUPPORT };
            set_text(&line.who, &(self.host.text(who) + " "));
            self.say(&line.status, state.note);
            line.node.set_class_name(state.class);
            line.is_grouped = false;
            line.state = Some(state);
            if let Some(repeat) = line.repeat.take() {
                repeat.remove();
            }
            if state.can_repeat {
                let attributes = [("name", "again"), ("value", id)];
                let words = self.host.text(texts::SEND_AGAIN);
                line.repeat = Some(self.make(&line.meta, "button", &words, &attributes)?);
            }
        }
        if found != Some(0) {
            let next = self.lines.get(index).map(|next| next.node.as_ref());
            self.node(Node::Log).insert_before(&line.node, next)?;
        }
        self.lines.insert(index, line);
        Ok(found.is_none())
    }

    pub(super) fn new_line(&self, key: &str) -> Result<Line, JsValue> {
        let node = self.document.create_element("div")?;
        set(&node, &[("part", "message")])?;
        let who = self.make(&node, "span", "", &[("class", "spoken")])?;
        let text = self.make(&node, "p", "", &[("class", "text"), ("dir", "auto")])?;
        let meta = self.make(&node, "span", "", &[("class", "meta")])?;
        let time = self.make(&meta, "time", "", &[])?;
        let status = self.make(&meta, "span", "", &[("class", "status")])?;
        Ok(Line {
            key: key.to_owned(),
            node,
            who,
            text,
            meta,
            time,
            status,
            repeat: None,
            is_grouped: false,
            body: String::new(),
            created_at: String::new(),
            state: None,
        })
    }
}

//! The lines of the log: what was said, and what is about to be.

use alloc::{borrow::ToOwned, string::String};

use app::contract::{Delivery, Message, Sender};
use wasm_bindgen::JsValue;
use web_sys::Element;

use crate::{session::Session, texts};

use super::{
    View,
    dom::{set, set_text},
    panel::Node,
};

/// A message of the visitor's.
const OWN: &str = "line own";
/// One that did not arrive.
const FAILED: &str = "line own failed";

/// A message on the screen, and what it shows.
pub(super) struct Line {
    pub(super) key: String,
    pub(super) node: Element,
    pub(super) who: Element,
    pub(super) text: Element,
    pub(super) time: Element,
    pub(super) status: Element,
    pub(super) body: String,
    pub(super) created_at: String,
    pub(super) state: Option<State>,
}

/// What a message looks like: its note, and its class.
#[derive(Clone, Copy, PartialEq)]
pub(super) struct State {
    pub(super) note: Option<&'static str>,
    pub(super) class: &'static str,
}

impl View {
    /// Says whether a message of the visitor's was added.
    pub(super) fn render_lines(&mut self, session: &Session) -> Result<bool, JsValue> {
        let mut sent_one = false;
        let mut index = 0;
        let seen = session.seen();
        let is_last = |message: &Message| Some(&message.id) == seen;
        let mut lines = session.transcript().lines();
        let mut is_seen = lines.any(|entry| is_last(&entry.message));
        for entry in session.transcript().lines() {
            let message = &entry.message;
            let state = match message.delivery {
                _ if message.removed => State {
                    note: None,
                    class: "line removed",
                },
                Some(Delivery::Failed) => State {
                    note: Some(texts::UNDELIVERED),
                    class: FAILED,
                },
                Some(Delivery::Delivered) => State {
                    note: Some(if is_seen {
                        texts::SEEN
                    } else {
                        texts::DELIVERED
                    }),
                    class: OWN,
                },
                _ if message.sender == Sender::Visitor => State {
                    note: Some(texts::SENT),
                    class: OWN,
                },
                _ => State {
                    note: entry.edited.then_some(texts::EDITED),
                    class: "line",
                },
            };
            let removed = message.removed.then(|| self.host.text(texts::REMOVED));
            let body = removed.as_deref().unwrap_or(&message.body);
            let key = entry.key.as_deref().unwrap_or(message.id.as_str());
            self.render_line(index, key, body, &message.created_at, state)?;
            is_seen &= !is_last(message);
            index += 1;
        }
        for (message, is_sending) in session.outgoing() {
            let state = if is_sending {
                State {
                    note: Some(texts::SENDING),
                    class: OWN,
                }
            } else {
                State {
                    note: Some(texts::UNSENT),
                    class: FAILED,
                }
            };
            sent_one |= self.render_line(index, &message.key, &message.body, "", state)?;
            index += 1;
        }
        for line in self.lines.drain(index..) {
            line.node.remove();
        }
        Ok(sent_one)
    }

    /// Puts a line at its place, and says whether it is new. A line stays the same node for as long
    /// as it lives: it would be announced again otherwise.
    pub(super) fn render_line(
        &mut self,
        index: usize,
        key: &str,
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
            line.text.set_text_content(Some(body));
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
            line.state = Some(state);
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
            time,
            status,
            body: String::new(),
            created_at: String::new(),
            state: None,
        })
    }
}

//! The list of a conversation, with what staff changed put in its place.

use crate::contract::Message;

/// What is on the page for one message.
#[derive(Debug)]
pub(super) struct Line<'a> {
    /// The entry that the line began with.
    pub(super) message: &'a Message,
    /// Its text by now.
    pub(super) body: &'a str,
    pub(super) edited: bool,
    pub(super) removed: bool,
}

pub(super) fn lines(messages: &[Message]) -> Vec<Line<'_>> {
    let mut lines: Vec<Line<'_>> = Vec::new();
    // Which line each entry belongs to: an edit may name an earlier edit.
    let mut line_of = std::collections::HashMap::new();
    for message in messages {
        let earlier = message.replaces.as_ref().and_then(|id| line_of.get(id));
        let index = match earlier.copied() {
            Some(index) => {
                let line: &mut Line<'_> = &mut lines[index];
                line.body = &message.body;
                line.removed = message.removed;
                line.edited = true;
                index
            }
            // Of a line that is not shown, a new text is a message and a removal is nothing.
            None if message.removed => continue,
            None => {
                lines.push(Line {
                    message,
                    body: &message.body,
                    edited: false,
                    removed: false,
                });
                lines.len() - 1
            }
        };
        line_of.insert(&message.id, index);
    }
    lines
}

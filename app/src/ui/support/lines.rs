//! The list of messages, in which edits and removals by staff take effect.

use crate::contract::Message;

/// A line of the list.
#[derive(Debug)]
pub(super) struct Line<'a> {
    /// The entry that began the line.
    pub(super) message: &'a Message,
    /// Its current text.
    pub(super) body: &'a str,
    pub(super) edited: bool,
    pub(super) removed: bool,
}

pub(super) fn lines(messages: &[Message]) -> Vec<Line<'_>> {
    let mut lines: Vec<Line<'_>> = Vec::new();
    // The line of each entry, since an edit may name an earlier edit.
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
            // If the original is not on the page, an edit is shown as a message, and a removal is
            // ignored.
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

//! An account's view of a room.

use serde_json::Value;

/// The meaning of an event for the oracle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// An `m.text`.
    Text,
    /// An `m.text` that answers this event, as the bot answers staff.
    Answer(String),
    /// An `m.notice` of the bot's own, for example a recap.
    Notice,
    /// A new text for this event.
    Edit(String),
    /// A message that was deleted.
    Deleted,
    /// The person in `body` has joined.
    Joined,
    Other,
}

/// An event of a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) id: String,
    pub(crate) kind: Kind,
    pub(crate) sender: String,
    pub(crate) body: String,
}

impl Event {
    pub(crate) fn new(event: &Value) -> Self {
        let text = |pointer: &str| {
            let value = event.pointer(pointer).and_then(Value::as_str);
            value.unwrap_or_default().to_owned()
        };
        let is_message = text("/type") == "m.room.message";
        let kind = if event.pointer("/unsigned/redacted_because").is_some() && is_message {
            Kind::Deleted
        } else if text("/type") == "m.room.member" && text("/content/membership") == "join" {
            Kind::Joined
        } else if is_message && text("/content/m.relates_to/rel_type") == "m.replace" {
            Kind::Edit(text("/content/m.relates_to/event_id"))
        } else {
            let answered = text("/content/m.relates_to/m.in_reply_to/event_id");
            match text("/content/msgtype").as_str() {
                "m.text" if is_message && !answered.is_empty() => Kind::Answer(answered),
                "m.text" if is_message => Kind::Text,
                "m.notice" if is_message => Kind::Notice,
                _ => Kind::Other,
            }
        };
        let body = match kind {
            Kind::Joined => text("/state_key"),
            Kind::Edit(_) => text("/content/m.new_content/body"),
            _ => text("/content/body"),
        };
        Self {
            id: text("/event_id"),
            kind,
            sender: text("/sender"),
            body,
        }
    }

    pub(crate) fn is_message(&self) -> bool {
        !matches!(self.kind, Kind::Joined | Kind::Other)
    }

    pub(crate) fn says(&self, text: &str) -> bool {
        self.kind == Kind::Text && self.body == text
    }

    /// How often a notice quotes this text, at the end of a line, after its author and time.
    pub(crate) fn quotes(&self, text: &str) -> usize {
        self.lines_that_quote(text).count()
    }

    /// The last line of a notice that quotes this text.
    pub(crate) fn quoted_at(&self, text: &str) -> Option<usize> {
        self.lines_that_quote(text).last()
    }

    fn lines_that_quote(&self, text: &str) -> impl Iterator<Item = usize> {
        let lines = (self.kind == Kind::Notice).then(|| self.body.lines());
        lines
            .into_iter()
            .flatten()
            .enumerate()
            .filter(move |(_, line)| {
                let line = line.trim_end().trim_end_matches(['”', '"']);
                line.strip_suffix(text)
                    .is_some_and(|before| !before.ends_with(char::is_alphanumeric))
            })
            .map(|(number, _)| number)
    }
}

/// The current text of this event in the room; `None` when it was deleted.
pub(crate) fn reads<'a>(events: &'a [Event], event_id: &str) -> Option<&'a str> {
    let original = events.iter().find(|event| event.id == event_id)?;
    if original.kind == Kind::Deleted {
        return None;
    }
    let mut edits = events.iter().filter(|event| {
        event.sender == original.sender && event.kind == Kind::Edit(event_id.to_owned())
    });
    Some(&edits.next_back().unwrap_or(original).body)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(id: &str, content: &Value) -> Event {
        Event::new(&json!({
            "type": "m.room.message", "event_id": id, "sender": "alice", "content": content,
        }))
    }

    #[test]
    fn a_text_is_quoted_by_a_line_that_ends_with_it() {
        let body = "text 1\n[12:00] Visitor: text 10\n> text 1\nlater: “text 1”\ncontext 1";
        let notice = event("$1", &json!({ "msgtype": "m.notice", "body": body }));
        assert_eq!(
            (notice.quotes("text 1"), notice.quoted_at("text 1")),
            (3, Some(3))
        );
        assert_eq!((notice.quotes("text 10"), notice.quotes("text")), (1, 0));
        let text = event("$1", &json!({ "msgtype": "m.text", "body": body }));
        assert_eq!(text.quotes("text 1"), 0);
    }

    #[test]
    fn an_answer_is_no_text_of_a_visitor() {
        let relation = json!({ "m.in_reply_to": { "event_id": "$0" } });
        let content = json!({ "msgtype": "m.text", "body": "x", "m.relates_to": relation });
        let answer = event("$1", &content);
        assert_eq!(answer.kind, Kind::Answer("$0".to_owned()));
        assert!(!answer.says("x"));
    }

    #[test]
    fn a_room_reads_the_newest_edit_and_nothing_of_what_was_deleted() {
        let edit = |id: &str, text: &str| {
            event(
                id,
                &json!({
                    "msgtype": "m.text", "body": "*", "m.new_content": { "body": text },
                    "m.relates_to": { "rel_type": "m.replace", "event_id": "$1" },
                }),
            )
        };
        let original = event("$1", &json!({ "msgtype": "m.text", "body": "old" }));
        let mut events = vec![original, edit("$2", "new"), edit("$3", "newest")];
        assert_eq!(reads(&events[..1], "$1"), Some("old"));
        assert_eq!(reads(&events, "$1"), Some("newest"));
        // A deleted edit has no effect.
        events[2].kind = Kind::Deleted;
        assert_eq!(reads(&events, "$1"), Some("new"));
        events[0].kind = Kind::Deleted;
        assert_eq!(reads(&events, "$1"), None);
    }
}

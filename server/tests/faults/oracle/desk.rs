//! The desk: there is one, with one line for each conversation.

use crate::room::{Event, Kind};

/// The desk as the bot sees it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Desk {
    /// What the bot has said there of its own, without edits and calls.
    lines: Vec<String>,
}

impl Desk {
    pub(crate) fn new(bot: &str, events: &[Event]) -> Self {
        let own = events.iter().filter(|event| {
            event.sender == bot && event.kind == Kind::Text && !event.body.starts_with("@room")
        });
        Self {
            lines: own.map(|event| event.body.clone()).collect(),
        }
    }

    /// How many lines lead to one of these rooms.
    pub(super) fn lines_to(&self, rooms: &[&str]) -> usize {
        let leads_there = |line: &&String| {
            let leads = |room: &&str| line.contains(&format!("https://matrix.to/#/{room}?via="));
            rooms.iter().any(leads)
        };
        self.lines.iter().filter(leads_there).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(sender: &str, kind: Kind, body: &str) -> Event {
        Event {
            id: String::new(),
            kind,
            sender: sender.to_owned(),
            body: body.to_owned(),
        }
    }

    #[test]
    fn a_line_is_a_text_of_the_bot_s_that_leads_to_a_room() {
        let line = "Waiting: Ada\nhttps://matrix.to/#/!a:x?via=x";
        let mut events = vec![
            said("bot", Kind::Text, line),
            said("bot", Kind::Edit("$1".to_owned()), line),
            said(
                "bot",
                Kind::Text,
                "@room Unanswered: https://matrix.to/#/!a:x?via=x",
            ),
            said("alice", Kind::Text, line),
            said(
                "bot",
                Kind::Text,
                "Waiting: Bea\nhttps://matrix.to/#/!ab:x?via=x",
            ),
        ];
        assert_eq!(Desk::new("bot", &events).lines_to(&["!a:x"]), 1);
        assert_eq!(Desk::new("bot", &events).lines_to(&["!c:x"]), 0);
        events.push(said("bot", Kind::Text, line));
        assert_eq!(Desk::new("bot", &events).lines_to(&["!a:x", "!ab:x"]), 3);
    }
}

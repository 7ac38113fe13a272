//! What is to be done about an event: its meaning, with the text as the visitor gets it, and for whom it is.

use std::collections::BTreeSet;

use crate::{
    command::Command,
    event::{Meaning, RoomEvent, Unshown},
    visible_text::{VisibleText, reply_without_fallback},
};

/// By what rules plans are made.
#[derive(Clone, Debug)]
pub struct Planner {
    bot: String,
    staff: BTreeSet<String>,
    visible_text: VisibleText,
}

/// What is to be done. What a text answers or replaces may be between staff, and then the text is, too: that is for
/// the caller to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Show a text.
    Show(String),
    /// Show a new text in place of an event's.
    Change {
        /// The event.
        of: String,
        /// The new text.
        text: String,
        /// The new text, if that event answers another and what is answered stands in front.
        text_of_reply: Option<String>,
    },
    /// Show nothing in place of an event's text, which stays: what is new cannot be shown, or is between staff.
    KeepUnchanged {
        /// The event.
        of: String,
        /// Why.
        why: Unchanged,
    },
    /// Take an event's text away.
    TakeAway(String),
    /// Tell someone who entered what was said before.
    Recap(String),
    /// See whether the room's new name, which may be empty, says whether the conversation has ended.
    CheckName(String),
    /// Show nothing: it is between staff.
    Internal,
    /// Carry out a command.
    Command(Command),
    /// Show nothing of a command that cannot be carried out.
    RefuseCommand(Refusal),
    /// Tell staff that the visitor is not shown this.
    TellNotShown(Unshown),
}

/// Why an edit changes nothing for the visitor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unchanged {
    /// The new text is between staff.
    Internal,
    /// The new text begins as a command does.
    Command,
    /// What is new is no text.
    NotShown,
}

/// Why a command is not carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It has to be a message of its own, and is in a reply or a thread.
    NotOfItsOwn,
    /// Whoever gave it is none of the configured staff.
    NotStaff,
}

impl Planner {
    /// A planner for the rooms of this bot, with these people as its staff.
    #[must_use]
    pub fn new(bot: &str, staff: impl IntoIterator<Item = String>) -> Self {
        Self {
            bot: bot.to_owned(),
            staff: staff.into_iter().collect(),
            visible_text: VisibleText::on_homeserver_of(bot),
        }
    }

    /// A text as a visitor may read it.
    #[must_use]
    pub fn visible(&self, text: &str) -> String {
        self.visible_text.of(text)
    }

    /// What is to be done about an event; `None` when it means nothing.
    #[must_use]
    pub fn step(&self, event: &RoomEvent) -> Option<Step> {
        let by_staff = self.staff.contains(&event.sender);
        Some(match event.meaning(&self.bot) {
            Meaning::Text(text) => self.show(event, &text, by_staff),
            Meaning::Edit { of, text } => self.change(event, of, &text),
            Meaning::EditToUnshown(of) => Step::KeepUnchanged {
                of,
                why: Unchanged::NotShown,
            },
            Meaning::Redaction(of) => Step::TakeAway(of),
            Meaning::Join(user_id) => Step::Recap(user_id),
            Meaning::Name(name) => Step::CheckName(name),
            Meaning::NotShown(unshown) => self.tell(event, unshown),
            Meaning::Notice if by_staff => self.tell(event, Unshown::Notice),
            Meaning::Other if by_staff => self.tell(event, Unshown::Other),
            Meaning::Notice | Meaning::Other | Meaning::Nothing => return None,
        })
    }

    /// Whether nothing is to be done about it.
    #[must_use]
    pub fn is_nothing(&self, event: &RoomEvent) -> bool {
        self.step(event).is_none()
    }

    fn show(&self, event: &RoomEvent, text: &str, by_staff: bool) -> Step {
        let in_thread = event.thread_root().is_some();
        match command(event, text) {
            Some(Command::Note) => Step::Internal,
            // Colleagues among themselves may begin a text as they like.
            Some(Command::Unknown) if in_thread => Step::Internal,
            Some(_) if in_thread || event.is_reply() => Step::RefuseCommand(Refusal::NotOfItsOwn),
            Some(_) if !by_staff => Step::RefuseCommand(Refusal::NotStaff),
            Some(command) => Step::Command(command),
            None if event.is_internal(&self.bot) => Step::Internal,
            None => Step::Show(self.visible(text)),
        }
    }

    fn change(&self, event: &RoomEvent, of: String, text: &str) -> Step {
        let text_of_reply = reply_without_fallback(text);
        let why = match command(event, text_of_reply.unwrap_or(text)) {
            Some(Command::Note) => Unchanged::Internal,
            Some(_) => Unchanged::Command,
            None if event.is_internal(&self.bot) => Unchanged::Internal,
            None => {
                return Step::Change {
                    of,
                    text: self.visible(text),
                    text_of_reply: text_of_reply.map(|text| self.visible(text)),
                };
            }
        };
        Step::KeepUnchanged { of, why }
    }

    /// What colleagues share among themselves is not worth a word each time. A call rings by mentioning the room.
    fn tell(&self, event: &RoomEvent, unshown: Unshown) -> Step {
        if event.is_internal(&self.bot) && unshown != Unshown::Call {
            return Step::Internal;
        }
        Step::TellNotShown(unshown)
    }
}

/// The command that a text is, as it was typed or as its markup reads.
fn command(event: &RoomEvent, text: &str) -> Option<Command> {
    let typed = event.typed();
    typed
        .as_deref()
        .and_then(Command::read)
        .or_else(|| Command::read(text))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn step(event_type: &str, content: &Value) -> Option<Step> {
        let planner = Planner::new("@supportbot:localhost", ["@alice:localhost".to_owned()]);
        let event = json!({
            "event_id": "$e", "type": event_type, "sender": "@alice:localhost", "origin_server_ts": 1, "content": content,
        });
        planner.step(&RoomEvent::from_json(&event.to_string()).unwrap())
    }

    #[test]
    fn a_link_that_has_a_colleague_in_it_mentions_nobody_and_is_shown_without_them() {
        for address in [
            "https://portal.example/?u=https://matrix.to/#/@alice:localhost",
            "https://portal.example/?u=https%3A%2F%2Fmatrix.to%2F%23%2F%40alice%3Alocalhost",
        ] {
            let html = format!("See <a href=\"{address}\">our page</a>");
            let content = json!({
                "msgtype": "m.text", "body": "See our page", "format": "org.matrix.custom.html", "formatted_body": html,
            });
            let shown = "See our page (https://portal.example/?u=…)".to_owned();
            assert_eq!(step("m.room.message", &content), Some(Step::Show(shown)));
        }
    }

    #[test]
    fn a_call_is_told_of_although_it_mentions_the_room_and_a_picture_with_a_mention_is_not() {
        let mentions = json!({ "room": true, "user_ids": [] });
        let call = json!({ "notification_type": "ring", "m.mentions": mentions });
        for event_type in ["m.call.notify", "org.matrix.msc4075.rtc.notification"] {
            let told = step(event_type, &call);
            assert_eq!(
                told,
                Some(Step::TellNotShown(Unshown::Call)),
                "{event_type}"
            );
        }
        let picture = json!({ "msgtype": "m.image", "body": "a.png", "m.mentions": mentions });
        assert_eq!(step("m.room.message", &picture), Some(Step::Internal));
    }
}

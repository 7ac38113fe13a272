//! Plans: what to do about an event, with the text for the visitor, and for whom it is.

use std::collections::BTreeSet;

use crate::{
    command::Command,
    event::{Meaning, RoomEvent, Unshown},
    visible_text::{VisibleText, is_blank, reply_without_fallback},
};

/// The rules for plans.
#[derive(Clone, Debug)]
pub struct Planner {
    bot: String,
    staff: BTreeSet<String>,
    visible_text: VisibleText,
}

/// A plan. The event that a text answers or replaces may be between staff, and then the text is, too; the caller knows
/// that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Show a text.
    Show(String),
    /// Show a new text in place of an event's text.
    Change {
        /// The event.
        of: String,
        /// The new text.
        text: String,
        /// The new text without its first part, if that event is a reply and the text begins with a quotation.
        text_of_reply: Option<String>,
    },
    /// Leave an event's text as it is, because the new one cannot be shown or is between staff.
    KeepUnchanged {
        /// The event.
        of: String,
        /// The reason.
        why: Unchanged,
    },
    /// Remove an event's text.
    TakeAway(String),
    /// Show a person who has joined what was said before.
    Recap(String),
    /// Check whether the room's new name, which may be empty, says whether the conversation has ended.
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
    /// The new text begins like a command.
    Command,
    /// The replacement is not text.
    NotShown,
}

/// Why a command is not carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It is in a reply or a thread, and has to be a message of its own.
    NotOfItsOwn,
    /// The sender is not configured as staff.
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

    /// The plan for an event; `None` when it means nothing.
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

    /// Whether there is nothing to do about the event.
    #[must_use]
    pub fn is_nothing(&self, event: &RoomEvent) -> bool {
        self.step(event).is_none()
    }

    fn show(&self, event: &RoomEvent, text: &str, by_staff: bool) -> Step {
        let in_thread = event.thread_root().is_some();
        let visible = self.visible(text);
        match command(event, text, &visible) {
            Some(Command::Note) => Step::Internal,
            Some(_) if event.is_emote() => Step::Internal,
            // Colleagues may begin a text to each other as they like.
            Some(Command::Unknown) if in_thread => Step::Internal,
            Some(_) if in_thread || event.is_reply() => Step::RefuseCommand(Refusal::NotOfItsOwn),
            _ if event.is_internal(&self.bot) => Step::Internal,
            Some(_) if !by_staff => Step::RefuseCommand(Refusal::NotStaff),
            Some(command) => Step::Command(command),
            None if is_blank(&visible) => self.tell(event, Unshown::Other),
            None => Step::Show(visible),
        }
    }

    fn change(&self, event: &RoomEvent, of: String, text: &str) -> Step {
        let text_of_reply = reply_without_fallback(text);
        let visible = self.visible(text);
        let visible_of_reply = text_of_reply.map(|text| self.visible(text));
        let shown = visible_of_reply.as_deref().unwrap_or(&visible);
        let why = match command(event, text_of_reply.unwrap_or(text), shown) {
            Some(Command::Note) => Unchanged::Internal,
            Some(_) => Unchanged::Command,
            None if event.is_internal(&self.bot) => Unchanged::Internal,
            None => {
                return Step::Change {
                    of,
                    text: visible,
                    text_of_reply: visible_of_reply,
                };
            }
        };
        Step::KeepUnchanged { of, why }
    }

    /// What colleagues share with each other needs no hint each time. A call rings by mentioning the room.
    fn tell(&self, event: &RoomEvent, unshown: Unshown) -> Step {
        if event.is_internal(&self.bot) && unshown != Unshown::Call {
            return Step::Internal;
        }
        Step::TellNotShown(unshown)
    }
}

/// The command in a text. It may be read as it was typed, as its markup reads, or as a visitor would see it. Only one that
/// reads the same everywhere may be carried out.
fn command(event: &RoomEvent, text: &str, visible: &str) -> Option<Command> {
    let read = Command::read(text).or_else(|| Command::read(visible));
    let Some(typed) = event.typed() else {
        return read;
    };
    match (Command::read(&typed), read) {
        (None, None) => None,
        (Some(Command::Note), _) | (_, Some(Command::Note)) => Some(Command::Note),
        (Some(typed), Some(read)) if typed == read => Some(typed),
        (Some(Command::Unknown), _) | (_, Some(Command::Unknown)) => Some(Command::Unknown),
        _ => Some(Command::Misused),
    }
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

    fn formatted(body: &str, html: &str) -> Value {
        json!({
            "msgtype": "m.text", "body": body, "format": "org.matrix.custom.html", "formatted_body": html,
        })
    }

    #[test]
    fn a_command_is_carried_out_only_if_everybody_reads_the_same() {
        let run = |command| Some(Step::Command(command));
        for (body, html, expected) in [
            ("!close", "<p>!Close</p>", run(Command::Close)),
            (
                "!r a  b",
                "<p>!r a b</p>",
                run(Command::Reply(Some("a b".into()))),
            ),
            ("!close", "do not !close", run(Command::Misused)),
            ("do not !close", "!close", run(Command::Misused)),
            ("!close", "!reopen", run(Command::Misused)),
            ("!block 7d", "!block 8d", run(Command::Misused)),
            ("!close", "!close <i>tomorrow</i>", run(Command::Misused)),
            ("!dance", "!close", run(Command::Unknown)),
            ("x", "!note secret", Some(Step::Internal)),
            ("x", "<p>\u{200b}!note secret</p>", Some(Step::Internal)),
            ("x", "&#x200b;\u{ff01}note secret", Some(Step::Internal)),
        ] {
            let planned = step("m.room.message", &formatted(body, html));
            assert_eq!(planned, expected, "{body} {html}");
        }
    }

    #[test]
    fn a_command_with_a_mention_and_one_in_an_emote_stay_between_staff() {
        let mention = |user: &str| {
            json!({
                "msgtype": "m.text", "body": "!close", "m.mentions": {"user_ids": [user]},
            })
        };
        let of_colleague = step("m.room.message", &mention("@bob:localhost"));
        assert_eq!(of_colleague, Some(Step::Internal));
        let of_bot = step("m.room.message", &mention("@supportbot:localhost"));
        assert_eq!(of_bot, Some(Step::Command(Command::Close)));
        for body in ["!close", "!note secret", "\u{feff}!close", "!dance"] {
            let emote = json!({ "msgtype": "m.emote", "body": body });
            let planned = step("m.room.message", &emote);
            assert_eq!(planned, Some(Step::Internal), "{body}");
        }
    }

    #[test]
    fn words_that_are_left_of_a_link_are_no_way_around_a_command() {
        let text = json!({
            "msgtype": "m.text", "body": "[!note secret](https://matrix.to/#/@bob:localhost)",
        });
        assert_eq!(step("m.room.message", &text), Some(Step::Internal));
    }

    #[test]
    fn an_emote_is_its_body() {
        let mut emote = formatted("waves", "<b>something else</b>");
        emote["msgtype"] = json!("m.emote");
        let planned = step("m.room.message", &emote);
        assert_eq!(planned, Some(Step::Show("waves".into())));
    }

    #[test]
    fn a_text_of_nothing_is_told_and_an_edit_to_nothing_is_kept() {
        for body in ["", "  \n", "\u{200b}\u{feff}", "\u{2800}", "\u{fe0f}"] {
            let text = json!({ "msgtype": "m.text", "body": body });
            let planned = step("m.room.message", &text);
            let told = Some(Step::TellNotShown(Unshown::Other));
            assert_eq!(planned, told, "{body:?}");
            let edit = json!({
                "msgtype": "m.text", "body": "* x", "m.new_content": text,
                "m.relates_to": {"rel_type": "m.replace", "event_id": "$of"},
            });
            let Some(Step::Change { text, .. }) = step("m.room.message", &edit) else {
                panic!("{body:?}");
            };
            assert!(is_blank(&text), "{body:?}");
        }
        let heart = json!({ "msgtype": "m.text", "body": "\u{2764}\u{fe0f}" });
        let shown = Some(Step::Show("\u{2764}\u{fe0f}".into()));
        assert_eq!(step("m.room.message", &heart), shown);
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

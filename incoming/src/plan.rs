//! What is to be done about an event: its meaning, with the text as the visitor gets it.

use crate::{
    event::{Meaning, RoomEvent},
    visible_text::{VisibleText, reply_without_fallback},
};

/// By what rules plans are made.
#[derive(Clone, Debug)]
pub struct Planner {
    bot: String,
    visible_text: VisibleText,
}

/// What is to be done.
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
    /// Take an event's text away.
    TakeAway(String),
    /// Tell someone who entered what was said before.
    Recap(String),
    /// Tell staff that the visitor is not shown this.
    TellNotShown,
}

impl Planner {
    /// A planner for the rooms of this bot.
    #[must_use]
    pub fn new(bot: &str) -> Self {
        Self {
            bot: bot.to_owned(),
            visible_text: VisibleText::on_homeserver_of(bot),
        }
    }

    /// What is to be done about an event; `None` when it means nothing.
    #[must_use]
    pub fn step(&self, event: &RoomEvent) -> Option<Step> {
        let visible = |text: &str| self.visible_text.of(text);
        Some(match event.meaning(&self.bot) {
            Meaning::Text(body) => Step::Show(visible(&body)),
            Meaning::Edit { of, text } => Step::Change {
                of,
                text: visible(&text),
                text_of_reply: reply_without_fallback(&text).map(visible),
            },
            Meaning::Redaction(of) => Step::TakeAway(of),
            Meaning::Join(user_id) => Step::Recap(user_id),
            Meaning::NotShown => Step::TellNotShown,
            Meaning::Nothing => return None,
        })
    }

    /// Whether nothing is to be done about it.
    #[must_use]
    pub fn is_nothing(&self, event: &RoomEvent) -> bool {
        event.meaning(&self.bot) == Meaning::Nothing
    }
}

//! The configuration of how events of the rooms are handled.

use incoming::plan::Planner;

use super::{desk::Counter, staff_texts::StaffTexts};
use crate::config::{CannedReplies, Config, HistoryVisibility};

/// The rules by which events are handled.
#[derive(Clone, Debug)]
pub(super) struct Rules {
    pub(super) bot: String,
    pub(super) planner: Planner,
    pub(super) history_visibility: HistoryVisibility,
    pub(super) session_ttl: std::time::Duration,
    /// Handles the commands in the desk.
    pub(super) counter: Counter,
    /// The texts in which staff are answered.
    pub(super) texts: &'static StaffTexts,
    pub(super) canned: CannedReplies,
    /// After how long replies are mailed that nobody has fetched, where they are.
    pub(super) mail_after: Option<std::time::Duration>,
}

impl Rules {
    /// The rules of this configuration.
    pub(super) fn new(config: &Config) -> Self {
        let matrix = &config.matrix;
        Self {
            bot: matrix.bot.to_string(),
            planner: Planner::new(
                matrix.bot.as_str(),
                matrix.staff.iter().map(ToString::to_string),
            ),
            history_visibility: matrix.history_visibility,
            session_ttl: config.limits.session_ttl,
            counter: Counter::new(config),
            texts: StaffTexts::of(matrix.answers.language),
            canned: matrix.answers.canned.clone(),
            mail_after: config.mail.as_ref().map(|mail| mail.after),
        }
    }
}

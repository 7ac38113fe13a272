//! The configuration of how events of the rooms are handled.

use incoming::plan::Planner;

use super::desk::CommandHandler;
use crate::{
    config::{CannedReplies, Config, HistoryVisibility},
    staff_texts::StaffTexts,
};

/// The rules by which events are handled.
#[derive(Clone, Debug)]
pub(super) struct Rules {
    pub(super) bot: String,
    /// The account that stays in archived rooms, and reads nothing.
    pub(super) archivist: Option<String>,
    pub(super) planner: Planner,
    pub(super) history_visibility: HistoryVisibility,
    pub(super) session_ttl: std::time::Duration,
    /// Handles the commands in the desk.
    pub(super) commands: CommandHandler,
    /// The texts in which staff are answered.
    pub(super) texts: &'static StaffTexts,
    pub(super) canned: CannedReplies,
    /// The time after which unfetched replies are mailed, if they are.
    pub(super) mail_after: Option<std::time::Duration>,
}

impl Rules {
    /// The rules of this configuration.
    pub(super) fn new(config: &Config) -> Self {
        let matrix = &config.matrix;
        Self {
            bot: matrix.bot.to_string(),
            archivist: config
                .archive
                .archivist
                .as_ref()
                .map(|archivist| archivist.user_id.to_string()),
            planner: Planner::new(
                matrix.bot.as_str(),
                matrix.staff.iter().map(ToString::to_string),
            ),
            history_visibility: matrix.history_visibility,
            session_ttl: config.limits.session_ttl,
            commands: CommandHandler::new(config),
            texts: StaffTexts::of(matrix.answers.language),
            canned: matrix.answers.canned.clone(),
            mail_after: config.mail.as_ref().map(|mail| mail.after),
        }
    }
}

//! The configuration of how events of the rooms are handled.

use incoming::plan::Planner;

use super::desk::Counter;
use crate::{
    config::{CannedReplies, HistoryVisibility},
    staff_texts::StaffTexts,
};

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

//! The configuration by which events of the rooms are taken in.

use incoming::plan::Planner;

use super::{desk::Counter, staff_texts::StaffTexts};
use crate::config::{CannedReplies, HistoryVisibility};

/// By what rules events are taken in.
#[derive(Clone, Debug)]
pub(super) struct Rules {
    pub(super) bot: String,
    pub(super) planner: Planner,
    pub(super) history_visibility: HistoryVisibility,
    pub(super) session_ttl: std::time::Duration,
    /// By which commands in the desk are.
    pub(super) counter: Counter,
    /// In which words staff are answered.
    pub(super) texts: &'static StaffTexts,
    pub(super) canned: CannedReplies,
}

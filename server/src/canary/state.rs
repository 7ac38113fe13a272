//! What the canary remembers from one run to the next.

use std::{fs, io, io::Write, os::unix::fs::OpenOptionsExt, path::Path};

use app::contract::SessionId;
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

/// A conversation is replaced by a new one after this time, so that making rooms is tested as well.
const LONGEST: TimeDelta = TimeDelta::days(1);
/// After a failure it is replaced sooner, because the conversation may be what is broken.
const LONGEST_AFTER_FAILURE: TimeDelta = TimeDelta::hours(1);

#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct State {
    pub(super) conversation: Option<Conversation>,
    /// Whether the last run failed.
    pub(super) failed: bool,
    /// In seconds since the Unix epoch.
    pub(super) last_success: Option<i64>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Conversation {
    pub(super) session_id: SessionId,
    pub(super) token: String,
    pub(super) began: DateTime<Utc>,
    /// The room, once the account has joined it.
    pub(super) room_id: Option<String>,
}

impl State {
    /// Reads the state; without a file, or with one that cannot be read, the state is empty.
    pub(super) fn load(path: &Path) -> Self {
        let text = fs::read_to_string(path).unwrap_or_default();
        serde_json::from_str(&text).unwrap_or_default()
    }

    /// Writes the state to a file that only its owner can read, since it contains a token.
    pub(super) fn save(&self, path: &Path) -> io::Result<()> {
        let beside = path.with_extension("tmp");
        let _ = fs::remove_file(&beside);
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&beside)?;
        file.write_all(serde_json::to_string(self)?.as_bytes())?;
        fs::rename(beside, path)
    }

    /// Takes the conversation out if it has lasted long enough.
    pub(super) fn take_worn_out(&mut self, now: DateTime<Utc>) -> Option<Conversation> {
        let longest = if self.failed {
            LONGEST_AFTER_FAILURE
        } else {
            LONGEST
        };
        self.conversation.take_if(|it| now - it.began > longest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conversation_lasts_a_day_and_a_broken_one_an_hour() {
        let now = Utc::now();
        let is_worn_out = |hours, failed| {
            let mut state = State {
                conversation: Some(Conversation {
                    session_id: String::new().into(),
                    token: String::new(),
                    began: now - TimeDelta::hours(hours),
                    room_id: None,
                }),
                failed,
                last_success: None,
            };
            let taken = state.take_worn_out(now).is_some();
            assert_ne!(taken, state.conversation.is_some());
            taken
        };
        assert!(!is_worn_out(23, false) && is_worn_out(25, false));
        assert!(!is_worn_out(0, true) && is_worn_out(2, true));
    }
}

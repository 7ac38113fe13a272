//! Decides when lines are edited. Each edit is an event that the homeserver stores and sends to all
//! staff. A change that would mislead staff if they did not see it, such as a first answer or an
//! end, is shown within seconds. Other changes wait for up to a few minutes, so that one edit
//! covers several of them. No change is lost: the last edit of a line always shows how the
//! conversation stands.

use std::{collections::HashMap, time::Duration};

use tokio::time::Instant;
use uuid::Uuid;

/// The desk counts as busy when more conversations than this began within the last hour.
const BUSY: usize = 40;
/// How long a change waits, so that the next one can share its edit.
const QUICK: Duration = Duration::from_secs(5);
/// The same for changes that are not urgent while the desk is busy.
const SLOW: Duration = Duration::from_mins(2);
/// The minimum time between two edits of a line that are not urgent. It doubles with each edit.
const GAP: Duration = Duration::from_mins(1);
const LONGEST_GAP: Duration = Duration::from_mins(5);
/// The wait after a failed edit.
const RETRY: Duration = Duration::from_secs(10);

/// How a conversation has changed since its line was last edited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// Staff have answered for the first time.
    FirstAnswer,
    /// The visitor waits again.
    Waiting,
    /// Staff have answered again.
    Answer,
    /// The conversation is over.
    Over,
    /// The conversation has resumed, although its line says that it is over.
    Resumed,
}

/// A change that the line does not show yet.
#[derive(Clone, Copy, Debug)]
struct Pending {
    since: Instant,
    change: Change,
}

/// The edits of a line so far.
#[derive(Clone, Copy, Debug)]
struct Edited {
    last: Instant,
    times: u32,
    /// The state that the line has shown since the last edit.
    shows: Change,
}

/// The edits that are pending. They are kept in memory only, because the conversations in Postgres
/// say what each line has to show, and since when.
#[derive(Debug, Default)]
pub(super) struct Pace {
    pending: HashMap<Uuid, Pending>,
    edited: HashMap<Uuid, Edited>,
    put_off: HashMap<Uuid, Instant>,
    is_busy: bool,
}

impl Pace {
    /// Records how many conversations began within the last hour.
    pub(super) fn begun(&mut self, conversations: usize) {
        self.is_busy = conversations > BUSY;
    }

    /// Records that a line has been out of date for as long as `ago`.
    pub(super) fn differs(&mut self, id: Uuid, change: Change, ago: Duration, now: Instant) {
        let since = now.checked_sub(ago).unwrap_or(now);
        let pending = Pending { since, change };
        self.pending.entry(id).or_insert(pending).change = change;
    }

    /// Records that a line is up to date.
    pub(super) fn agrees(&mut self, id: Uuid) {
        self.pending.remove(&id);
        self.put_off.remove(&id);
    }

    /// The lines to edit now. The one that has been out of date longest comes first.
    pub(super) fn due(&self, now: Instant) -> Vec<Uuid> {
        let due = self.pending.iter().filter(|(id, pending)| {
            let edited = self.edited.get(id);
            let shows_waiting = edited.is_some_and(|it| it.shows == Change::Waiting);
            let is_urgent = match pending.change {
                Change::FirstAnswer | Change::Over | Change::Resumed => true,
                // A line that says that the visitor waits would make others answer, too.
                Change::Answer => shows_waiting,
                Change::Waiting => false,
            };
            let delay = if self.is_busy && !is_urgent {
                SLOW
            } else {
                QUICK
            };
            let gap_ends = edited
                .filter(|_| !is_urgent)
                .map(|edited| edited.last + gap(edited.times));
            now >= pending.since + delay
                && gap_ends.is_none_or(|ends| now >= ends)
                && self.put_off.get(id).is_none_or(|until| now >= *until)
        });
        let mut due: Vec<_> = due.map(|(id, pending)| (pending.since, *id)).collect();
        due.sort_unstable();
        due.into_iter().map(|(_, id)| id).collect()
    }

    /// Records that a line was edited.
    pub(super) fn edited(&mut self, id: Uuid, now: Instant) {
        let change = self.pending.remove(&id).map(|was| was.change);
        self.put_off.remove(&id);
        if change == Some(Change::Over) {
            self.edited.remove(&id);
            return;
        }
        let times = self.edited.get(&id).map_or(0, |edited| edited.times);
        let edited = Edited {
            last: now,
            times: times + 1,
            shows: change.unwrap_or(Change::Answer),
        };
        self.edited.insert(id, edited);
    }

    /// Forgets a line whose conversation no longer exists.
    pub(super) fn forget(&mut self, id: Uuid) {
        self.agrees(id);
        self.edited.remove(&id);
    }

    /// Records that the edit of a line failed.
    pub(super) fn failed(&mut self, id: Uuid, now: Instant) {
        self.put_off.insert(id, now + RETRY);
    }
}

fn gap(edits: u32) -> Duration {
    let factor = 2_u32.saturating_pow(edits.saturating_sub(1));
    GAP.saturating_mul(factor).min(LONGEST_GAP)
}

#[cfg(test)]
mod tests;

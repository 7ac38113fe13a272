//! When lines are edited. Each edit is an event that the homeserver stores and tells all staff of. What would lead staff
//! astray, a visitor who waits or has left where the line says otherwise, is shown within seconds. The rest takes its time, a
//! few minutes at most, so that one edit takes the place of several. Nothing is left out: the last edit of a line always
//! shows how the conversation stands.

use std::{collections::HashMap, time::Duration};

use tokio::time::Instant;
use uuid::Uuid;

/// So many conversations in an hour make it a busy one.
const BUSY: usize = 40;
/// How long a change waits for the next.
const QUICK: Duration = Duration::from_secs(5);
/// The same while it is busy, where the change is not urgent.
const SLOW: Duration = Duration::from_mins(2);
/// The least time between two edits of a line that are not urgent; doubled with each edit.
const GAP: Duration = Duration::from_mins(1);
const LONGEST_GAP: Duration = Duration::from_mins(5);
/// How long an edit waits that failed.
const RETRY: Duration = Duration::from_secs(10);

/// How a conversation stands that its line does not show yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// Staff have answered for the first time.
    FirstAnswer,
    /// The visitor waits again.
    Waiting,
    /// Somebody of the staff has answered again.
    Answer,
    /// The conversation is over.
    Over,
    /// The conversation goes on that the line calls over.
    GoesOn,
}

/// A line that does not show what it has to.
#[derive(Clone, Copy, Debug)]
struct Pending {
    since: Instant,
    change: Change,
}

/// A line that was edited.
#[derive(Clone, Copy, Debug)]
struct Edited {
    last: Instant,
    times: u32,
    /// What it shows since then.
    shows: Change,
}

/// The edits that are to come. It is kept in memory alone: what a line has to show, and since when, is read from the
/// conversation.
#[derive(Debug, Default)]
pub(super) struct Pace {
    pending: HashMap<Uuid, Pending>,
    edited: HashMap<Uuid, Edited>,
    put_off: HashMap<Uuid, Instant>,
    is_busy: bool,
}

impl Pace {
    /// So many conversations have begun within the last hour.
    pub(super) fn begun(&mut self, conversations: usize) {
        self.is_busy = conversations > BUSY;
    }

    /// A line does not show what it has to, since so long `ago`.
    pub(super) fn differs(&mut self, id: Uuid, change: Change, ago: Duration, now: Instant) {
        let since = now.checked_sub(ago).unwrap_or(now);
        let pending = Pending { since, change };
        self.pending.entry(id).or_insert(pending).change = change;
    }

    /// A line shows what it has to.
    pub(super) fn agrees(&mut self, id: Uuid) {
        self.pending.remove(&id);
        self.put_off.remove(&id);
    }

    /// The lines that are to be edited now: first the one that has been wrong for the longest time.
    pub(super) fn due(&self, now: Instant) -> Vec<Uuid> {
        let due = self.pending.iter().filter(|(id, pending)| {
            let edited = self.edited.get(id);
            let shows_waiting = edited.is_some_and(|it| it.shows == Change::Waiting);
            let is_urgent = match pending.change {
                Change::FirstAnswer | Change::Over | Change::GoesOn => true,
                // Whoever reads that the visitor waits answers, too.
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

    /// A line was edited.
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

    /// There is nothing to show any more, or no line to show it.
    pub(super) fn forget(&mut self, id: Uuid) {
        self.agrees(id);
        self.edited.remove(&id);
    }

    /// The edit of a line failed.
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

//! When lines are edited. Each edit is an event that the homeserver stores and tells all staff of, so what changes
//! soon again is not shown in between, and on a busy day, of a conversation that is short, only its end is.

use std::{collections::HashMap, time::Duration};

use tokio::time::Instant;
use uuid::Uuid;

/// So many conversations in an hour make it a busy one.
const BUSY: usize = 10;
/// How long a change waits for the next.
const QUICK: Duration = Duration::from_secs(5);
/// The same while it is busy, unless the conversation is over.
const SLOW: Duration = Duration::from_mins(10);
/// The least time between two edits of a line; doubled with each edit.
const GAP: Duration = Duration::from_mins(1);
const LONGEST_GAP: Duration = Duration::from_mins(15);
/// How long an edit waits that failed.
const RETRY: Duration = Duration::from_secs(10);

/// A line that does not show what it has to.
#[derive(Clone, Copy, Debug)]
struct Pending {
    since: Instant,
    /// Its conversation is over.
    is_over: bool,
}

/// A line that was edited.
#[derive(Clone, Copy, Debug)]
struct Edited {
    last: Instant,
    times: u32,
}

/// The edits that are to come. It is kept in memory alone: what a line has to show is read from the conversation.
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

    /// A line does not show what it has to.
    pub(super) fn differs(&mut self, id: Uuid, is_over: bool, now: Instant) {
        let pending = Pending {
            since: now,
            is_over,
        };
        self.pending.entry(id).or_insert(pending).is_over = is_over;
    }

    /// A line shows what it has to.
    pub(super) fn agrees(&mut self, id: Uuid) {
        self.pending.remove(&id);
        self.put_off.remove(&id);
    }

    /// The lines that are to be edited now.
    pub(super) fn due(&self, now: Instant) -> Vec<Uuid> {
        let due = self.pending.iter().filter(|(id, pending)| {
            let delay = if self.is_busy && !pending.is_over {
                SLOW
            } else {
                QUICK
            };
            let gap_ends = self
                .edited
                .get(id)
                .filter(|_| !pending.is_over)
                .map(|edited| edited.last + gap(edited.times));
            now >= pending.since + delay
                && gap_ends.is_none_or(|ends| now >= ends)
                && self.put_off.get(id).is_none_or(|until| now >= *until)
        });
        due.map(|(id, _)| *id).collect()
    }

    /// A line was edited.
    pub(super) fn edited(&mut self, id: Uuid, now: Instant) {
        let was_over = self.pending.remove(&id).is_some_and(|was| was.is_over);
        self.put_off.remove(&id);
        if was_over {
            self.edited.remove(&id);
            return;
        }
        let edited = self.edited.entry(id).or_insert(Edited {
            last: now,
            times: 0,
        });
        edited.last = now;
        edited.times += 1;
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
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// Does what the desk does each second, for this long; answers with when the line was edited.
    fn seconds_of_edits(
        pace: &mut Pace,
        id: Uuid,
        seconds: u32,
        differs: impl Fn(u32) -> Option<bool>,
    ) -> Vec<u32> {
        let begin = Instant::now();
        let mut edits = Vec::new();
        for second in 0..seconds {
            let now = begin + SECOND * second;
            match differs(second) {
                Some(is_over) => pace.differs(id, is_over, now),
                None => pace.agrees(id),
            }
            if pace.due(now).contains(&id) {
                pace.edited(id, now);
                edits.push(second);
            }
        }
        edits
    }

    #[test]
    fn what_changes_back_at_once_is_not_shown() {
        let mut pace = Pace::default();
        let edits = seconds_of_edits(&mut pace, Uuid::nil(), 60, |second| {
            (second % 5 != 0).then_some(false)
        });
        assert_eq!(edits, Vec::<u32>::new());
    }

    #[test]
    fn a_change_is_shown_soon_and_each_further_one_later() {
        let mut pace = Pace::default();
        let edits = seconds_of_edits(&mut pace, Uuid::nil(), 3_600, |_| Some(false));
        assert_eq!(edits[..4], [5, 65, 185, 425]);
        assert!(edits.len() <= 9, "{edits:?}");
    }

    #[test]
    fn an_end_does_not_wait_for_a_busy_hour_or_for_the_edit_before() {
        let mut pace = Pace::default();
        pace.begun(BUSY + 1);
        let edits = seconds_of_edits(&mut pace, Uuid::nil(), 30, |second| Some(second > 10));
        assert_eq!(
            edits[0], 11,
            "it has differed for longer than a change waits"
        );
    }

    #[test]
    fn one_that_failed_waits_and_keeps_no_other_waiting() {
        let (mut pace, now) = (Pace::default(), Instant::now());
        let [first, second] = [Uuid::from_u128(1), Uuid::from_u128(2)];
        pace.differs(first, false, now);
        pace.differs(second, false, now);
        let then = now + QUICK;
        pace.failed(first, then);
        assert_eq!(pace.due(then), [second]);
        assert_eq!(pace.due(then + RETRY).len(), 2);
    }

    /// What a conversation costs the homeserver by itself: eight events when the room is made, an invitation and a
    /// joining of each of three members of the staff and what each of them has missed, the details, 24 texts, and the
    /// name when it has ended.
    const EVENTS_OF_A_CONVERSATION: usize = 8 + 3 * 3 + 1 + 24 + 1;

    /// A day of ten hours. Each visitor waits for a minute for an answer, talks for ten minutes, and leaves.
    fn events_of_a_day(conversations: u32) -> usize {
        let begin = Instant::now();
        let mut pace = Pace::default();
        let every = 36_000 / conversations;
        let mut events = 0;
        for second in 0..36_000 + 900 {
            let now = begin + SECOND * second;
            let start = |n: u32| n * every;
            let lately =
                (0..conversations).filter(|n| start(*n) <= second && start(*n) + 3_600 > second);
            pace.begun(lately.count());
            // Those that began within the last quarter of an hour.
            let first = second.saturating_sub(900).div_ceil(every);
            for n in first..conversations {
                let Some(age) = second.checked_sub(start(n)) else {
                    break;
                };
                let id = Uuid::from_u128(n.into());
                match age {
                    0 => events += 1,
                    60 => pace.differs(id, false, now),
                    660 => pace.differs(id, true, now),
                    _ => {}
                }
            }
            for id in pace.due(now) {
                pace.edited(id, now);
                events += 1;
            }
        }
        events
    }

    #[test]
    fn a_busy_day_costs_less_than_a_twentieth_of_what_the_conversations_cost() {
        let events = events_of_a_day(500);
        assert!(
            events >= 1_000,
            "each line is there and true at the end: {events}"
        );
        let conversations = 500 * EVENTS_OF_A_CONVERSATION;
        assert!(
            events * 20 < conversations,
            "{events} beside {conversations}"
        );
    }

    #[test]
    fn on_a_quiet_day_each_answer_is_shown() {
        assert_eq!(events_of_a_day(50), 3 * 50);
    }
}

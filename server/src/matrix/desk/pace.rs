//! When lines are edited. Each edit is an event that the homeserver stores and tells all staff of. An answer to a
//! visitor who waits is shown within seconds, so that two people do not answer the same visitor. What changes soon again
//! is not shown in between, and in a busy hour the end of a short conversation is not shown once its answer is.

use std::{collections::HashMap, time::Duration};

use tokio::time::Instant;
use uuid::Uuid;

/// So many conversations in an hour make it a busy one.
const BUSY: usize = 40;
/// A conversation in which staff's last text is at least the so-manieth has some 60 events with those of the room itself,
/// so that three events at the desk are less than a twentieth of them.
const LONG: i64 = 42;
/// How long a change waits for the next.
const QUICK: Duration = Duration::from_secs(5);
/// The same while it is busy, where the change is not urgent.
const SLOW: Duration = Duration::from_mins(10);
/// The least time between two edits of a line that are not urgent; doubled with each edit.
const GAP: Duration = Duration::from_mins(1);
const LONGEST_GAP: Duration = Duration::from_mins(15);
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

    /// Whether the end of a conversation is not worth an edit: its line shows who answered last, which stays true, and
    /// the conversation was short. `answered` is the place of staff's last text among all texts.
    pub(super) const fn leaves_end_out(&self, shows_last_answer: bool, answered: i64) -> bool {
        self.is_busy && shows_last_answer && answered < LONG
    }

    /// A line does not show what it has to.
    pub(super) fn differs(&mut self, id: Uuid, change: Change, now: Instant) {
        let pending = Pending { since: now, change };
        self.pending.entry(id).or_insert(pending).change = change;
    }

    /// A line shows what it has to.
    pub(super) fn agrees(&mut self, id: Uuid) {
        self.pending.remove(&id);
        self.put_off.remove(&id);
    }

    /// The lines that are to be edited now.
    pub(super) fn due(&self, now: Instant) -> Vec<Uuid> {
        let due = self.pending.iter().filter(|(id, pending)| {
            let edited = self.edited.get(id);
            let shows_waiting = edited.is_some_and(|it| it.shows == Change::Waiting);
            let is_urgent = match pending.change {
                Change::FirstAnswer | Change::Over => true,
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
        due.map(|(id, _)| *id).collect()
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

    /// A conversation is over, and its line stays as it is.
    pub(super) fn left_as_it_is(&mut self, id: Uuid) {
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
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// Does what the desk does each second, for this long; answers with when the line was edited.
    fn seconds_of_edits(
        pace: &mut Pace,
        id: Uuid,
        seconds: u32,
        differs: impl Fn(u32) -> Option<Change>,
    ) -> Vec<u32> {
        let begin = Instant::now();
        let mut edits = Vec::new();
        let mut shown = None;
        for second in 0..seconds {
            let now = begin + SECOND * second;
            match differs(second) {
                Some(change) if shown != Some(change) => pace.differs(id, change, now),
                _ => pace.agrees(id),
            }
            if pace.due(now).contains(&id) {
                pace.edited(id, now);
                edits.push(second);
                shown = differs(second);
            }
        }
        edits
    }

    fn busy() -> Pace {
        let mut pace = Pace::default();
        pace.begun(BUSY + 1);
        pace
    }

    #[test]
    fn what_changes_back_at_once_is_not_shown() {
        for change in [Change::FirstAnswer, Change::Waiting] {
            let mut pace = Pace::default();
            let edits = seconds_of_edits(&mut pace, Uuid::nil(), 60, |second| {
                (second % 5 != 0).then_some(change)
            });
            assert_eq!(edits, Vec::<u32>::new());
        }
    }

    #[test]
    fn a_change_is_shown_soon_and_each_further_one_later() {
        let (mut pace, begin) = (Pace::default(), Instant::now());
        let mut edits = Vec::new();
        for second in 0..3_600 {
            let now = begin + SECOND * second;
            pace.differs(Uuid::nil(), Change::Answer, now);
            if !pace.due(now).is_empty() {
                pace.edited(Uuid::nil(), now);
                edits.push(second);
            }
        }
        assert_eq!(edits[..4], [5, 65, 185, 425]);
        assert!(edits.len() <= 9, "{edits:?}");
    }

    #[test]
    fn an_answer_to_a_visitor_who_waits_is_shown_within_seconds_however_busy_it_is() {
        for (mut pace, again) in [(Pace::default(), 70), (busy(), 640)] {
            let stands = |second: u32| match second {
                0..10 => None,
                10..40 => Some(Change::FirstAnswer),
                40..1_000 => Some(Change::Waiting),
                _ => Some(Change::Answer),
            };
            let edits = seconds_of_edits(&mut pace, Uuid::nil(), 1_100, stands);
            assert_eq!(edits[0], 15, "{edits:?}");
            assert!(edits[1] >= again, "waiting again is not urgent: {edits:?}");
            assert_eq!(edits[2..], [1_005], "{edits:?}");
        }
    }

    #[test]
    fn a_colleague_s_answer_waits_in_a_busy_hour() {
        let edits = seconds_of_edits(&mut busy(), Uuid::nil(), 800, |_| Some(Change::Answer));
        assert_eq!(edits, [600]);
    }

    #[test]
    fn an_end_does_not_wait_for_a_busy_hour_or_for_the_edit_before() {
        let mut pace = busy();
        let edits = seconds_of_edits(&mut pace, Uuid::nil(), 60, |second| match second {
            0..20 => Some(Change::FirstAnswer),
            _ => Some(Change::Over),
        });
        assert_eq!(edits, [5, 25]);
    }

    #[test]
    fn an_end_is_left_out_only_where_it_is_busy_and_the_line_shows_the_answer_and_is_short() {
        assert!(busy().leaves_end_out(true, LONG - 1));
        assert!(!busy().leaves_end_out(true, LONG));
        assert!(!busy().leaves_end_out(false, 0));
        assert!(!Pace::default().leaves_end_out(true, 1));
    }

    #[test]
    fn one_that_failed_waits_and_keeps_no_other_waiting() {
        let (mut pace, now) = (Pace::default(), Instant::now());
        let [first, second] = [Uuid::from_u128(1), Uuid::from_u128(2)];
        pace.differs(first, Change::Answer, now);
        pace.differs(second, Change::Answer, now);
        let then = now + QUICK;
        pace.failed(first, then);
        assert_eq!(pace.due(then), [second]);
        assert_eq!(pace.due(then + RETRY).len(), 2);
    }

    /// What a conversation costs the homeserver by itself without its texts: eight events when the room is made, an
    /// invitation and a joining of each of three members of the staff and what each of them has missed, the details, and
    /// the name when it has ended.
    const EVENTS_OF_A_ROOM: usize = 8 + 3 * 3 + 1 + 1;

    /// What a day cost.
    #[derive(Debug, Default)]
    struct Day {
        lines: usize,
        answers: usize,
        ends: usize,
        /// How long a line said that a visitor waits who was answered.
        latest_answer: u32,
    }

    impl Day {
        const fn events(&self) -> usize {
            self.lines + self.answers + self.ends
        }
    }

    /// A day of ten hours. Each visitor waits for a minute for an answer, talks for ten minutes until there are so many
    /// texts, and leaves.
    fn day(conversations: u32, texts: i64) -> Day {
        const ANSWERED: u32 = 60;
        const ENDS: u32 = 660;
        let begin = Instant::now();
        let mut pace = Pace::default();
        let every = 36_000 / conversations;
        let mut day = Day::default();
        for second in 0..36_000 + 7_200 {
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
                    0 => day.lines += 1,
                    ANSWERED => pace.differs(id, Change::FirstAnswer, now),
                    ENDS if pace.leaves_end_out(true, texts) => pace.left_as_it_is(id),
                    ENDS => pace.differs(id, Change::Over, now),
                    _ => {}
                }
            }
            for id in pace.due(now) {
                let n = u32::try_from(id.as_u128()).unwrap();
                let age = second - start(n);
                if age < ENDS {
                    day.answers += 1;
                    day.latest_answer = day.latest_answer.max(age - ANSWERED);
                } else {
                    day.ends += 1;
                }
                pace.edited(id, now);
            }
        }
        day
    }

    #[test]
    fn a_busy_day_shows_each_answer_at_once_and_costs_less_than_a_twentieth() {
        for (texts, shows_all_ends) in [(24, false), (41, false), (42, true), (80, true)] {
            let day = day(500, texts);
            assert_eq!((day.lines, day.answers), (500, 500), "{day:?}");
            assert!(day.latest_answer <= 5, "{day:?}");
            assert_eq!(day.ends == 500, shows_all_ends, "{day:?}");
            let texts = usize::try_from(texts).unwrap();
            let conversations = 500 * (EVENTS_OF_A_ROOM + texts);
            assert!(
                day.events() * 20 < conversations,
                "{day:?} beside {conversations}"
            );
        }
    }

    #[test]
    fn on_a_quiet_day_each_answer_and_each_end_is_shown() {
        let day = day(50, 4);
        assert_eq!((day.lines, day.answers, day.ends), (50, 50, 50), "{day:?}");
    }
}

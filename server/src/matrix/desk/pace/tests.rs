use proptest::prelude::*;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

/// Simulates the desk second by second for this long. Returns when the line was edited, and what it
/// showed from then on.
fn edits(
    pace: &mut Pace,
    seconds: u32,
    stands: impl Fn(u32) -> Option<Change>,
) -> Vec<(u32, Option<Change>)> {
    let (id, begin) = (Uuid::nil(), Instant::now());
    let mut edits = Vec::new();
    let mut shown = None;
    for second in 0..seconds {
        let now = begin + SECOND * second;
        match stands(second) {
            change if shown == change => pace.agrees(id),
            Some(change) => pace.differs(id, change, Duration::ZERO, now),
            None => pace.agrees(id),
        }
        if pace.due(now).contains(&id) {
            pace.edited(id, now);
            shown = stands(second);
            edits.push((second, shown));
        }
    }
    edits
}

fn seconds_of_edits(
    pace: &mut Pace,
    seconds: u32,
    stands: impl Fn(u32) -> Option<Change>,
) -> Vec<u32> {
    let edits = edits(pace, seconds, stands);
    edits.into_iter().map(|(second, _)| second).collect()
}

fn busy() -> Pace {
    let mut pace = Pace::default();
    pace.begun(BUSY + 1);
    pace
}

#[test]
fn what_changes_back_at_once_is_not_shown() {
    for change in [Change::FirstAnswer, Change::Waiting, Change::Over] {
        let mut pace = Pace::default();
        let edits = seconds_of_edits(&mut pace, 60, |second| (second % 5 != 0).then_some(change));
        assert_eq!(edits, Vec::<u32>::new());
    }
}

#[test]
fn a_change_is_shown_soon_and_each_further_one_later() {
    let (mut pace, begin) = (Pace::default(), Instant::now());
    let mut edits = Vec::new();
    for second in 0..3_600 {
        let now = begin + SECOND * second;
        pace.differs(Uuid::nil(), Change::Answer, Duration::ZERO, now);
        if !pace.due(now).is_empty() {
            pace.edited(Uuid::nil(), now);
            edits.push(second);
        }
    }
    assert_eq!(edits[..6], [5, 65, 185, 425, 725, 1_025]);
    assert!(edits.len() <= 15, "{edits:?}");
}

#[test]
fn an_answer_to_a_visitor_who_waits_is_shown_within_seconds_however_busy_it_is() {
    for (mut pace, again) in [(Pace::default(), 75), (busy(), 160)] {
        let stands = |second: u32| match second {
            0..10 => None,
            10..40 => Some(Change::FirstAnswer),
            40..1_000 => Some(Change::Waiting),
            _ => Some(Change::Answer),
        };
        let edits = seconds_of_edits(&mut pace, 1_100, stands);
        assert_eq!(edits, [15, again, 1_005], "waiting again is not urgent");
    }
}

#[test]
fn a_colleague_s_answer_waits_in_a_busy_hour() {
    let edits = seconds_of_edits(&mut busy(), 800, |_| Some(Change::Answer));
    assert_eq!(edits, [120]);
}

#[test]
fn an_end_and_a_chat_that_goes_on_wait_neither_for_a_busy_hour_nor_for_the_edit_before() {
    let stands = |second: u32| match second {
        0..20 => Some(Change::FirstAnswer),
        20..40 => Some(Change::Over),
        _ => Some(Change::Resumed),
    };
    assert_eq!(seconds_of_edits(&mut busy(), 60, stands), [5, 25, 45]);
}

#[test]
fn an_end_that_follows_the_answer_at_once_takes_its_place() {
    let stands = |second: u32| match second {
        0..4 => Some(Change::FirstAnswer),
        _ => Some(Change::Over),
    };
    assert_eq!(seconds_of_edits(&mut busy(), 60, stands), [5]);
}

#[test]
fn what_was_due_before_a_server_started_does_not_wait_once_more() {
    let (mut pace, now) = (busy(), Instant::now() + SLOW);
    let [due, early] = [Uuid::from_u128(1), Uuid::from_u128(2)];
    pace.differs(due, Change::Answer, SLOW, now);
    pace.differs(early, Change::Answer, SLOW.saturating_sub(SECOND), now);
    assert_eq!(pace.due(now), [due]);
    assert_eq!(pace.due(now + SECOND), [due, early]);
}

#[test]
fn one_that_failed_waits_and_keeps_no_other_waiting() {
    let (mut pace, now) = (Pace::default(), Instant::now());
    let [first, second] = [Uuid::from_u128(1), Uuid::from_u128(2)];
    pace.differs(first, Change::Answer, Duration::ZERO, now);
    pace.differs(second, Change::Answer, Duration::ZERO, now);
    let then = now + QUICK;
    pace.failed(first, then);
    assert_eq!(pace.due(then), [second]);
    assert_eq!(pace.due(then + RETRY).len(), 2);
    pace.forget(first);
    assert_eq!(pace.due(then + RETRY), [second]);
}

/// Random sequences of states and how long each lasts. `None` stands for what the line shows at the
/// beginning.
fn changes() -> impl Strategy<Value = Vec<(u32, Option<Change>)>> {
    let change = prop::sample::select(vec![
        None,
        Some(Change::Waiting),
        Some(Change::Answer),
        Some(Change::Over),
        Some(Change::Resumed),
    ]);
    prop::collection::vec((1..400_u32, change), 1..12)
}

proptest! {
    #[test]
    fn however_a_conversation_goes_its_line_is_true_in_the_end(changes in changes(), is_busy: bool) {
        let mut pace = if is_busy { busy() } else { Pace::default() };
        let ends: Vec<_> = changes.iter().scan(0, |end, (lasts, _)| { *end += lasts; Some(*end) }).collect();
        let stands = |second: u32| {
            let place = ends.iter().position(|end| second < *end).unwrap_or(ends.len() - 1);
            changes[place].1
        };
        let bound = u32::try_from(LONGEST_GAP.as_secs()).unwrap();
        let all = ends.last().unwrap() + bound;
        let edits = edits(&mut pace, all + 1, stands);
        // Each edit shows the state of its moment.
        for (second, shown) in &edits {
            prop_assert_eq!(*shown, stands(*second));
        }
        let last = edits.last().and_then(|(_, shown)| *shown);
        if stands(all).is_some() {
            prop_assert_eq!(last, stands(all), "{:?}", edits);
        }
    }
}

/// The number of events of one day.
#[derive(Debug, Default)]
struct Day {
    lines: usize,
    answers: usize,
    ends: usize,
    /// The longest time for which a line said that a visitor waited who had been answered, or that
    /// a conversation went on that was over.
    latest: u32,
}

/// Simulates a day of ten hours. Each visitor waits a minute for an answer, talks for ten minutes,
/// and leaves.
fn day(conversations: u32) -> Day {
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
        // The conversations that began within the last quarter of an hour.
        let first = second.saturating_sub(900).div_ceil(every);
        for n in first..conversations {
            let Some(age) = second.checked_sub(start(n)) else {
                break;
            };
            let id = Uuid::from_u128(n.into());
            match age {
                0 => day.lines += 1,
                ANSWERED => pace.differs(id, Change::FirstAnswer, Duration::ZERO, now),
                ENDS => pace.differs(id, Change::Over, Duration::ZERO, now),
                _ => {}
            }
        }
        for id in pace.due(now) {
            let n = u32::try_from(id.as_u128()).unwrap();
            let age = second - start(n);
            let since = if age < ENDS {
                day.answers += 1;
                ANSWERED
            } else {
                day.ends += 1;
                ENDS
            };
            day.latest = day.latest.max(age - since);
            pace.edited(id, now);
        }
    }
    day
}

/// `synapse desk::cost` counts the events of the conversations themselves.
#[test]
fn a_conversation_costs_three_events_however_busy_the_day_is_and_its_end_is_shown() {
    for conversations in [50, 500] {
        let day = day(conversations);
        let all = usize::try_from(conversations).unwrap();
        assert_eq!(
            (day.lines, day.answers, day.ends),
            (all, all, all),
            "{day:?}"
        );
        assert!(day.latest <= 5, "{day:?}");
    }
}

//! When the homeserver may be asked for a room: at once, or only after a question that it has not answered is settled.

use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::storage::RoomAsked;

/// How long the homeserver may still be making a room when the answer to `createRoom` was lost. If it is asked again
/// earlier, it may make a second one.
const CREATE_ROOM_SETTLES: Duration = Duration::from_mins(1);
/// A homeserver that takes longer than this to list its rooms is overloaded, and may still be making the room.
const PROMPT: Duration = Duration::from_secs(2);
/// A homeserver that is always slow must still be asked again after this time.
pub(super) const SLOW_CREATE_ROOM_SETTLES: Duration = Duration::from_mins(10);

/// What is known when a room is needed and none was found.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Known {
    /// The question that was not answered, as Postgres keeps it.
    pub(crate) asked: Option<RoomAsked>,
    /// How long ago this process has asked, by a clock that nobody sets.
    pub(crate) asked_here: Option<Duration>,
    /// How long the homeserver has just taken to list its rooms.
    pub(crate) looking_took: Duration,
}

/// The decision about a room that is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Ask for it.
    Ask,
    /// Wait: the homeserver may still be making it.
    Wait,
    /// Record that the homeserver was asked now, and wait: every clock that measured the time since the question was
    /// wrong.
    WaitFromNow,
}

impl Known {
    /// Decides whether the homeserver may be asked.
    pub(crate) fn decide(self, now: DateTime<Utc>) -> Decision {
        let Some(asked) = self.asked else {
            return Decision::Ask;
        };
        let known = [asked.ago(now), self.asked_here];
        let Some(ago) = known.into_iter().flatten().min() else {
            return Decision::WaitFromNow;
        };
        let settles = if self.looking_took > PROMPT {
            SLOW_CREATE_ROOM_SETTLES
        } else {
            CREATE_ROOM_SETTLES
        };
        if ago < settles {
            Decision::Wait
        } else {
            Decision::Ask
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROMPTLY: Duration = Duration::from_millis(50);

    fn decide(asked: Option<f64>, asked_here: Option<u64>, looking_took: Duration) -> Decision {
        let known = Known {
            asked: asked.map(|seconds| RoomAsked::new(seconds, None)),
            asked_here: asked_here.map(Duration::from_secs),
            looking_took,
        };
        known.decide(DateTime::UNIX_EPOCH)
    }

    #[test]
    fn a_room_is_asked_for_again_after_a_minute_or_when_it_is_always_slow_after_ten() {
        let slowly = Duration::from_secs(5);
        for (ago, looking_took, decision) in [
            (59.0, PROMPTLY, Decision::Wait),
            (60.0, PROMPTLY, Decision::Ask),
            (60.0, slowly, Decision::Wait),
            (9.0 * 60.0, slowly, Decision::Wait),
            (10.0 * 60.0, slowly, Decision::Ask),
        ] {
            let decided = decide(Some(ago), None, looking_took);
            assert_eq!(decided, decision, "{ago}, {looking_took:?}");
        }
    }

    #[test]
    fn a_question_that_was_answered_or_never_asked_keeps_nobody_waiting() {
        assert_eq!(decide(None, Some(1), PROMPTLY), Decision::Ask);
    }

    #[test]
    fn the_latest_time_counts_and_without_a_right_clock_it_is_now() {
        assert_eq!(decide(Some(3_600.0), Some(30), PROMPTLY), Decision::Wait);
        assert_eq!(decide(Some(-3_600.0), Some(90), PROMPTLY), Decision::Ask);
        assert_eq!(
            decide(Some(-3_600.0), None, PROMPTLY),
            Decision::WaitFromNow
        );
    }
}

//! A room that the homeserver was asked for: how long ago that was, and when to ask again.

use std::time::Duration;

use chrono::{DateTime, Utc};

/// How long the homeserver may still be at work on a `createRoom` whose answer was lost: asked again
/// before, it could make a second room.
const CREATE_ROOM_SETTLES: Duration = Duration::from_mins(1);
/// A homeserver that is slower at looking for the room is behind with its work, and may be at work on
/// it for longer.
const PROMPT: Duration = Duration::from_secs(2);
/// One that is always slow must make the room all the same.
pub const CREATE_ROOM_SETTLES_AT_LAST: Duration = Duration::from_mins(10);

/// How long ago the homeserver was asked for a room, by two clocks, either of which may have been wrong.
#[derive(Clone, Copy, Debug)]
pub struct RoomAsked {
    by_database: f64,
    by_server: Option<f64>,
}

impl RoomAsked {
    /// As Postgres counts, and since when the server that asked says.
    #[must_use]
    pub fn new(by_database: f64, asked_own: Option<DateTime<Utc>>) -> Self {
        Self {
            by_database,
            by_server: asked_own.map(|asked| (Utc::now() - asked).as_seconds_f64()),
        }
    }

    /// The shorter time counts. One that has not come yet was set by a clock that was wrong, and counts
    /// for nothing; `None` when there is no other.
    #[must_use]
    pub fn ago(self) -> Option<Duration> {
        [Some(self.by_database), self.by_server]
            .into_iter()
            .flatten()
            .filter_map(|seconds| Duration::try_from_secs_f64(seconds).ok())
            .min()
    }
}

/// Whether a `createRoom` that was asked for `ago` and not answered may still make its room, when looking
/// for it just now took `looking` and found none.
#[must_use]
pub fn may_still_be_made(ago: Duration, looking: Duration) -> bool {
    let settles = if looking > PROMPT {
        CREATE_ROOM_SETTLES_AT_LAST
    } else {
        CREATE_ROOM_SETTLES
    };
    ago < settles
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_room_is_asked_for_again_after_a_minute_or_when_it_is_always_slow_after_ten() {
        let (prompt, slow) = (Duration::from_millis(50), Duration::from_secs(5));
        let minutes = Duration::from_mins;
        for (ago, looking, still) in [
            (Duration::from_secs(59), prompt, true),
            (minutes(1), prompt, false),
            (minutes(1), slow, true),
            (minutes(9), slow, true),
            (minutes(10), slow, false),
        ] {
            assert_eq!(
                may_still_be_made(ago, looking),
                still,
                "{ago:?}, {looking:?}"
            );
        }
    }
}

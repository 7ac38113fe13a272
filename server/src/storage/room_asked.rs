//! The time at which the homeserver was asked for a room without an answer, as Postgres keeps it.

use std::time::Duration;

use chrono::{DateTime, Utc};

/// The time since the homeserver was asked for a room, by two clocks, either of which may have been wrong.
#[derive(Clone, Copy, Debug)]
pub struct RoomAsked {
    by_database: f64,
    by_server: Option<DateTime<Utc>>,
}

impl RoomAsked {
    /// The seconds that Postgres has counted, and the time by the clock of the server that asked.
    #[must_use]
    pub const fn new(by_database: f64, by_server: Option<DateTime<Utc>>) -> Self {
        Self {
            by_database,
            by_server,
        }
    }

    /// How long ago that was. The shorter time counts. A time in the future was set by a wrong clock and does not
    /// count; `None` when there is no other.
    #[must_use]
    pub fn ago(self, now: DateTime<Utc>) -> Option<Duration> {
        let by_server = self.by_server.map(|asked| (now - asked).as_seconds_f64());
        [Some(self.by_database), by_server]
            .into_iter()
            .flatten()
            .filter_map(|seconds| Duration::try_from_secs_f64(seconds).ok())
            .min()
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    #[test]
    fn the_clock_that_says_less_counts_and_one_that_was_wrong_does_not() {
        let now = DateTime::UNIX_EPOCH;
        let ago = |by_database, by_server: Option<i64>| {
            let by_server = by_server.map(|seconds| now - TimeDelta::seconds(seconds));
            let ago = RoomAsked::new(by_database, by_server).ago(now);
            ago.map(|ago| ago.as_secs())
        };
        assert_eq!(ago(60.0, Some(30)), Some(30));
        assert_eq!(ago(30.0, Some(60)), Some(30));
        assert_eq!(ago(30.0, None), Some(30));
        assert_eq!(ago(-30.0, Some(60)), Some(60));
        assert_eq!(ago(60.0, Some(-30)), Some(60));
        assert_eq!(ago(-60.0, Some(-30)), None);
        assert_eq!(ago(-60.0, None), None);
    }
}

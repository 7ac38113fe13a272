//! `!stats`: how soon staff answer.

use std::{fmt::Write, time::Duration};

use chrono::{DateTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;

use super::{Desk, Failure};
use crate::{
    matrix::notice::Notice,
    storage::desk::stats::{self, Figures},
};

impl Desk {
    /// The figures of today and of the last seven days.
    pub(super) async fn stats(&self) -> Result<Notice, Failure> {
        let now = Utc::now();
        let zone = self.config.time_zone;
        let mut notice = Notice::default();
        for (name, since) in [
            ("Today", midnight(now, zone)),
            ("The last 7 days", now - TimeDelta::days(7)),
        ] {
            let figures = stats::since(&self.pool, since, self.canary_page()).await?;
            notice.say(&line(name, figures));
        }
        Ok(notice)
    }
}

fn line(name: &str, figures: Figures) -> String {
    let Figures {
        conversations,
        unanswered,
        median_seconds,
        p95_seconds,
        good,
        bad,
    } = figures;
    let mut line = format!("{name}: {conversations} conversations, {unanswered} unanswered");
    if let (Some(median), Some(p95)) = (median_seconds, p95_seconds) {
        let (median, p95) = (words(median), words(p95));
        // Writing to a string cannot fail.
        let _ = write!(
            line,
            "; first answer within {median} (median), {p95} (95th percentile)"
        );
    }
    if good + bad > 0 {
        let _ = write!(line, "; rated {good} good, {bad} bad");
    }
    line + "."
}

fn words(seconds: f64) -> String {
    let whole = Duration::try_from_secs_f64(seconds.round()).unwrap_or_default();
    humantime::format_duration(whole).to_string()
}

/// When the day began there.
pub(super) fn midnight(now: DateTime<Utc>, zone: Tz) -> DateTime<Utc> {
    let midnight = now
        .with_timezone(&zone)
        .date_naive()
        .and_time(chrono::NaiveTime::MIN);
    instant(midnight, zone)
}

/// The instant of a local time. One that a change of the clocks left out is the first one after it.
pub(super) fn instant(local: chrono::NaiveDateTime, zone: Tz) -> DateTime<Utc> {
    // A change leaves out an hour or two; a few places once left out a day.
    (0..=48)
        .find_map(|halves| {
            let later = local + TimeDelta::minutes(30 * halves);
            zone.from_local_datetime(&later).earliest()
        })
        .map_or_else(|| local.and_utc(), |time| time.with_timezone(&Utc))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_said_in_words() {
        let figures = Figures {
            conversations: 12,
            unanswered: 1,
            median_seconds: Some(75.4),
            p95_seconds: Some(3_600.0),
            good: 0,
            bad: 0,
        };
        assert_eq!(
            line("Today", figures),
            "Today: 12 conversations, 1 unanswered; first answer within 1m 15s (median), 1h (95th percentile)."
        );
        let none = Figures {
            conversations: 0,
            unanswered: 0,
            median_seconds: None,
            p95_seconds: None,
            good: 3,
            bad: 1,
        };
        assert_eq!(
            line("Today", none),
            "Today: 0 conversations, 0 unanswered; rated 3 good, 1 bad."
        );
    }

    #[test]
    fn a_day_begins_at_midnight_there() {
        let now = Utc.with_ymd_and_hms(2026, 3, 29, 23, 30, 0).unwrap();
        let midnight = |zone| midnight(now, zone).to_rfc3339();
        assert_eq!(midnight(Tz::UTC), "2026-03-29T00:00:00+00:00");
        assert_eq!(midnight(Tz::Europe__Berlin), "2026-03-29T22:00:00+00:00");
        assert_eq!(midnight(Tz::America__New_York), "2026-03-29T04:00:00+00:00");
    }

    #[test]
    fn a_time_that_the_clocks_leave_out_is_the_next_one() {
        let local = chrono::NaiveDate::from_ymd_opt(2026, 3, 29)
            .unwrap()
            .and_hms_opt(2, 30, 0)
            .unwrap();
        let instant = instant(local, Tz::Europe__Berlin);
        assert_eq!(instant.to_rfc3339(), "2026-03-29T01:00:00+00:00");
    }
}

//! `!stats`: how soon staff answer.

use chrono::{DateTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;

use super::{Desk, Failure};
use crate::{matrix::notice::Notice, storage::desk::stats};

impl Desk {
    /// The figures of today and of the last seven days.
    pub(super) async fn stats(&self) -> Result<Notice, Failure> {
        let now = Utc::now();
        let zone = self.config.time_zone;
        let texts = self.texts();
        let mut notice = Notice::default();
        for (period, since) in [
            (texts.today, midnight(now, zone)),
            (texts.seven_days, now - TimeDelta::days(7)),
        ] {
            let figures = stats::since(&self.pool, since, self.canary_page()).await?;
            notice.say(&texts.figures(period, figures));
        }
        Ok(notice)
    }
}

/// The instant at which the day began in the time zone.
pub(super) fn midnight(now: DateTime<Utc>, zone: Tz) -> DateTime<Utc> {
    let midnight = now
        .with_timezone(&zone)
        .date_naive()
        .and_time(chrono::NaiveTime::MIN);
    instant(midnight, zone)
}

/// The instant of a local time. If a change of the clocks skips that time, this is the first
/// instant after the gap.
pub(super) fn instant(local: chrono::NaiveDateTime, zone: Tz) -> DateTime<Utc> {
    // A change of the clocks skips an hour or two. A few places have once skipped a whole day.
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

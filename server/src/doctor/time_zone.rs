//! The hours of staff, and the time zone that they are in.

use chrono::Utc;
use chrono_tz::Tz;

use super::finding::Findings;
use crate::config::Config;

pub(super) fn examine(config: &Config, findings: &mut Findings) {
    let zone = config.desk.time_zone;
    let now = Utc::now().with_timezone(&zone).format("%H:%M");
    let says = format!("it is {now} in {zone}");
    if zone == Tz::UTC && config.hours.are_given() {
        let advice = "set SUPPORT_CHAT_TIME_ZONE to the zone of your staff, as Europe/Berlin";
        findings.warning(
            "hours.timeZone",
            format!("{says}, and SUPPORT_CHAT_HOURS counts in it"),
            advice,
        );
    } else {
        findings.ok("hours.timeZone", says);
    }
    if config.hours.lack_holidays() {
        findings.warning(
            "hours.holidays",
            "SUPPORT_CHAT_HOURS names public holidays, and no country is known",
            "set SUPPORT_CHAT_HOLIDAYS to the country, as DE",
        );
    }
}

//! The desk: the room in which staff see all conversations.

use std::time::Duration;

use chrono_tz::Tz;

use super::Env;

const DEFAULT_UNANSWERED_AFTER: Duration = Duration::from_mins(5);

/// The desk.
#[derive(Clone, Debug)]
pub struct Desk {
    /// Whether there is a desk.
    pub is_on: bool,
    /// After how long the desk reports that a visitor is waiting; `None` for never.
    pub unanswered_after: Option<Duration>,
    /// The time zone of all times of day.
    pub time_zone: Tz,
}

impl Desk {
    pub(super) fn read(env: &mut Env) -> Option<Self> {
        let is_on = env.switch("MATRIX_SUPPORT_DESK", true);
        let unanswered_after = env.parse_or(
            "SUPPORT_CHAT_UNANSWERED_AFTER",
            humantime::Duration::from(DEFAULT_UNANSWERED_AFTER),
        );
        let time_zone = read_time_zone(env);
        Some(Self {
            is_on: is_on?,
            unanswered_after: Some(*unanswered_after?).filter(|after| !after.is_zero()),
            time_zone: time_zone?,
        })
    }
}

fn read_time_zone(env: &mut Env) -> Option<Tz> {
    const NAME: &str = "SUPPORT_CHAT_TIME_ZONE";
    let Some(text) = env.text(NAME) else {
        return Some(Tz::UTC);
    };
    let zone = text.parse().ok();
    if zone.is_none() {
        env.error(
            NAME,
            "is not valid: expected an IANA time zone, as `Europe/Berlin`",
        );
    }
    zone
}

//! Reads the hours in which staff answer.

use chrono_tz::Tz;

use super::Env;
use crate::hours::{Hours, country_of};

const NAME: &str = "SUPPORT_CHAT_HOURS";
const HOLIDAYS: &str = "SUPPORT_CHAT_HOLIDAYS";

impl Hours {
    pub(super) fn read(env: &mut Env, zone: Option<Tz>) -> Option<Self> {
        let country = match env.text(HOLIDAYS) {
            None => zone.and_then(country_of),
            Some(code) => {
                let country = code.parse().ok();
                if country.is_none() {
                    let wanted = "is not valid: expected a country's two letters, such as `DE`";
                    env.error(HOLIDAYS, wanted);
                }
                country
            }
        };
        let Some(text) = env.text(NAME) else {
            return Some(Self::always());
        };
        match Self::parse(&text, zone?, country) {
            Ok(hours) => Some(hours),
            Err(error) => {
                let wanted =
                    "expected OpenStreetMap's `opening_hours`, such as `Mo-Fr 09:00-18:00; PH off`";
                env.error(NAME, format!("is not valid: {wanted} ({error})"));
                None
            }
        }
    }
}

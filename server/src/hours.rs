//! The hours in which staff answer, in the syntax of OpenStreetMap's `opening_hours`.

#[cfg(test)]
mod tests;

use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use opening_hours::{
    Context, ContextHolidays, OpeningHours, RuleKind,
    localization::{Country, TzLocation},
};

/// Hours that begin later than this are not announced: nobody waits that long.
const HORIZON: TimeDelta = TimeDelta::days(400);

/// Time zones, each with the country in which it lies.
const COUNTRIES: &str = include_str!("hours/countries.txt");

/// The hours in which staff answer.
#[derive(Clone)]
pub struct Hours(Option<Box<OpeningHours<TzLocation<Tz>>>>);

impl fmt::Debug for Hours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            None => f.write_str("always"),
            Some(rules) => write!(f, "{rules}"),
        }
    }
}

/// Whether staff answer at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Availability {
    /// Whether somebody is there.
    pub open: bool,
    /// When the hours begin next, if they say so and it is not within them now.
    pub opens_at: Option<DateTime<Utc>>,
    /// When this changes, if the hours say so.
    pub changes_at: Option<DateTime<Utc>>,
}

impl Hours {
    /// Staff answer at any time.
    #[must_use]
    pub const fn always() -> Self {
        Self(None)
    }

    /// Reads hours in the time zone `zone`, with the public holidays of `country`.
    pub fn parse(text: &str, zone: Tz, country: Option<Country>) -> Result<Self, String> {
        let rules = match text.trim() {
            "" => return Err("it is empty".to_owned()),
            "always" => return Ok(Self::always()),
            "never" => "off",
            rules => rules,
        };
        let rules: OpeningHours = rules.parse().map_err(|error| one_line(&error))?;
        let mut context = Context::default();
        if let Some(country) = country {
            context = context.with_holidays(country.holidays());
        }
        let context = context
            .approx_bound_interval_size(HORIZON)
            .with_locale(TzLocation::new(zone));
        Ok(Self(Some(Box::new(rules.with_context(context)))))
    }

    /// Whether there are hours at all: without any, staff answer at any time.
    #[must_use]
    pub const fn are_given(&self) -> bool {
        self.0.is_some()
    }

    /// Whether the hours name public holidays although no country is known.
    #[must_use]
    pub fn lack_holidays(&self) -> bool {
        self.0.as_ref().is_some_and(|rules| {
            rules.get_context().holidays == ContextHolidays::default()
                && rules.to_string().contains("PH")
        })
    }

    /// Whether staff answer at `now`, given that they may have announced their absence until `away_until`.
    #[must_use]
    pub fn at(&self, now: DateTime<Utc>, away_until: Option<DateTime<Utc>>) -> Availability {
        let away_until = away_until.filter(|until| *until > now);
        let from = away_until.unwrap_or(now);
        let (opens_at, closes_at) = match &self.0 {
            None => (Some(from), None),
            Some(rules) => next_open(rules, from),
        };
        let open = away_until.is_none() && opens_at.is_some_and(|opens_at| opens_at <= now);
        let opens_at = opens_at.filter(|_| !open);
        Availability {
            open,
            opens_at,
            changes_at: if open { closes_at } else { opens_at },
        }
    }
}

/// The first moment from `from` on at which the rules say "open", and the moment at which they stop saying so.
fn next_open(
    rules: &OpeningHours<TzLocation<Tz>>,
    from: DateTime<Utc>,
) -> (Option<DateTime<Utc>>, Option<DateTime<Utc>>) {
    let zone = *rules.get_context().locale.get_timezone();
    let (start, end) = (
        from.with_timezone(&zone),
        (from + HORIZON).with_timezone(&zone),
    );
    // "Unknown" counts as closed, so that the chat promises nothing.
    let open = rules
        .iter_range(start, end)
        .find(|range| range.kind == RuleKind::Open);
    let Some(open) = open else {
        return (None, None);
    };
    let (opens, closes) = (
        open.range.start.with_timezone(&Utc),
        open.range.end.with_timezone(&Utc),
    );
    (
        Some(opens.max(from)),
        Some(closes).filter(|at| *at < from + HORIZON),
    )
}

/// The country in which a time zone lies, if the time zone database names one.
#[must_use]
pub fn country_of(zone: Tz) -> Option<Country> {
    let lines = COUNTRIES.lines().filter_map(|line| line.split_once(' '));
    let (_, code) = lines.into_iter().find(|(name, _)| *name == zone.name())?;
    code.parse().ok()
}

fn one_line(error: &impl fmt::Display) -> String {
    let text = error.to_string();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

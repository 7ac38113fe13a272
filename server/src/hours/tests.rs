use super::*;

const OFFICE: &str = "Mo-Fr 09:00-18:00; PH off";

fn berlin(hours: &str) -> Hours {
    let zone = Tz::Europe__Berlin;
    Hours::parse(hours, zone, country_of(zone)).unwrap()
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// When staff are there next, or "open" if they are there.
fn said(hours: &Hours, now: &str) -> String {
    let availability = hours.at(at(now), None);
    match availability.opens_at {
        _ if availability.open => "open".to_owned(),
        Some(opens_at) => opens_at.to_rfc3339(),
        None => "closed".to_owned(),
    }
}

#[test]
fn staff_are_there_in_the_hours_of_their_zone() {
    let hours = berlin(OFFICE);
    // A Thursday in winter, when Berlin is an hour ahead of UTC.
    assert_eq!(
        said(&hours, "2026-11-26T07:59:59Z"),
        "2026-11-26T08:00:00+00:00"
    );
    assert_eq!(said(&hours, "2026-11-26T08:00:00Z"), "open");
    assert_eq!(said(&hours, "2026-11-26T16:59:59Z"), "open");
    assert_eq!(
        said(&hours, "2026-11-26T17:00:00Z"),
        "2026-11-27T08:00:00+00:00"
    );
    // From Friday evening, Monday is next.
    assert_eq!(
        said(&hours, "2026-11-27T18:00:00Z"),
        "2026-11-30T08:00:00+00:00"
    );
}

#[test]
fn public_holidays_are_those_of_the_zones_country() {
    let hours = berlin(OFFICE);
    // Christmas of 2026 falls on a Friday; Monday is no holiday any more.
    assert_eq!(
        said(&hours, "2026-12-25T10:00:00Z"),
        "2026-12-28T08:00:00+00:00"
    );
    let utc = Hours::parse(OFFICE, Tz::UTC, country_of(Tz::UTC)).unwrap();
    assert_eq!(said(&utc, "2026-12-25T10:00:00Z"), "open");
    assert!(utc.lack_holidays());
    assert!(!berlin(OFFICE).lack_holidays());
    let without = Hours::parse("Mo-Fr 09:00-18:00", Tz::UTC, None).unwrap();
    assert!(!without.lack_holidays());
}

#[test]
fn clocks_that_change_move_the_hours() {
    // Berlin's clocks go forward on 2026-03-29 at 02:00, and back on 2026-10-25 at 03:00.
    let hours = berlin(OFFICE);
    assert_eq!(
        said(&hours, "2026-03-27T18:00:00Z"),
        "2026-03-30T07:00:00+00:00"
    );
    assert_eq!(
        said(&hours, "2026-10-23T18:00:00Z"),
        "2026-10-26T08:00:00+00:00"
    );
    // Half past two does not exist that night.
    let night = berlin("02:30-04:00");
    assert_eq!(
        said(&night, "2026-03-29T00:15:00Z"),
        "2026-03-29T01:00:00+00:00"
    );
    assert_eq!(said(&night, "2026-03-29T01:00:00Z"), "open");
}

#[test]
fn always_and_never_are_hours_too() {
    for hours in ["always", "24/7"] {
        let availability = berlin(hours).at(at("2026-12-25T03:00:00Z"), None);
        assert!(availability.open, "{hours}");
        assert_eq!(availability.changes_at, None, "{hours}");
    }
    for hours in ["never", "off", "2020 Mo-Fr 09:00-18:00"] {
        assert_eq!(
            said(&berlin(hours), "2026-11-26T10:00:00Z"),
            "closed",
            "{hours}"
        );
    }
    assert_eq!(
        said(&berlin("09:00-18:00 unknown"), "2026-11-26T10:00:00Z"),
        "closed"
    );
}

#[test]
fn an_absence_ends_within_the_hours() {
    let hours = berlin(OFFICE);
    let (now, until) = (at("2026-11-26T10:00:00Z"), at("2026-11-26T13:00:00Z"));
    let away = hours.at(now, Some(until));
    assert!(!away.open);
    assert_eq!(away.opens_at, Some(until));
    assert_eq!(away.changes_at, Some(until));
    let evening = hours.at(now, Some(at("2026-11-26T19:00:00Z")));
    assert_eq!(evening.opens_at, Some(at("2026-11-27T08:00:00Z")));
    // An absence that is over means nothing.
    assert!(hours.at(until, Some(until)).open);
    let always = Hours::always().at(now, Some(until));
    assert_eq!((always.open, always.opens_at), (false, Some(until)));
}

#[test]
fn it_is_known_when_the_answer_changes() {
    let open = berlin(OFFICE).at(at("2026-11-26T16:59:30Z"), None);
    assert_eq!(open.changes_at, Some(at("2026-11-26T17:00:00Z")));
    let closed = berlin(OFFICE).at(at("2026-11-26T17:00:00Z"), None);
    assert_eq!(closed.changes_at, closed.opens_at);
}

#[test]
fn wrong_hours_are_refused_in_one_line() {
    for wrong in [
        "",
        " ",
        "nine to five",
        "Mo-Fr 09:00-",
        "Mo-Fr 25:99-26:00",
        "Mo Di 9",
    ] {
        let error = Hours::parse(wrong, Tz::UTC, None).unwrap_err();
        assert!(!error.contains('\n'), "{wrong}: {error}");
    }
}

#[test]
fn most_zones_have_a_country() {
    let country = |zone: Tz| country_of(zone).map(Country::iso_code);
    assert_eq!(country(Tz::Europe__Kyiv), Some("UA"));
    assert_eq!(country(Tz::America__New_York), Some("US"));
    assert_eq!(country(Tz::UTC), None);
}

proptest::proptest! {
    #[test]
    fn nothing_written_as_hours_ends_the_server(text in ".{0,40}", now in 0_i64..4_000_000_000) {
        if let Ok(hours) = Hours::parse(&text, Tz::Europe__Berlin, Some(Country::DE)) {
            let now = DateTime::from_timestamp(now, 0).unwrap_or_default();
            let _ = hours.at(now, None);
        }
    }
}

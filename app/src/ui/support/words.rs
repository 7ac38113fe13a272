//! The texts about times and problems.

use std::ops::Range;

use super::{Away, Refusal};
use crate::contract::{ErrorCode, MAX_LINE_CHARS};

/// Formats `2026-11-23T09:30:00.125Z` for people: `23 Nov 2026, 09:30 UTC`.
pub(super) fn date_and_time(rfc3339: &str) -> String {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let part = |range: Range<usize>| rfc3339.get(range).unwrap_or_default();
    let number = |range| part(range).parse::<usize>().unwrap_or_default();
    let month = MONTHS.get(number(5..7).wrapping_sub(1)).unwrap_or(&"");
    format!(
        "{} {month} {}, {} UTC",
        number(8..10),
        part(0..4),
        part(11..16)
    )
}

/// Says that staff are away, and when they are back.
pub(super) fn away(away: &Away) -> String {
    let when = match &away.until {
        Some(until) => format!("Nobody is here right now. Back on {until}."),
        None => "Nobody is here right now.".to_owned(),
    };
    format!("{when} You can write now: your message is kept.")
}

/// A waiting time, rounded up to a suitable unit.
pub(super) fn amount(seconds: u64) -> String {
    let of = |count: u64, unit: &str| {
        let plural = if count == 1 { "" } else { "s" };
        format!("{count} {unit}{plural}")
    };
    if seconds < 60 {
        of(seconds, "second")
    } else {
        of(seconds.div_ceil(60), "minute")
    }
}

/// The form control of a refused field: its id and its name.
pub(super) fn field_name(field: &str) -> Option<(&'static str, &'static str)> {
    match field {
        "initialMessage" | "body" => Some(("message", "Message")),
        "visitorName" => Some(("visitor-name", "Your name")),
        "visitorEmail" => Some(("visitor-email", "Your email")),
        "email" => Some(("email", "Where we may answer")),
        "comment" => Some(("comment", "What you would like to add")),
        _ => None,
    }
}

/// What went wrong, and what the visitor can do.
pub(super) fn words(refusal: &Refusal, message: &str, max_chars: usize) -> String {
    let text = match refusal.code {
        ErrorCode::MessageEmpty => "The message is empty. Write something first.",
        ErrorCode::MessageTooLong => {
            return format!(
                "The message has {} characters, and at most {max_chars} can be sent. Please shorten \
                 it, or send it in parts.",
                message.chars().count(),
            );
        }
        ErrorCode::PayloadTooLarge => "That is too much text to send. Please send it in parts.",
        ErrorCode::InvalidField => return invalid_fields(&refusal.fields),
        ErrorCode::RateLimited => {
            "That was a lot in a short time, so this was not sent. What you wrote is kept below."
        }
        ErrorCode::ChallengeFailed => "Nothing was sent, for the reason below.",
        ErrorCode::ProofRequired => {
            "Very many people are writing to us right now. To keep the chat usable we ask each browser \
             for a little work first, which it can only do with JavaScript. So this was not sent; what \
             you wrote is kept below."
        }
        ErrorCode::Blocked => {
            "Our team does not take messages from your network connection at the moment, so this was not \
             sent."
        }
        ErrorCode::OriginNotAllowed => {
            "Nothing was sent: the form was out of date, or was not sent from this page. Please check \
             it and send it again."
        }
        ErrorCode::SessionNotFound => {
            "That conversation is not there any more, so nothing was sent. What you wrote is kept \
             below: send it to begin a new one."
        }
        ErrorCode::SessionClosed | ErrorCode::SessionExpired => {
            "The chat was over before this was sent. What you wrote is kept below: send it to begin a \
             new one."
        }
        ErrorCode::IdempotencyKeyReused => {
            "An earlier version of this message has been sent already. If you want to say this as well, \
             send it again."
        }
        ErrorCode::RelayUnavailable => {
            "Our team cannot be reached right now, so nothing was sent. What you wrote is kept below."
        }
        ErrorCode::DatabaseUnavailable => {
            "The chat does not work at the moment, so nothing was sent. What you wrote is kept."
        }
        ErrorCode::OutcomeUnknown | ErrorCode::Internal => {
            "Something went wrong on our side, and it is not certain that this was sent. Send it again \
             as it is: it will not arrive twice."
        }
        ErrorCode::RequestTimeout => {
            "It took too long until we had all of this, so nothing was sent. Please send it again."
        }
        code => return format!("{}. Nothing was sent.", code.title()),
    };
    text.to_owned()
}

fn invalid_fields(fields: &[String]) -> String {
    let about = |field: &String| {
        match field.as_str() {
        "initialMessage" | "body" => {
            "The message holds control characters, which cannot be sent. Please remove them."
                .to_owned()
        }
        "visitorName" => {
            format!("The name has to be one line of at most {MAX_LINE_CHARS} characters.")
        }
        "visitorEmail" => {
            "This is not an email address. Correct it, or leave the field empty.".to_owned()
        }
        "email" => {
            "This address cannot be used: it is no email address, or its owner wants no mails of this conversation."
                .to_owned()
        }
        "comment" => {
            format!("What you add has to be one line of at most {MAX_LINE_CHARS} characters.")
        }
        other => format!("The field {other} is not acceptable."),
    }
    };
    let sentences: Vec<String> = fields.iter().map(about).collect();
    sentences.join(" ")
}

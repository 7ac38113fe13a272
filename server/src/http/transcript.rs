//! A conversation as a text to save. It is sent page by page, and each page holds its share of the
//! memory for answers until it has been sent.
//!
//! Each line of a message is indented and the lines between are the server's own, so no message can
//! imitate another one.

mod words;

use std::fmt::Write;

use app::contract::ErrorCode;
use axum::{
    body::{Body, Bytes},
    extract::{FromRequestParts, Query, rejection::QueryRejection},
    http::{HeaderMap, HeaderValue, header, request::Parts},
    response::{IntoResponse, Response},
};
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use futures_util::stream;
use serde::Deserialize;

use super::{budgeted_body, problem::ApiError};
use crate::{
    model::Author,
    storage::transcript::Line,
    support_chat::{GetTranscriptError, Share, Transcript},
    unseen_characters::shown,
};
use words::Words;

/// The indentation of the lines of a message.
const INDENT: &str = "    ";

/// The language and time zone of the text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Style {
    zone: Tz,
    words: &'static Words,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Parameters {
    time_zone: Option<String>,
}

/// The time zone from the query, and the language from `Accept-Language`.
impl<S: Send + Sync> FromRequestParts<S> for Style {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let parameters: Result<_, QueryRejection> =
            Query::<Parameters>::from_request_parts(parts, state).await;
        let zone = match parameters {
            Ok(Query(Parameters { time_zone: None })) => Ok(Tz::UTC),
            Ok(Query(Parameters {
                time_zone: Some(name),
            })) => name.parse().map_err(|_| "timeZone is no IANA time zone"),
            Err(_) => Err("the query cannot be read"),
        };
        let refuse = |detail| ApiError::from(ErrorCode::MalformedRequest).with_detail(detail);
        Ok(Self {
            zone: zone.map_err(refuse)?,
            words: words::accepted(&parts.headers),
        })
    }
}

impl Style {
    /// The style of a page without parameters.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        Self {
            zone: Tz::UTC,
            words: words::accepted(headers),
        }
    }

    fn time(self, at: DateTime<Utc>) -> impl std::fmt::Display {
        at.with_timezone(&self.zone).format("%Y-%m-%d %H:%M")
    }

    fn head(self) -> String {
        let Words { title, times, .. } = self.words;
        format!("{title}\n{times} {}\n", self.zone)
    }

    fn end(self) -> String {
        format!("\n{}\n", self.words.ended)
    }

    fn lines(self, lines: &[Line]) -> String {
        let mut text = String::new();
        for line in lines.iter().filter(|line| !line.removed) {
            let who = match line.author {
                Author::Visitor => self.words.you,
                Author::Staff => self.words.support,
            };
            let failed = if line.has_failed {
                format!(" ({})", self.words.undelivered)
            } else {
                String::new()
            };
            // Writing to a string cannot fail.
            let _ = writeln!(text, "\n{} {who}{failed}", self.time(line.at));
            for part in shown(&line.body).split('\n') {
                let _ = writeln!(text, "{INDENT}{part}");
            }
        }
        text
    }
}

/// The answer, once its first page has been read. A later failure breaks the answer off, so that
/// nobody takes a part for the whole.
pub(super) async fn answer(mut transcript: Transcript, style: Style) -> Result<Response, ApiError> {
    let date = transcript.began_at.with_timezone(&style.zone);
    let name = date.format("attachment; filename=\"support-chat-%Y-%m-%d.txt\"");
    let disposition = HeaderValue::try_from(name.to_string());
    let first = next(&mut transcript, style, style.head()).await?;
    let rest = stream::try_unfold(Some(Box::new(transcript)), move |place| go_on(place, style));
    let first = stream::iter(first.map(Ok::<_, GetTranscriptError>));
    let body = Body::from_stream(futures_util::StreamExt::chain(first, rest));
    let headers = [
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static("text/plain; charset=utf-8"),
        ),
        (
            header::CONTENT_DISPOSITION,
            disposition.unwrap_or(HeaderValue::from_static("attachment")),
        ),
    ];
    Ok((headers, body).into_response())
}

/// The next part of the answer, and where to continue; `None` after the end.
async fn go_on(
    place: Option<Box<Transcript>>,
    style: Style,
) -> Result<Option<(Bytes, Option<Box<Transcript>>)>, GetTranscriptError> {
    let Some(mut transcript) = place else {
        return Ok(None);
    };
    match next(&mut transcript, style, String::new()).await {
        Ok(Some(bytes)) => Ok(Some((bytes, Some(transcript)))),
        Ok(None) if transcript.has_ended => Ok(Some((Bytes::from(style.end()), None))),
        Ok(None) => Ok(None),
        Err(error) => {
            tracing::warn!(%error, "a transcript is broken off");
            Err(error)
        }
    }
}

/// The next page, after the text that precedes it.
async fn next(
    transcript: &mut Transcript,
    style: Style,
    mut text: String,
) -> Result<Option<Bytes>, GetTranscriptError> {
    let page: Option<(Vec<Line>, Share)> = transcript.next_page().await?;
    Ok(page.map(|(lines, share)| {
        text.push_str(&style.lines(&lines));
        budgeted_body::bytes(text.into_bytes(), share)
    }))
}

#[cfg(test)]
mod tests {
    use chrono::TimeZone;
    use proptest::prelude::*;

    use super::*;

    fn line(author: Author, body: &str) -> Line {
        Line {
            seq: 1,
            at: Utc.with_ymd_and_hms(2026, 11, 26, 23, 5, 0).unwrap(),
            author,
            body: body.to_owned(),
            has_failed: false,
            removed: false,
        }
    }

    fn style(zone: Tz, languages: &'static str) -> Style {
        let headers =
            HeaderMap::from_iter([(header::ACCEPT_LANGUAGE, HeaderValue::from_static(languages))]);
        Style {
            zone,
            ..Style::of(&headers)
        }
    }

    #[test]
    fn a_transcript_says_who_said_what_and_when() {
        let style = style(Tz::Europe__Berlin, "en");
        let failed = Line {
            has_failed: true,
            ..line(Author::Visitor, "Bye")
        };
        let removed = Line {
            removed: true,
            ..line(Author::Staff, "")
        };
        let lines = [
            line(Author::Visitor, "Hello\r\n\n  there"),
            line(Author::Staff, "Hi!"),
            removed,
            failed,
        ];
        assert_eq!(
            [style.head(), style.lines(&lines), style.end()].concat(),
            "Support chat\nTimes are in the time zone Europe/Berlin\n\n\
             2026-11-27 00:05 You:\n    Hello\n    \n      there\n\n\
             2026-11-27 00:05 Support:\n    Hi!\n\n\
             2026-11-27 00:05 You: (Not delivered)\n    Bye\n\nThis chat has ended.\n"
        );
    }

    #[test]
    fn the_server_s_words_are_in_the_reader_s_language() {
        let german = style(Tz::UTC, "fr;q=0.5, de-AT");
        let text = german.lines(&[line(Author::Visitor, "Hallo")]);
        assert_eq!(text, "\n2026-11-26 23:05 Sie:\n    Hallo\n");
    }

    proptest! {
        #[test]
        fn no_text_looks_like_another_s(
            body in "([a-z \u{202e}\u{2028}\u{85}\u{2066}\r\n]|2026-11-26 23:05 Support:){0,60}",
        ) {
            let text = style(Tz::UTC, "en").lines(&[line(Author::Visitor, &body)]);
            let (head, body) = text.strip_prefix('\n').unwrap().split_once('\n').unwrap();
            prop_assert_eq!(head, "2026-11-26 23:05 You:");
            let lines: Vec<_> = body.strip_suffix('\n').unwrap().split(|c: char| {
                c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
            }).collect();
            prop_assert!(lines.iter().all(|line| line.starts_with(INDENT)), "{:?}", lines);
            let hidden = ['\u{202e}', '\u{2066}'];
            prop_assert!(!body.contains(hidden));
        }
    }
}

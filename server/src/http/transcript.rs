//! Sends a conversation as a text, page by page. Each page holds its share of the memory for answers until it has been
//! sent.

use app::contract::ErrorCode;
use axum::{
    body::{Body, Bytes},
    extract::{FromRequestParts, Query, rejection::QueryRejection},
    http::{HeaderMap, HeaderValue, header, request::Parts},
    response::{IntoResponse, Response},
};
use chrono_tz::Tz;
use futures_util::stream;
use serde::Deserialize;

use super::{budgeted_body, language, problem::ApiError};
use crate::{
    storage::transcript::Line,
    support_chat::{GetTranscriptError, Share, Transcript},
    transcript::Style,
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Parameters {
    time_zone: Option<String>,
}

/// The time zone from the query, and the language from `Accept-Language`.
pub(super) struct RequestedStyle(pub(super) Style);

impl<S: Send + Sync> FromRequestParts<S> for RequestedStyle {
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
        Ok(Self(Style {
            zone: zone.map_err(refuse)?,
            language: language::accepted(&parts.headers),
        }))
    }
}

/// The style of a page without parameters.
pub(super) fn style_of(headers: &HeaderMap) -> Style {
    Style {
        zone: Tz::UTC,
        language: language::accepted(headers),
    }
}

/// The answer, once its first page has been read. A later failure breaks the answer off, so that
/// nobody takes a part for the whole.
pub(super) async fn answer(mut transcript: Transcript, style: Style) -> Result<Response, ApiError> {
    let name = style.file_name(transcript.began_at);
    let disposition = HeaderValue::try_from(format!("attachment; filename=\"{name}\""));
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

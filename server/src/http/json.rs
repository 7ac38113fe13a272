//! A JSON request body, or none, refused as the contract says.

use app::contract::{ErrorCode, MAX_REQUEST_BYTES};
use axum::{
    body::Bytes,
    extract::{FromRequest, Request, rejection::BytesRejection},
    http::{HeaderMap, StatusCode, header},
};
use serde::de::DeserializeOwned;

use super::problem::ApiError;

/// The body of a request whose type is `application/json`.
pub(super) struct ApiJson<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for ApiJson<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, Self::Rejection> {
        if !is_json(request.headers()) {
            return Err(ErrorCode::UnsupportedMediaType.into());
        }
        let bytes = read(request, state).await?;
        parse(&bytes)
            .map(Self)
            .map_err(|detail| ApiError::from(ErrorCode::MalformedRequest).with_detail(detail))
    }
}

/// The body of a request that needs none. Whatever it is, it is ignored, and only its size counts.
pub(super) struct NoBody;

impl<S: Send + Sync> FromRequest<S> for NoBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, Self::Rejection> {
        read(request, state).await?;
        Ok(Self)
    }
}

/// Reads a body that is not too large.
async fn read<S: Send + Sync>(request: Request, state: &S) -> Result<Bytes, ApiError> {
    if announces_too_much(request.headers()) {
        return Err(ErrorCode::PayloadTooLarge.into());
    }
    let bytes = Bytes::from_request(request, state).await;
    bytes.map_err(|rejection| refuse_bytes(&rejection))
}

/// Parses an object, or says what is wrong with the body without details of the parser.
fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    use serde_json::error::Category;

    serde_json::from_slice(body)
        .map_err(|error| {
            let wrong = match error.classify() {
                Category::Data => "a field is missing, is there twice, or is not of its type",
                Category::Syntax | Category::Eof | Category::Io => "this is not JSON",
            };
            let (line, column) = (error.line(), error.column());
            format!("{wrong}: line {line}, column {column}")
        })
        .and_then(|request| {
            if is_object(body) {
                Ok(request)
            } else {
                Err("the body has to be an object".to_owned())
            }
        })
}

/// Whether these bytes, which are JSON, are an object. serde also reads a structure from an array, with fields by
/// position. No request has another structure inside.
fn is_object(json: &[u8]) -> bool {
    json.trim_ascii_start().starts_with(b"{")
}

/// A body whose header says that it is too large is not read.
fn announces_too_much(headers: &HeaderMap) -> bool {
    let length = headers.get(header::CONTENT_LENGTH);
    let length = length.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    length.is_some_and(|length| length > MAX_REQUEST_BYTES as u64)
}

fn refuse_bytes(rejection: &BytesRejection) -> ApiError {
    match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => ErrorCode::PayloadTooLarge.into(),
        _ => ErrorCode::MalformedRequest.into(),
    }
}

/// Whether the type is `application/json`, and the charset, if there is one, UTF-8.
fn is_json(headers: &HeaderMap) -> bool {
    let mut values = headers.get_all(header::CONTENT_TYPE).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return false;
    };
    let Ok(text) = value.to_str() else {
        return false;
    };
    let mut parts = text.split(';').map(str::trim);
    parts
        .next()
        .is_some_and(|essence| essence.eq_ignore_ascii_case("application/json"))
        && parts.all(|parameter| match parameter.split_once('=') {
            Some((name, value)) if name.trim().eq_ignore_ascii_case("charset") => {
                value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8")
            }
            _ => true,
        })
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use app::contract::{
        CreateSessionRequest, ResumeSessionRequest, SendMessageRequest, SetEmailRequest,
        SetPageRequest, SetRatingRequest,
    };

    use super::*;

    const BAD: [&str; 14] = [
        "",
        "{",
        "null",
        "5",
        "\"hello\"",
        "[]",
        " [\"hello\"]",
        "[\"https://example.org/\",\"Home\"]",
        "[\"hello\",null,null,null,null,null,null]",
        "{}",
        r#"{"body":null,"initialMessage":5,"sourceUrl":{}}"#,
        r#"{"body":["x"],"initialMessage":["x"],"sourceUrl":["x"]}"#,
        r#"{"body":"a","body":"b","initialMessage":"a","initialMessage":"b","sourceUrl":"a","sourceUrl":"b"}"#,
        "{\"body\":\"\\ud800\",\"initialMessage\":\"\\ud800\",\"sourceUrl\":\"\\ud800\"}",
    ];

    fn refuses<T: DeserializeOwned>() {
        for body in BAD {
            let Err(detail) = parse::<T>(body.as_bytes()) else {
                panic!("{body} is taken");
            };
            for internal in ["struct", "Request", "expected", "serde", "invalid", "`"] {
                assert!(!detail.contains(internal), "{body}: {detail}");
            }
        }
    }

    #[test]
    fn only_objects_are_requests_and_a_refusal_names_nothing_internal() {
        refuses::<CreateSessionRequest>();
        refuses::<SendMessageRequest>();
        refuses::<SetPageRequest>();
        refuses::<SetEmailRequest>();
        refuses::<ResumeSessionRequest>();
        refuses::<SetRatingRequest>();
        for rating in [
            "null",
            "5",
            "[]",
            "true",
            "\"fine\"",
            r#"{"good":null}"#,
            r#"["good"]"#,
        ] {
            let body = format!("{{\"rating\":{rating}}}");
            let told = parse::<SetRatingRequest>(body.as_bytes()).unwrap_err();
            assert!(told.contains("not of its type"), "{body}: {told}");
        }
        let told = parse::<SendMessageRequest>(b"{\n\"body\": 5}").unwrap_err();
        assert!(told.contains("line 2, column "), "{told}");
        let read = parse::<SendMessageRequest>(b" \n{\"body\":\"hello\",\"more\":[1]}");
        assert_eq!(read.unwrap().body, "hello");
    }

    fn accepts(value: &'static str) -> bool {
        is_json(&HeaderMap::from_iter([(
            header::CONTENT_TYPE,
            HeaderValue::from_static(value),
        )]))
    }

    #[test]
    fn json_in_utf_8_is_taken_and_nothing_else() {
        for good in [
            "application/json",
            "Application/JSON",
            "application/json; charset=\"UTF-8\"",
        ] {
            assert!(accepts(good), "{good}");
        }
        for bad in [
            "",
            "text/plain",
            "application/problem+json",
            "application/json; charset=latin1",
        ] {
            assert!(!accepts(bad), "{bad}");
        }
        assert!(!is_json(&HeaderMap::new()));
    }
}

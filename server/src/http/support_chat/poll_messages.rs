//! `GET /sessions/{sessionId}/messages?after={messageId}&wait={seconds}&state={state}`. Most polls
//! without news are answered earlier, by [`crate::http::idle_poll`].

use std::time::Duration;

use app::contract::{
    BASE_PATH, ErrorCode, MAX_STATE_CHARS, MAX_WAIT_SECONDS, Marks, MessageId, PollMessages,
    PollMessagesResponse, WAIT_HEADER,
};
use axum::{
    extract::{Query, State, rejection::QueryRejection},
    http::{HeaderName, HeaderValue, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use uuid::Uuid;

use super::{
    session_path::{SessionPath, parse_id},
    shared_errors::database,
};
use crate::{
    http::{
        AppState,
        bearer::Bearer,
        budgeted_body,
        openapi::{
            parameters::{OfEvery, OfPoll, OfSession},
            refusals::{COMMON, IN_SESSION, Refusals, Refuses},
        },
        problem::ApiError,
        wire,
    },
    support_chat::{Cursor, Entries, PollMessagesError, ReadError},
};

impl From<PollMessagesError> for ApiError {
    fn from(error: PollMessagesError) -> Self {
        match error {
            PollMessagesError::Access(error) => error.into(),
            PollMessagesError::Ended(ended) => ended.into(),
            PollMessagesError::UnknownCursor => ErrorCode::UnknownCursor.into(),
            PollMessagesError::Read(ReadError::NoMemory) => ErrorCode::DatabaseUnavailable.into(),
            PollMessagesError::Read(ReadError::Database(error)) => database(&error),
        }
    }
}

const WAIT: HeaderName = HeaderName::from_static(WAIT_HEADER);

#[derive(Deserialize)]
pub(super) struct Parameters {
    after: Option<String>,
    #[serde(default)]
    wait: u8,
    state: Option<String>,
}

impl Refuses for PollMessages {
    const CODES: &'static [&'static [ErrorCode]] = &[
        COMMON,
        IN_SESSION,
        &[ErrorCode::SessionClosed, ErrorCode::UnknownCursor],
    ];
}

#[utoipa::path(
    get,
    context_path = BASE_PATH,
    path = "/sessions/{sessionId}/messages",
    operation_id = "pollMessages",
    summary = "Read what is new",
    params(OfSession, OfPoll, OfEvery),
    responses(
        (
            status = 200,
            description = "What is new, oldest first",
            body = PollMessagesResponse,
            examples(("usual" = (value = json!({
                "messages": [
                    {
                        "id": "5f0c1a52-8f0e-4d0b-8a57-2f2b9b3c1d10",
                        "sender": "visitor",
                        "body": "Hello?",
                        "createdAt": "2026-05-23T09:30:00.125Z",
                        "delivery": "delivered",
                    },
                    {
                        "id": "c2f8f6f4-6d5b-4f6e-b6a7-7f7d1f1f2a31",
                        "sender": "staff",
                        "body": "Hi, we aer!",
                        "createdAt": "2026-05-23T09:30:00.125Z",
                    },
                    {
                        "id": "91b5d0c8-30a4-4c59-a5a3-5f9f9d0b7c42",
                        "sender": "staff",
                        "body": "Hi, we are!",
                        "createdAt": "2026-05-23T09:30:00.125Z",
                        "replaces": "c2f8f6f4-6d5b-4f6e-b6a7-7f7d1f1f2a31",
                    },
                ],
                "marks": {
                    "delivered": "5f0c1a52-8f0e-4d0b-8a57-2f2b9b3c1d10",
                    "seen": "5f0c1a52-8f0e-4d0b-8a57-2f2b9b3c1d10",
                },
                "staffTyping": true,
                "state": "x0bPB5mFyyz1",
            })))),
        ),
        Refusals<PollMessages>,
    ),
    security(("sessionToken" = [])),
)]
pub(super) async fn handle(
    State(state): State<AppState>,
    Bearer(token): Bearer,
    SessionPath(session_id): SessionPath,
    parameters: Result<Query<Parameters>, QueryRejection>,
) -> Result<impl IntoResponse, ApiError> {
    let Query(parameters) = parameters.map_err(|_| ApiError::from(ErrorCode::MalformedRequest))?;
    if parameters.wait > MAX_WAIT_SECONDS {
        let detail = format!("wait: at most {MAX_WAIT_SECONDS} seconds");
        return Err(ApiError::from(ErrorCode::MalformedRequest).with_detail(detail));
    }
    let known = parameters.state.as_deref();
    if known.is_some_and(|known| known.chars().count() > MAX_STATE_CHARS) {
        let detail = format!("state: at most {MAX_STATE_CHARS} characters");
        return Err(ApiError::from(ErrorCode::MalformedRequest).with_detail(detail));
    }
    let wait = Duration::from_secs(parameters.wait.into());
    let after = parameters
        .after
        .map(|text| parse_id(&text).map_or(Cursor::Foreign, Cursor::Message));
    let entries = state
        .support_chat
        .wait_for_messages(session_id, &token, after, wait, known)
        .await?;
    Ok(answer(entries))
}

pub(in crate::http) fn answer(entries: Entries) -> Response {
    let Entries {
        entries,
        more,
        signals,
        share,
    } = entries;
    let id = |id: Uuid| MessageId::from(id.to_string());
    let response = PollMessagesResponse {
        messages: entries.into_iter().map(wire::message).collect(),
        more,
        marks: Marks {
            delivered: signals.marks.delivered.map(id),
            seen: signals.marks.seen.map(id),
        },
        staff_typing: signals.staff_typing,
        state: Some(signals.state()),
    };
    let headers = [
        (WAIT, HeaderValue::from(u16::from(MAX_WAIT_SECONDS))),
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        ),
    ];
    match serde_json::to_vec(&response) {
        Ok(json) => (headers, budgeted_body::body(json, share)).into_response(),
        // Every value in it can be written as JSON.
        Err(_) => ApiError::from(ErrorCode::Internal).into_response(),
    }
}

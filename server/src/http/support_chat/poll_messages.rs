//! `GET /sessions/{sessionId}/messages?after={messageId}&wait={seconds}`. What finds nothing is mostly answered
//! by [`crate::http::idle_poll`] before it comes here.

use std::time::Duration;

use app::contract::{ErrorCode, MAX_WAIT_SECONDS, PollMessagesResponse, WAIT_HEADER};
use axum::{
    extract::{Query, State, rejection::QueryRejection},
    http::{HeaderName, HeaderValue, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;

use super::session_path::{SessionPath, parse_id};
use crate::{
    http::{AppState, bearer::Bearer, held, problem::ApiError},
    support_chat::{Cursor, Entries},
};

const WAIT: HeaderName = HeaderName::from_static(WAIT_HEADER);

#[derive(Deserialize)]
pub(super) struct Parameters {
    after: Option<String>,
    #[serde(default)]
    wait: u8,
}

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
    let wait = Duration::from_secs(parameters.wait.into());
    let after = parameters
        .after
        .map(|text| parse_id(&text).map_or(Cursor::Foreign, Cursor::Message));
    let entries = state
        .support_chat
        .wait_for_messages(session_id, &token, after, wait)
        .await?;
    Ok(answer(entries))
}

pub(in crate::http) fn answer(entries: Entries) -> Response {
    let Entries {
        messages,
        more,
        share,
    } = entries;
    let headers = [
        (WAIT, HeaderValue::from(u16::from(MAX_WAIT_SECONDS))),
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        ),
    ];
    match serde_json::to_vec(&PollMessagesResponse { messages, more }) {
        Ok(json) => (headers, held::body(json, share)).into_response(),
        // There is nothing in it that JSON does not have.
        Err(_) => ApiError::from(ErrorCode::Internal).into_response(),
    }
}

//! `GET /sessions/{sessionId}/messages?after={messageId}&wait={seconds}`. What finds nothing is mostly answered
//! by [`crate::http::idle_poll`] before it comes here.

use std::time::Duration;

use app::contract::{ErrorCode, MAX_WAIT_SECONDS, Message, PollMessagesResponse, WAIT_HEADER};
use axum::{
    Json,
    extract::{Query, State, rejection::QueryRejection},
    http::{HeaderName, HeaderValue},
    response::IntoResponse,
};
use serde::Deserialize;

use super::session_path::{SessionPath, parse_id};
use crate::{
    http::{AppState, bearer::Bearer, problem::ApiError},
    support_chat::Cursor,
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
    let messages = state
        .support_chat
        .wait_for_messages(session_id, &token, after, wait)
        .await?;
    Ok(answer(messages))
}

pub(in crate::http) fn answer(messages: Vec<Message>) -> impl IntoResponse {
    let wait = [(WAIT, HeaderValue::from(u16::from(MAX_WAIT_SECONDS)))];
    (wait, Json(PollMessagesResponse { messages }))
}

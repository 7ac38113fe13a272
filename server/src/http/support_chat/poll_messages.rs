//! `GET /sessions/{sessionId}/messages?after={messageId}`.

use app::contract::{ErrorCode, PollMessagesResponse};
use axum::{
    Json,
    extract::{Query, State, rejection::QueryRejection},
};
use serde::Deserialize;

use super::session_path::{SessionPath, parse_id};
use crate::{
    http::{AppState, bearer::Bearer, problem::ApiError},
    support_chat::Cursor,
};

#[derive(Deserialize)]
pub(super) struct Parameters {
    after: Option<String>,
}

pub(super) async fn handle(
    State(state): State<AppState>,
    Bearer(token): Bearer,
    SessionPath(session_id): SessionPath,
    parameters: Result<Query<Parameters>, QueryRejection>,
) -> Result<Json<PollMessagesResponse>, ApiError> {
    let Query(parameters) = parameters.map_err(|_| ApiError::from(ErrorCode::MalformedRequest))?;
    let after = parameters
        .after
        .map(|text| parse_id(&text).map_or(Cursor::Foreign, Cursor::Message));
    let messages = state
        .support_chat
        .poll_messages(session_id, &token, after)
        .await?;
    Ok(Json(PollMessagesResponse { messages }))
}

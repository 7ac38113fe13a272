//! `POST /sessions/{sessionId}/messages`.

use app::contract::{SendMessageRequest, SendMessageResponse};
use axum::{Json, extract::State, http::StatusCode};

use super::{OptionalKey, message_body, session_path::SessionPath};
use crate::{
    http::{AppState, bearer::Bearer, json::ApiJson, problem::ApiError},
    storage::messages::rfc3339,
};

pub(super) async fn handle(
    State(state): State<AppState>,
    Bearer(token): Bearer,
    SessionPath(session_id): SessionPath,
    OptionalKey(key): OptionalKey,
    ApiJson(request): ApiJson<SendMessageRequest>,
) -> Result<(StatusCode, Json<SendMessageResponse>), ApiError> {
    let body = message_body("body", request.body, state.config.limits.max_message_chars)?;
    let stored = state
        .support_chat
        .send_message(session_id, &token, &body, key.as_ref())
        .await?;
    let response = SendMessageResponse {
        message_id: stored.id.to_string().into(),
        created_at: rfc3339(stored.created_at),
    };
    Ok((StatusCode::CREATED, Json(response)))
}

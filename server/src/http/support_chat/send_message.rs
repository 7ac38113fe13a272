//! `POST /sessions/{sessionId}/messages`.

use app::contract::{ErrorCode, SendMessageRequest, SendMessageResponse};
use axum::{Json, extract::State, http::StatusCode};
use secrecy::SecretString;
use uuid::Uuid;

use super::{OptionalKey, message_body, session_path::SessionPath};
use crate::{
    http::{AppState, bearer::Bearer, json::ApiJson, problem::ApiError, wire::rfc3339},
    support_chat::{IdempotencyKey, SendMessageError},
};

impl From<SendMessageError> for ApiError {
    fn from(error: SendMessageError) -> Self {
        match error {
            SendMessageError::Access(error) => error.into(),
            SendMessageError::Ended(ended) => ended.into(),
            SendMessageError::KeyReused(_) => ErrorCode::IdempotencyKeyReused.into(),
            SendMessageError::RateLimited(wait) => Self::rate_limited(wait),
            SendMessageError::Write(error) => error.into(),
        }
    }
}

pub(super) async fn handle(
    State(state): State<AppState>,
    Bearer(token): Bearer,
    SessionPath(session_id): SessionPath,
    OptionalKey(key): OptionalKey,
    ApiJson(request): ApiJson<SendMessageRequest>,
) -> Result<(StatusCode, Json<SendMessageResponse>), ApiError> {
    let sent = send_message(&state, session_id, &token, key.as_ref(), request).await?;
    Ok((StatusCode::CREATED, Json(sent)))
}

/// The operation, whichever way the request came.
pub(in crate::http) async fn send_message(
    state: &AppState,
    session_id: Uuid,
    token: &SecretString,
    key: Option<&IdempotencyKey>,
    request: SendMessageRequest,
) -> Result<SendMessageResponse, ApiError> {
    let max_chars = state.config.limits.max_message_chars;
    let body = match message_body("body", request.body, max_chars) {
        Ok(body) => body,
        // It counts as any other.
        Err(error) => {
            state.support_chat.take_message(session_id)?;
            return Err(error);
        }
    };
    let stored = state
        .support_chat
        .send_message(session_id, token, &body, key)
        .await?;
    Ok(SendMessageResponse {
        message_id: stored.id.to_string().into(),
        created_at: rfc3339(stored.created_at),
    })
}

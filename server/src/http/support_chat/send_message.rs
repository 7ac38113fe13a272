//! `POST /sessions/{sessionId}/messages`.

use app::contract::{BASE_PATH, ErrorCode, SendMessage, SendMessageRequest, SendMessageResponse};
use axum::{Json, extract::State, http::StatusCode};
use secrecy::SecretString;
use uuid::Uuid;

use super::{OptionalKey, message_body, session_path::SessionPath};
use crate::{
    http::{
        AppState,
        bearer::Bearer,
        json::ApiJson,
        openapi::{
            parameters::{OfEvery, OfMaking, OfSession},
            refusals::{CHANGING, COMMON, IN_SESSION, Refusals, Refuses, WITH_MESSAGE},
        },
        problem::ApiError,
        wire::rfc3339,
    },
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

impl Refuses for SendMessage {
    const CODES: &'static [&'static [ErrorCode]] = &[
        COMMON,
        CHANGING,
        IN_SESSION,
        WITH_MESSAGE,
        &[ErrorCode::SessionClosed],
    ];
    const FIELD: &'static str = "body";
}

#[utoipa::path(
    post,
    context_path = BASE_PATH,
    path = "/sessions/{sessionId}/messages",
    operation_id = "sendMessage",
    summary = "Say something",
    params(OfSession, OfMaking, OfEvery),
    request_body(
        content = SendMessageRequest,
        examples(("usual" = (value = json!({ "body": "It is about my order." })))),
    ),
    responses(
        (
            status = 201,
            description = "Accepted: it will reach the staff exactly once and in order",
            links(
                ("send" = (operation_id = "sendMessage", parameters(("sessionId" = "$request.path.sessionId")))),
                ("poll" = (
                    operation_id = "pollMessages",
                    parameters(("sessionId" = "$request.path.sessionId"), ("after" = "$response.body#/messageId")),
                )),
                ("close" = (operation_id = "closeSession", parameters(("sessionId" = "$request.path.sessionId")))),
                ("setPage" = (operation_id = "setPage", parameters(("sessionId" = "$request.path.sessionId")))),
            ),
            body = SendMessageResponse,
            examples(("usual" = (value = json!({
                "messageId": "5f0c1a52-8f0e-4d0b-8a57-2f2b9b3c1d10",
                "createdAt": "2026-05-23T09:30:00.125Z",
            })))),
        ),
        Refusals<SendMessage>,
    ),
    security(("sessionToken" = [])),
)]
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

/// Carries out the operation for the API and for the page.
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
        // An invalid text is reported only if the conversation is open, and counts in the limit
        // like any other.
        Err(error) => {
            state.support_chat.require_open(session_id, token).await?;
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

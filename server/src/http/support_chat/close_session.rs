//! `POST /sessions/{sessionId}/close`.

use app::contract::{BASE_PATH, CloseSession, ErrorCode};
use axum::{extract::State, http::StatusCode};

use super::session_path::SessionPath;
use crate::{
    http::{
        AppState,
        bearer::Bearer,
        json::NoBody,
        openapi::{
            parameters::{OfEvery, OfSession},
            refusals::{CHANGING, COMMON, IN_SESSION, Refusals, Refuses},
        },
        problem::ApiError,
    },
    support_chat::CloseSessionError,
};

impl From<CloseSessionError> for ApiError {
    fn from(error: CloseSessionError) -> Self {
        match error {
            CloseSessionError::Access(error) => error.into(),
            CloseSessionError::SessionExpired => ErrorCode::SessionExpired.into(),
            CloseSessionError::Write(error) => error.into(),
        }
    }
}

impl Refuses for CloseSession {
    const CODES: &'static [&'static [ErrorCode]] =
        &[COMMON, CHANGING, IN_SESSION, &[ErrorCode::PayloadTooLarge]];
}

#[utoipa::path(
    post,
    context_path = BASE_PATH,
    path = "/sessions/{sessionId}/close",
    operation_id = "closeSession",
    summary = "End the conversation",
    params(OfSession, OfEvery),
    responses(
        (status = 204, description = "The conversation is over, now or since an earlier request"),
        Refusals<CloseSession>,
    ),
    security(("sessionToken" = [])),
)]
pub(super) async fn handle(
    State(state): State<AppState>,
    Bearer(token): Bearer,
    SessionPath(session_id): SessionPath,
    _: NoBody,
) -> Result<StatusCode, ApiError> {
    state.support_chat.close_session(session_id, &token).await?;
    Ok(StatusCode::NO_CONTENT)
}

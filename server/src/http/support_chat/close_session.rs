//! `POST /sessions/{sessionId}/close`.

use app::contract::ErrorCode;
use axum::{extract::State, http::StatusCode};

use super::session_path::SessionPath;
use crate::{
    http::{AppState, bearer::Bearer, problem::ApiError},
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

pub(super) async fn handle(
    State(state): State<AppState>,
    Bearer(token): Bearer,
    SessionPath(session_id): SessionPath,
) -> Result<StatusCode, ApiError> {
    state.support_chat.close_session(session_id, &token).await?;
    Ok(StatusCode::NO_CONTENT)
}

//! `POST /sessions/{sessionId}/typing`.

use axum::{extract::State, http::StatusCode};

use super::{session_path::SessionPath, shared_errors::database};
use crate::{
    http::{AppState, bearer::Bearer, problem::ApiError},
    support_chat::SetTypingError,
};

impl From<SetTypingError> for ApiError {
    fn from(error: SetTypingError) -> Self {
        match error {
            SetTypingError::Access(error) => error.into(),
            SetTypingError::Ended(ended) => ended.into(),
            SetTypingError::Database(error) => database(&error),
        }
    }
}

pub(super) async fn handle(
    State(state): State<AppState>,
    Bearer(token): Bearer,
    SessionPath(session_id): SessionPath,
) -> Result<StatusCode, ApiError> {
    state.support_chat.set_typing(session_id, &token).await?;
    Ok(StatusCode::NO_CONTENT)
}

//! `POST /sessions/{sessionId}/typing`.

use axum::{extract::State, http::StatusCode};

use super::session_path::SessionPath;
use crate::http::{AppState, bearer::Bearer, problem::ApiError};

pub(super) async fn handle(
    State(state): State<AppState>,
    Bearer(token): Bearer,
    SessionPath(session_id): SessionPath,
) -> Result<StatusCode, ApiError> {
    state.support_chat.set_typing(session_id, &token).await?;
    Ok(StatusCode::NO_CONTENT)
}

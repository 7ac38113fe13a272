//! `PUT /sessions/{sessionId}/page`.

use app::contract::SetPageRequest;
use axum::{extract::State, http::StatusCode};

use super::{refuse_invalid, session_path::SessionPath, visitor_fields};
use crate::{
    http::{AppState, bearer::Bearer, json::ApiJson, problem::ApiError},
    support_chat::SetPageError,
};

impl From<SetPageError> for ApiError {
    fn from(error: SetPageError) -> Self {
        match error {
            SetPageError::Access(error) => error.into(),
            SetPageError::Ended(ended) => ended.into(),
            SetPageError::Write(error) => error.into(),
        }
    }
}

pub(super) async fn handle(
    State(state): State<AppState>,
    Bearer(token): Bearer,
    SessionPath(session_id): SessionPath,
    ApiJson(request): ApiJson<SetPageRequest>,
) -> Result<StatusCode, ApiError> {
    let page = visitor_fields::page(&request).map_err(|invalid| refuse_invalid(&invalid))?;
    state
        .support_chat
        .set_page(session_id, &token, &page)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

//! `POST /sessions/{sessionId}/typing`.

use app::contract::{BASE_PATH, ErrorCode, SetTyping};
use axum::{extract::State, http::StatusCode};

use super::session_path::SessionPath;
use crate::http::{
    AppState,
    bearer::Bearer,
    json::NoBody,
    openapi::{
        parameters::{OfEvery, OfSession},
        refusals::{COMMON, IN_SESSION, Refusals, Refuses},
    },
    problem::ApiError,
};

impl Refuses for SetTyping {
    const CODES: &'static [&'static [ErrorCode]] = &[
        COMMON,
        IN_SESSION,
        &[ErrorCode::SessionClosed, ErrorCode::PayloadTooLarge],
    ];
}

#[utoipa::path(
    post,
    context_path = BASE_PATH,
    path = "/sessions/{sessionId}/typing",
    operation_id = "setTyping",
    summary = "Say that the visitor is typing",
    params(OfSession, OfEvery),
    responses(
        (
            status = 204,
            description = "Staff may be told that the visitor is typing; one in 3 seconds counts"
        ),
        Refusals<SetTyping>,
    ),
    security(("sessionToken" = [])),
)]
pub(super) async fn handle(
    State(state): State<AppState>,
    Bearer(token): Bearer,
    SessionPath(session_id): SessionPath,
    _: NoBody,
) -> Result<StatusCode, ApiError> {
    state.support_chat.set_typing(session_id, &token).await?;
    Ok(StatusCode::NO_CONTENT)
}

//! `DELETE /sessions/{sessionId}`.

use app::contract::{BASE_PATH, EraseSession, ErrorCode};
use axum::{extract::State, http::StatusCode};

use super::session_path::SessionPath;
use crate::{
    http::{
        AppState,
        bearer::Bearer,
        json::NoBody,
        openapi::{
            parameters::{OfEvery, OfSession},
            refusals::{CHANGING, COMMON, Refusals, Refuses},
        },
        problem::ApiError,
    },
    support_chat::EraseSessionError,
};

impl From<EraseSessionError> for ApiError {
    fn from(error: EraseSessionError) -> Self {
        match error {
            EraseSessionError::Access(error) => error.into(),
            EraseSessionError::Write(error) => error.into(),
        }
    }
}

impl Refuses for EraseSession {
    const CODES: &'static [&'static [ErrorCode]] = &[
        COMMON,
        CHANGING,
        &[
            ErrorCode::InvalidToken,
            ErrorCode::SessionNotFound,
            ErrorCode::PayloadTooLarge,
        ],
    ];
}

#[utoipa::path(
    delete,
    context_path = BASE_PATH,
    path = "/sessions/{sessionId}",
    operation_id = "eraseSession",
    summary = "Erase the conversation",
    description = "Removes what was said and who the visitor was, also after the end. Staff's own messages stay with them.",
    params(OfSession, OfEvery),
    responses(
        (status = 204, description = "The conversation is gone; there is no such session any more"),
        Refusals<EraseSession>,
    ),
    security(("sessionToken" = [])),
)]
pub(super) async fn handle(
    State(state): State<AppState>,
    Bearer(token): Bearer,
    SessionPath(session_id): SessionPath,
    _: NoBody,
) -> Result<StatusCode, ApiError> {
    state.support_chat.erase_session(session_id, &token).await?;
    Ok(StatusCode::NO_CONTENT)
}

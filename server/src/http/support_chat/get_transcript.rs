//! `GET /sessions/{sessionId}/transcript?timeZone={name}`.

use app::contract::{BASE_PATH, ErrorCode, GetTranscript};
use axum::{extract::State, response::Response};

use super::{session_path::SessionPath, shared_errors::database};
use crate::{
    http::{
        AppState,
        bearer::Bearer,
        openapi::{
            parameters::{OfEvery, OfSession, OfTranscript},
            refusals::{COMMON, IN_SESSION, Refusals, Refuses},
        },
        problem::ApiError,
        transcript::{self, RequestedStyle},
    },
    support_chat::GetTranscriptError,
};

impl From<GetTranscriptError> for ApiError {
    fn from(error: GetTranscriptError) -> Self {
        match error {
            GetTranscriptError::Access(error) => error.into(),
            GetTranscriptError::Ended(ended) => ended.into(),
            GetTranscriptError::NoMemory => ErrorCode::DatabaseUnavailable.into(),
            GetTranscriptError::Database(error) => database(&error),
        }
    }
}

impl Refuses for GetTranscript {
    const CODES: &'static [&'static [ErrorCode]] =
        &[COMMON, IN_SESSION, &[ErrorCode::SessionClosed]];
}

#[utoipa::path(
    get,
    context_path = BASE_PATH,
    path = "/sessions/{sessionId}/transcript",
    operation_id = "getTranscript",
    summary = "Save the conversation as a text, also for 24 hours after its end",
    params(OfSession, OfTranscript, OfEvery),
    responses(
        (
            status = 200,
            description = "The conversation as it reads now, oldest first",
            body = String,
            content_type = "text/plain; charset=utf-8",
        ),
        Refusals<GetTranscript>,
    ),
    security(("sessionToken" = [])),
)]
pub(super) async fn handle(
    State(state): State<AppState>,
    Bearer(token): Bearer,
    SessionPath(session_id): SessionPath,
    RequestedStyle(style): RequestedStyle,
) -> Result<Response, ApiError> {
    let transcript = state.support_chat.get_transcript(session_id, &token);
    transcript::answer(transcript.await?, style).await
}

//! `POST /sessions/resume`.

use app::contract::{
    BASE_PATH, ErrorCode, ResumeSession, ResumeSessionRequest, ResumeSessionResponse,
};
use axum::{Json, extract::State, http::StatusCode};

use super::OptionalKey;
use crate::{
    http::{
        AppState,
        json::ApiJson,
        openapi::{
            parameters::{OfEvery, OfMaking},
            refusals::{CHANGING, COMMON, Refusals, Refuses},
        },
        problem::ApiError,
    },
    support_chat::{IdempotencyKey, ResumeSessionError},
};

impl From<ResumeSessionError> for ApiError {
    fn from(error: ResumeSessionError) -> Self {
        match error {
            ResumeSessionError::Unknown => ErrorCode::ResumeCodeUnknown.into(),
            ResumeSessionError::KeyReused(_) => ErrorCode::IdempotencyKeyReused.into(),
            ResumeSessionError::Ended(ended) => ended.into(),
            ResumeSessionError::Write(error) => error.into(),
        }
    }
}

impl Refuses for ResumeSession {
    const CODES: &'static [&'static [ErrorCode]] = &[
        COMMON,
        CHANGING,
        &[
            ErrorCode::ResumeCodeUnknown,
            ErrorCode::SessionClosed,
            ErrorCode::PayloadTooLarge,
            ErrorCode::UnsupportedMediaType,
            ErrorCode::IdempotencyKeyReused,
        ],
    ];
}

#[utoipa::path(
    post,
    context_path = BASE_PATH,
    path = "/sessions/resume",
    operation_id = "resumeSession",
    summary = "Go on with a conversation by a code from a mail",
    params(OfMaking, OfEvery),
    request_body(
        content = ResumeSessionRequest,
        examples(("usual" = (value = json!({ "code": "an-example-of-a-code-has-43-characters_____" })))),
    ),
    responses(
        (
            status = 201,
            description = "The conversation goes on; the tokens that it has go on working",
            body = ResumeSessionResponse,
            examples(("usual" = (value = json!({
                "sessionId": "0b6f2a0e-4a6e-4d5c-9a51-0f4f6c6f8d27",
                "token": "an-example-of-a-token-has-43-characters____",
                "messages": [],
            })))),
        ),
        Refusals<ResumeSession>,
    ),
)]
pub(super) async fn handle(
    State(state): State<AppState>,
    OptionalKey(key): OptionalKey,
    ApiJson(request): ApiJson<ResumeSessionRequest>,
) -> Result<(StatusCode, Json<ResumeSessionResponse>), ApiError> {
    let resumed = resume_session(&state, key.as_ref(), &request.code).await?;
    Ok((StatusCode::CREATED, Json(resumed)))
}

/// Carries out the operation for the API and for the page.
pub(in crate::http) async fn resume_session(
    state: &AppState,
    key: Option<&IdempotencyKey>,
    code: &str,
) -> Result<ResumeSessionResponse, ApiError> {
    let resumed = state.support_chat.resume_session(code, key).await?;
    Ok(ResumeSessionResponse {
        session_id: resumed.session_id.to_string().into(),
        token: resumed.token.expose().to_owned(),
        messages: Vec::new(),
    })
}

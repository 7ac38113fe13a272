//! `PUT /sessions/{sessionId}/rating`.

use app::contract::{BASE_PATH, ErrorCode, SetRating, SetRatingRequest};
use axum::{extract::State, http::StatusCode};
use secrecy::SecretString;
use uuid::Uuid;

use super::{refuse_invalid, session_path::SessionPath, visitor_fields};
use crate::{
    http::{
        AppState,
        bearer::Bearer,
        json::ApiJson,
        openapi::{
            parameters::{OfEvery, OfSession},
            refusals::{CHANGING, COMMON, IN_SESSION, Refusals, Refuses},
        },
        problem::ApiError,
    },
    support_chat::SetRatingError,
};

impl From<SetRatingError> for ApiError {
    fn from(error: SetRatingError) -> Self {
        match error {
            SetRatingError::Access(error) => error.into(),
            SetRatingError::Ended(ended) => ended.into(),
            SetRatingError::RateLimited(wait) => Self::rate_limited(wait),
            SetRatingError::Write(error) => error.into(),
        }
    }
}

impl Refuses for SetRating {
    const CODES: &'static [&'static [ErrorCode]] = &[
        COMMON,
        CHANGING,
        IN_SESSION,
        &[
            ErrorCode::PayloadTooLarge,
            ErrorCode::UnsupportedMediaType,
            ErrorCode::InvalidField,
            ErrorCode::SessionClosed,
            ErrorCode::NotFound,
        ],
    ];
    const FIELD: &'static str = "comment";
}

#[utoipa::path(
    put,
    context_path = BASE_PATH,
    path = "/sessions/{sessionId}/rating",
    operation_id = "setRating",
    summary = "Say how the conversation was, also for 24 hours after its end",
    params(OfSession, OfEvery),
    request_body(
        content = SetRatingRequest,
        examples(("usual" = (value = json!({ "rating": "good", "comment": "Quick and kind." })))),
    ),
    responses(
        (status = 204, description = "Staff are told, unless they know"),
        Refusals<SetRating>,
    ),
    security(("sessionToken" = [])),
)]
pub(super) async fn handle(
    State(state): State<AppState>,
    Bearer(token): Bearer,
    SessionPath(session_id): SessionPath,
    ApiJson(request): ApiJson<SetRatingRequest>,
) -> Result<StatusCode, ApiError> {
    set_rating(&state, session_id, &token, &request).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Carries out the operation for the API and for the page.
pub(in crate::http) async fn set_rating(
    state: &AppState,
    session_id: Uuid,
    token: &SecretString,
    request: &SetRatingRequest,
) -> Result<(), ApiError> {
    if !state.config.takes_ratings {
        return Err(ErrorCode::NotFound.into());
    }
    let chat = &state.support_chat;
    let rated = match visitor_fields::rated(request) {
        Ok(rated) => rated,
        // What is wrong with a comment matters only where the conversation can be rated.
        Err(invalid) => {
            chat.require_open_lately(session_id, token).await?;
            return Err(refuse_invalid(&invalid));
        }
    };
    Ok(chat.set_rating(session_id, token, &rated).await?)
}

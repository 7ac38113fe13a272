//! `PUT /sessions/{sessionId}/page`.

use app::contract::{BASE_PATH, ErrorCode, SetPage, SetPageRequest};
use axum::{extract::State, http::StatusCode};

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

impl Refuses for SetPage {
    const CODES: &'static [&'static [ErrorCode]] = &[
        COMMON,
        CHANGING,
        IN_SESSION,
        &[
            ErrorCode::PayloadTooLarge,
            ErrorCode::UnsupportedMediaType,
            ErrorCode::InvalidField,
            ErrorCode::SessionClosed,
        ],
    ];
    const FIELD: &'static str = "sourceUrl";
}

#[utoipa::path(
    put,
    context_path = BASE_PATH,
    path = "/sessions/{sessionId}/page",
    operation_id = "setPage",
    summary = "Say which page the visitor is on now",
    params(OfSession, OfEvery),
    request_body(
        content = SetPageRequest,
        examples(("usual" = (value = json!({
            "sourceUrl": "https://www.webdevelop.biz/contact",
            "pageTitle": "Contact",
        })))),
    ),
    responses(
        (status = 204, description = "Staff are told, unless they know"),
        Refusals<SetPage>,
    ),
    security(("sessionToken" = [])),
)]
pub(super) async fn handle(
    State(state): State<AppState>,
    Bearer(token): Bearer,
    SessionPath(session_id): SessionPath,
    ApiJson(request): ApiJson<SetPageRequest>,
) -> Result<StatusCode, ApiError> {
    let page = match visitor_fields::page(&request) {
        Ok(page) => page,
        Err(invalid) => {
            state.support_chat.require_open(session_id, &token).await?;
            return Err(refuse_invalid(&invalid));
        }
    };
    state
        .support_chat
        .set_page(session_id, &token, &page)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

//! `PUT` and `DELETE /sessions/{sessionId}/email`.

use app::contract::{BASE_PATH, ErrorCode, SetEmail, SetEmailRequest};
use axum::{
    extract::State,
    http::{HeaderMap, StatusCode},
};
use secrecy::SecretString;
use uuid::Uuid;

use super::{refuse_invalid, session_path::SessionPath, visitor_fields::InvalidField};
use crate::{
    http::{
        AppState,
        bearer::Bearer,
        json::{ApiJson, NoBody},
        language,
        openapi::{
            parameters::{OfEvery, OfSession},
            refusals::{CHANGING, COMMON, IN_SESSION, Refusals, Refuses},
        },
        problem::ApiError,
    },
    model::{EmailAddress, Language},
    support_chat::SetEmailError,
};

const FIELD: &str = "email";

impl From<SetEmailError> for ApiError {
    fn from(error: SetEmailError) -> Self {
        match error {
            SetEmailError::Access(error) => error.into(),
            SetEmailError::Ended(ended) => ended.into(),
            SetEmailError::NotOffered => {
                Self::from(ErrorCode::NotFound).with_detail("this server mails nothing")
            }
            SetEmailError::Stopped => refuse_invalid(&[InvalidField(FIELD)])
                .with_detail("whoever has this address wants no mails of this conversation"),
            SetEmailError::Write(error) => error.into(),
        }
    }
}

impl Refuses for SetEmail {
    const CODES: &'static [&'static [ErrorCode]] = &[
        COMMON,
        CHANGING,
        IN_SESSION,
        &[
            ErrorCode::NotFound,
            ErrorCode::PayloadTooLarge,
            ErrorCode::UnsupportedMediaType,
            ErrorCode::InvalidField,
            ErrorCode::SessionClosed,
        ],
    ];
    const FIELD: &'static str = FIELD;
}

/// `DELETE` on its own, for the problems that it can return.
struct ForgetEmail;

impl Refuses for ForgetEmail {
    const CODES: &'static [&'static [ErrorCode]] = &[
        COMMON,
        CHANGING,
        IN_SESSION,
        &[ErrorCode::SessionClosed, ErrorCode::PayloadTooLarge],
    ];
}

#[utoipa::path(
    put,
    context_path = BASE_PATH,
    path = "/sessions/{sessionId}/email",
    operation_id = "setEmail",
    summary = "Say where replies are mailed that nobody fetches",
    params(OfSession, OfEvery),
    request_body(
        content = SetEmailRequest,
        examples(("usual" = (value = json!({ "email": "ada@example.com" })))),
    ),
    responses(
        (status = 204, description = "Replies that nobody fetches are mailed there"),
        Refusals<SetEmail>,
    ),
    security(("sessionToken" = [])),
)]
pub(super) async fn handle(
    State(state): State<AppState>,
    Bearer(token): Bearer,
    SessionPath(session_id): SessionPath,
    headers: HeaderMap,
    ApiJson(request): ApiJson<SetEmailRequest>,
) -> Result<StatusCode, ApiError> {
    let language = language::accepted(&headers);
    set_email(&state, session_id, &token, &request.email, language).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The operation, whichever way the request came.
pub(in crate::http) async fn set_email(
    state: &AppState,
    session_id: Uuid,
    token: &SecretString,
    email: &str,
    language: Language,
) -> Result<(), ApiError> {
    let chat = &state.support_chat;
    let Some(address) = EmailAddress::parse(email) else {
        chat.require_open(session_id, token).await?;
        return Err(refuse_invalid(&[InvalidField(FIELD)]));
    };
    Ok(chat
        .set_email(session_id, token, &address, language)
        .await?)
}

#[utoipa::path(
    delete,
    context_path = BASE_PATH,
    path = "/sessions/{sessionId}/email",
    operation_id = "forgetEmail",
    summary = "Say that nothing is to be mailed",
    params(OfSession, OfEvery),
    responses(
        (status = 204, description = "Nothing is mailed, and codes that were mailed are void"),
        Refusals<ForgetEmail>,
    ),
    security(("sessionToken" = [])),
)]
pub(super) async fn forget(
    State(state): State<AppState>,
    Bearer(token): Bearer,
    SessionPath(session_id): SessionPath,
    _: NoBody,
) -> Result<StatusCode, ApiError> {
    state.support_chat.forget_email(session_id, &token).await?;
    Ok(StatusCode::NO_CONTENT)
}

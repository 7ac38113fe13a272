//! `POST /sessions/{sessionId}/transcript/mail?timeZone={name}`.

use app::contract::{BASE_PATH, ErrorCode, MailTranscript};
use axum::{extract::State, http::StatusCode};

use super::{OptionalKey, refuse_invalid, session_path::SessionPath, visitor_fields::InvalidField};
use crate::{
    http::{
        AppState,
        bearer::Bearer,
        openapi::{
            parameters::{OfEvery, OfMaking, OfSession, OfTimes},
            refusals::{CHANGING, COMMON, IN_SESSION, Refusals, Refuses},
        },
        problem::ApiError,
        transcript::RequestedStyle,
    },
    support_chat::MailTranscriptError,
};

const FIELD: &str = "email";

impl From<MailTranscriptError> for ApiError {
    fn from(error: MailTranscriptError) -> Self {
        match error {
            MailTranscriptError::Access(error) => error.into(),
            MailTranscriptError::Ended(ended) => ended.into(),
            MailTranscriptError::NotOffered => {
                Self::from(ErrorCode::NotFound).with_detail("this server mails nothing")
            }
            MailTranscriptError::NoAddress => refuse_invalid(&[InvalidField(FIELD)])
                .with_detail("there is no address that mails of this conversation are sent to"),
            MailTranscriptError::RateLimited(wait) => Self::rate_limited(wait),
            MailTranscriptError::Write(error) => error.into(),
        }
    }
}

impl Refuses for MailTranscript {
    const CODES: &'static [&'static [ErrorCode]] = &[
        COMMON,
        CHANGING,
        IN_SESSION,
        &[
            ErrorCode::NotFound,
            ErrorCode::InvalidField,
            ErrorCode::SessionClosed,
        ],
    ];
    const FIELD: &'static str = FIELD;
}

#[utoipa::path(
    post,
    context_path = BASE_PATH,
    path = "/sessions/{sessionId}/transcript/mail",
    operation_id = "mailTranscript",
    summary = "Have the conversation mailed to the address of `setEmail`, also for 24 hours after the end",
    params(OfSession, OfTimes, OfMaking, OfEvery),
    responses(
        (status = 204, description = "It will be mailed, as it reads then"),
        Refusals<MailTranscript>,
    ),
    security(("sessionToken" = [])),
)]
pub(super) async fn handle(
    State(state): State<AppState>,
    Bearer(token): Bearer,
    SessionPath(session_id): SessionPath,
    RequestedStyle(style): RequestedStyle,
    OptionalKey(key): OptionalKey,
) -> Result<StatusCode, ApiError> {
    state
        .support_chat
        .mail_transcript(session_id, &token, key.as_ref(), style.zone)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

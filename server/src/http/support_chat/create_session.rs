//! `POST /sessions`.

use std::net::IpAddr;

use app::contract::{
    BASE_PATH, CreateSession, CreateSessionRequest, CreateSessionResponse, ErrorCode,
};
use axum::{Json, extract::State, http::StatusCode};

use super::{OptionalKey, message_body, refuse_invalid, shared_errors::database, visitor_fields};
use crate::{
    http::{
        AppState,
        client_address::ClientAddress,
        json::ApiJson,
        openapi::{
            parameters::{OfEvery, OfMaking},
            refusals::{CHANGING, COMMON, Refusals, Refuses, WITH_MESSAGE},
        },
        problem::ApiError,
        wire::rfc3339,
    },
    support_chat::{AdmissionError, CreateSessionError, IdempotencyKey, NewSession},
};

impl From<CreateSessionError> for ApiError {
    fn from(error: CreateSessionError) -> Self {
        match error {
            CreateSessionError::KeyReused(_) => ErrorCode::IdempotencyKeyReused.into(),
            CreateSessionError::Erased => ErrorCode::SessionNotFound.into(),
            CreateSessionError::Blocked => ErrorCode::Blocked.into(),
            CreateSessionError::RelayUnavailable => ErrorCode::RelayUnavailable.into(),
            CreateSessionError::ChallengeFailed => ErrorCode::ChallengeFailed.into(),
            CreateSessionError::NotAdmitted(AdmissionError::RateLimited(wait)) => {
                Self::rate_limited(wait)
            }
            CreateSessionError::NotAdmitted(AdmissionError::ProofRequired(challenge)) => {
                Self::from(ErrorCode::ProofRequired).with_proof(challenge)
            }
            CreateSessionError::NotAdmitted(AdmissionError::Database(error)) => database(&error),
            CreateSessionError::Write(error) => error.into(),
        }
    }
}

impl Refuses for CreateSession {
    const CODES: &'static [&'static [ErrorCode]] = &[
        COMMON,
        CHANGING,
        WITH_MESSAGE,
        &[
            ErrorCode::ChallengeFailed,
            ErrorCode::ProofRequired,
            ErrorCode::Blocked,
            ErrorCode::RelayUnavailable,
            ErrorCode::SessionNotFound,
        ],
    ];
    const FIELD: &'static str = "initialMessage";
}

#[utoipa::path(
    post,
    context_path = BASE_PATH,
    path = "/sessions",
    operation_id = "createSession",
    summary = "Begin a conversation with its first message",
    params(OfMaking, OfEvery),
    request_body(
        content = CreateSessionRequest,
        examples(("usual" = (value = json!({
            "initialMessage": "Hello, is anybody there?",
            "sourceUrl": "https://www.webdevelop.biz/pricing",
            "pageTitle": "Pricing",
            "visitorName": "Ada",
            "visitorEmail": "ada@example.com",
        })))),
    ),
    responses(
        (
            status = 201,
            description = "The conversation has begun",
            links(
                ("send" = (operation_id = "sendMessage", parameters(("sessionId" = "$response.body#/sessionId")))),
                ("poll" = (
                    operation_id = "pollMessages",
                    parameters(("sessionId" = "$response.body#/sessionId"), ("after" = "$response.body#/messageId")),
                )),
                ("close" = (operation_id = "closeSession", parameters(("sessionId" = "$response.body#/sessionId")))),
                ("setPage" = (operation_id = "setPage", parameters(("sessionId" = "$response.body#/sessionId")))),
                ("getTranscript" = (
                    operation_id = "getTranscript",
                    parameters(("sessionId" = "$response.body#/sessionId")),
                )),
                ("setRating" = (operation_id = "setRating", parameters(("sessionId" = "$response.body#/sessionId")))),
            ),
            body = CreateSessionResponse,
            examples(("usual" = (value = json!({
                "sessionId": "0b6f2a0e-4a6e-4d5c-9a51-0f4f6c6f8d27",
                "token": "an-example-of-a-token-has-43-characters____",
                "messages": [],
                "messageId": "5f0c1a52-8f0e-4d0b-8a57-2f2b9b3c1d10",
                "createdAt": "2026-05-23T09:30:00.125Z",
            })))),
        ),
        Refusals<CreateSession>,
    ),
)]
pub(super) async fn handle(
    State(state): State<AppState>,
    ClientAddress(address): ClientAddress,
    OptionalKey(key): OptionalKey,
    ApiJson(request): ApiJson<CreateSessionRequest>,
) -> Result<(StatusCode, Json<CreateSessionResponse>), ApiError> {
    let created = create_session(&state, address, key.as_ref(), request).await?;
    Ok((StatusCode::CREATED, Json(created)))
}

/// Carries out the operation for the API and for the page.
pub(in crate::http) async fn create_session(
    state: &AppState,
    address: IpAddr,
    key: Option<&IdempotencyKey>,
    request: CreateSessionRequest,
) -> Result<CreateSessionResponse, ApiError> {
    let visitor = visitor_fields::details(&request).map_err(|invalid| refuse_invalid(&invalid));
    let max_chars = state.config.limits.max_message_chars;
    let initial_message = message_body("initialMessage", request.initial_message, max_chars)?;
    let new = NewSession {
        initial_message,
        visitor: visitor?,
        turnstile_token: request.turnstile_token,
        proof: request.proof,
        identity: request.identity,
    };
    let turnstile = state.config.turnstile.as_ref();
    let started = state
        .support_chat
        .create_session(&new, key, address)
        .await
        .map_err(|error| {
            let site_key = turnstile.and_then(|turnstile| turnstile.site_key.clone());
            ApiError::from(error).with_site_key(site_key)
        })?;
    Ok(CreateSessionResponse {
        session_id: started.session_id.to_string().into(),
        token: started.token.expose().to_owned(),
        messages: Vec::new(),
        message_id: started.message.id.to_string().into(),
        created_at: rfc3339(started.message.created_at),
    })
}

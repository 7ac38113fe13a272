//! `POST /sessions`.

use std::net::IpAddr;

use app::contract::{CreateSessionRequest, CreateSessionResponse, ErrorCode};
use axum::{Json, extract::State, http::StatusCode};

use super::{OptionalKey, message_body, refuse_invalid, shared_errors::database, visitor_fields};
use crate::{
    http::{
        AppState, client_address::ClientAddress, json::ApiJson, problem::ApiError, wire::rfc3339,
    },
    support_chat::{AdmissionError, CreateSessionError, IdempotencyKey, NewSession},
};

impl From<CreateSessionError> for ApiError {
    fn from(error: CreateSessionError) -> Self {
        match error {
            CreateSessionError::KeyReused(_) => ErrorCode::IdempotencyKeyReused.into(),
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

pub(super) async fn handle(
    State(state): State<AppState>,
    ClientAddress(address): ClientAddress,
    OptionalKey(key): OptionalKey,
    ApiJson(request): ApiJson<CreateSessionRequest>,
) -> Result<(StatusCode, Json<CreateSessionResponse>), ApiError> {
    let created = create_session(&state, address, key.as_ref(), request).await?;
    Ok((StatusCode::CREATED, Json(created)))
}

/// The operation, whichever way the request came.
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

//! The operations under `/v1/support-chat`, one file each, named as in `app::contract`.

mod close_session;
mod create_session;
mod erase_session;
mod get_availability;
mod get_transcript;
mod mail_transcript;
pub(super) mod poll_messages;
mod resume_session;
mod send_message;
mod session_path;
mod set_email;
mod set_page;
mod set_rating;
mod set_typing;
mod shared_errors;
pub(super) mod visitor_fields;

use std::net::IpAddr;

use app::contract::{
    BASE_PATH, ErrorCode, FieldError, IDEMPOTENCY_KEY_HEADER, MessageBody, MessageBodyError,
};
use axum::{
    Router,
    extract::{FromRequestParts, Request, State},
    http::{HeaderMap, HeaderValue, Method, header, request::Parts},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::any,
};
use utoipa::openapi::OpenApi;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    AppState, client_address::ClientAddress, openapi, origin, problem::ApiError, throttle,
    time_limit,
};
use crate::support_chat::{IdempotencyKey, InvalidIdempotencyKey};

use visitor_fields::InvalidField;

pub(super) use create_session::create_session;
pub(super) use resume_session::resume_session;
pub(super) use send_message::send_message;
pub(super) use session_path::parse_id;
pub(super) use set_email::set_email;
pub(super) use set_rating::set_rating;
pub(super) use shared_errors::database;

/// Each operation, where its description says.
pub(super) fn operations() -> OpenApiRouter<AppState> {
    OpenApiRouter::with_openapi(openapi::common())
        .routes(routes!(get_availability::handle))
        .routes(routes!(create_session::handle))
        .routes(routes!(resume_session::handle))
        .routes(routes!(poll_messages::handle, send_message::handle))
        .routes(routes!(close_session::handle))
        .routes(routes!(erase_session::handle))
        .routes(routes!(get_transcript::handle))
        .routes(routes!(mail_transcript::handle))
        .routes(routes!(set_email::handle, set_email::forget))
        .routes(routes!(set_page::handle))
        .routes(routes!(set_rating::handle))
        .routes(routes!(set_typing::handle))
}

/// What answers the API, and its description.
pub(super) fn router(state: AppState) -> (Router, OpenApi) {
    let (mut router, described) = operations().split_for_parts();
    for nothing in ["", "/", "/{*rest}"] {
        let refuse = any(async || ApiError::from(ErrorCode::NotFound));
        router = router.route(&format!("{BASE_PATH}{nothing}"), refuse);
    }
    let router = router
        .layer(middleware::from_fn_with_state(state.clone(), admit))
        .with_state(state);
    (router, described)
}

async fn admit(
    State(state): State<AppState>,
    ClientAddress(address): ClientAddress,
    request: Request,
    next: Next,
) -> Response {
    let origin = origin::allowed(&state.config.http.allowed_origins, request.headers());
    if request.method() == Method::OPTIONS {
        // Refused, it would hide from the page why the request that follows is refused. It costs nothing.
        let _ = throttle::take_request(&state, address);
        let mut response = ().into_response();
        origin::permit(origin, response.headers_mut());
        return response;
    }
    let mut response = match may_ask(&state, address, request.headers()) {
        Ok(()) => time_limit::run(next, request).await,
        Err(error) => error.into_response(),
    };
    finish(origin, response.headers_mut());
    response
}

/// Whether a request of the API is handled at all. Every request counts in the limit, whatever its
/// result.
pub(super) fn may_ask(
    state: &AppState,
    address: IpAddr,
    headers: &HeaderMap,
) -> Result<(), ApiError> {
    throttle::take_request(state, address)?;
    origin::check(&state.config.http.allowed_origins, headers)
}

/// What every answer of the API has; refusals too, so that the page can read them.
pub(super) fn finish(origin: Option<HeaderValue>, answer: &mut HeaderMap) {
    origin::share(origin, answer);
    answer
        .entry(header::CACHE_CONTROL)
        .or_insert(const { HeaderValue::from_static("no-store") });
}

/// The text in `field`, or its refusal.
fn message_body(field: &str, text: String, max_chars: usize) -> Result<MessageBody, ApiError> {
    MessageBody::parse(text, max_chars).map_err(|error| {
        let (code, detail) = match error {
            MessageBodyError::Empty => (ErrorCode::MessageEmpty, None),
            MessageBodyError::TooLong => (
                ErrorCode::MessageTooLong,
                Some(format!("at most {max_chars} characters")),
            ),
            MessageBodyError::ControlCharacter => (
                ErrorCode::InvalidField,
                Some("control characters other than tab, CR and LF are not allowed".to_owned()),
            ),
        };
        let error = refuse_fields(vec![FieldError {
            field: field.to_owned(),
            code,
        }]);
        match detail {
            Some(detail) => error.with_detail(detail),
            None => error,
        }
    })
}

/// 422 for these fields; the first one's code is the whole's.
fn refuse_fields(fields: Vec<FieldError>) -> ApiError {
    let code = fields
        .first()
        .map_or(ErrorCode::InvalidField, |field| field.code);
    ApiError::from(code).with_fields(fields)
}

/// 422 for these fields of what a visitor says about themselves.
fn refuse_invalid(fields: &[InvalidField]) -> ApiError {
    let refused = fields.iter().map(|field| FieldError {
        field: field.0.to_owned(),
        code: ErrorCode::InvalidField,
    });
    refuse_fields(refused.collect())
}

/// `Idempotency-Key`, where there is one.
struct OptionalKey(Option<IdempotencyKey>);

impl<S: Send + Sync> FromRequestParts<S> for OptionalKey {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let mut values = parts.headers.get_all(IDEMPOTENCY_KEY_HEADER).iter();
        let key = match (values.next(), values.next()) {
            (None, _) => Ok(None),
            (Some(value), None) => IdempotencyKey::parse(value.as_bytes()).map(Some),
            (Some(_), Some(_)) => Err(InvalidIdempotencyKey),
        };
        key.map(Self).map_err(|error| {
            ApiError::from(ErrorCode::MalformedRequest).with_detail(error.to_string())
        })
    }
}

//! The Leptos server functions behind the forms: they adapt, and decide nothing of their own.

use std::sync::{Arc, OnceLock};

use app::contract::{CreateSessionRequest, ErrorCode, SendMessageRequest};
use axum::{extract::Request, http::header};
use leptos::{prelude::*, server_fn::axum::register_explicit};

use super::{Visit, as_typed, cookie::SessionCookie};
use crate::{
    http::{problem::ApiError, support_chat},
    support_chat::IdempotencyKey,
};

/// What was done.
#[derive(Clone, Debug)]
pub(super) enum Done {
    /// A conversation began: the browser is to keep this.
    Began(SessionCookie),
    /// Nothing: there is a conversation already.
    AlreadyBegun,
    /// There is something new to see.
    Changed,
    /// There may be something new to see.
    Read,
}

/// What a server function says to [`run`]. An answer of its own would be JSON, and 500 for any refusal.
type Outcome = Arc<OnceLock<Result<Done, ApiError>>>;

/// Makes the functions known by their paths.
pub(super) fn register() {
    register_explicit::<Start>();
    register_explicit::<Read>();
    register_explicit::<Say>();
    register_explicit::<End>();
}

/// Runs the server function that the request's path names.
pub(super) async fn run(visit: Visit, mut request: Request) -> Result<Done, ApiError> {
    // Who accepts HTML would be redirected to the referrer, with the error in its query.
    request.headers_mut().remove(header::ACCEPT);
    let outcome = Outcome::default();
    let context = {
        let outcome = outcome.clone();
        move || {
            provide_context(visit.clone());
            provide_context(outcome.clone());
        }
    };
    leptos_axum::handle_server_fns_with_context(context, request).await;
    // One that could not read its arguments has not come to say anything.
    let refused = || Err(ErrorCode::MalformedRequest.into());
    outcome.get().cloned().unwrap_or_else(refused)
}

#[server(prefix = "/support/api", endpoint = "start")]
async fn start(
    key: String,
    #[server(flatten)] conversation: CreateSessionRequest,
) -> Result<(), ServerFnError> {
    answer(async |visit| {
        if let Some(session) = &visit.session
            && !session.began_with(&key)
        {
            let chat = &visit.state.support_chat;
            let is_open = chat.is_open(session.id, &session.token).await;
            if is_open.map_err(|error| support_chat::database(&error))? {
                return Ok(Done::AlreadyBegun);
            }
        }
        let request = CreateSessionRequest {
            initial_message: as_typed(&conversation.initial_message),
            ..conversation
        };
        let state = &visit.state;
        let key_of_request = idempotency_key(&key)?;
        let created =
            support_chat::create_session(state, visit.address, Some(&key_of_request), request)
                .await?;
        let session = SessionCookie::new(created, &key).ok_or(ErrorCode::OutcomeUnknown)?;
        Ok(Done::Began(session))
    })
    .await
}

/// The page that follows has what there is to read.
#[server(prefix = "/support/api", endpoint = "read")]
async fn read() -> Result<(), ServerFnError> {
    answer(async |_| Ok(Done::Read)).await
}

#[server(prefix = "/support/api", endpoint = "send")]
async fn say(
    key: String,
    #[server(flatten)] message: SendMessageRequest,
) -> Result<(), ServerFnError> {
    answer(async |visit| {
        let session = session(&visit)?;
        let request = SendMessageRequest {
            body: as_typed(&message.body),
        };
        let key = idempotency_key(&key)?;
        support_chat::send_message(
            &visit.state,
            session.id,
            &session.token,
            Some(&key),
            request,
        )
        .await?;
        Ok(Done::Changed)
    })
    .await
}

#[server(prefix = "/support/api", endpoint = "end")]
async fn end() -> Result<(), ServerFnError> {
    answer(async |visit| {
        let session = session(&visit)?;
        let chat = &visit.state.support_chat;
        chat.close_session(session.id, &session.token).await?;
        Ok(Done::Changed)
    })
    .await
}

async fn answer(
    function: impl AsyncFnOnce(Visit) -> Result<Done, ApiError>,
) -> Result<(), ServerFnError> {
    let (visit, outcome) = use_context::<Visit>()
        .zip(use_context::<Outcome>())
        .ok_or_else(|| ServerFnError::new("not called by `run`"))?;
    // Each request has an outcome of its own, and nobody else sets it.
    let _ = outcome.set(function(visit).await);
    Ok(())
}

fn session(visit: &Visit) -> Result<&SessionCookie, ApiError> {
    let session = visit.session.as_ref();
    session.ok_or_else(|| ErrorCode::SessionNotFound.into())
}

fn idempotency_key(key: &str) -> Result<IdempotencyKey, ApiError> {
    IdempotencyKey::parse(key.as_bytes()).map_err(|_| ErrorCode::MalformedRequest.into())
}

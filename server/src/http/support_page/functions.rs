//! The Leptos server functions behind the forms. They only adapt requests and answers.

#![expect(clippy::unused_async, reason = "every server function is async")]

use app::contract::{
    CreateSessionRequest, ErrorCode, Rating, SendMessageRequest, SetRatingRequest,
};
use axum::{
    extract::Request,
    http::header,
    response::{IntoResponse, Response},
};
use leptos::{prelude::*, server_fn::axum::register_explicit};

use super::{Visit, cookie::SessionCookie, done::Done, form::Form, protocol::FormPage};
use crate::{
    http::{problem::ApiError, support_chat},
    support_chat::IdempotencyKey,
};

/// Registers the functions under their paths.
pub(super) fn register() {
    register_explicit::<Start>();
    register_explicit::<Read>();
    register_explicit::<Say>();
    register_explicit::<End>();
    register_explicit::<Rate>();
    register_explicit::<SayWhere>();
    register_explicit::<MailTranscript>();
}

/// Runs the server function that the request's path names. [`FormPage`] makes its answer.
pub(super) async fn run(visit: Visit, mut request: Request) -> Response {
    // For browsers, Leptos would redirect every answer to the previous page.
    request.headers_mut().remove(header::ACCEPT);
    let context = move || provide_context(visit.clone());
    leptos_axum::handle_server_fns_with_context(context, request)
        .await
        .into_response()
}

#[server(prefix = "/support/api", endpoint = "start", protocol = FormPage, input_derive = (Clone,))]
async fn start(form: Form) -> Result<Done, ApiError> {
    let initial_message = form.message_in("initialMessage")?;
    let visit = visit()?;
    if let Some(session) = &visit.session
        && !session.began_with(&form.key)
    {
        let chat = &visit.state.support_chat;
        let is_open = chat.is_open(session.id, &session.token).await;
        if is_open.map_err(|error| support_chat::database(&error))? {
            return Ok(Done::AlreadyBegun);
        }
    }
    let request = CreateSessionRequest {
        initial_message,
        source_url: Some(form.draft.source_url),
        visitor_name: Some(form.draft.visitor_name),
        visitor_email: Some(form.draft.visitor_email),
        ..CreateSessionRequest::default()
    };
    let key = idempotency_key(&form.key)?;
    let created =
        support_chat::create_session(&visit.state, visit.address, Some(&key), request).await?;
    let session = SessionCookie::new(created, &form.key).ok_or(ErrorCode::OutcomeUnknown)?;
    Ok(Done::Began(session))
}

/// The next page shows what there is to read.
#[server(prefix = "/support/api", endpoint = "read", protocol = FormPage, input_derive = (Clone,))]
async fn read(form: Form) -> Result<Done, ApiError> {
    // The page shows again what was typed.
    drop(form);
    Ok(Done::Read)
}

#[server(prefix = "/support/api", endpoint = "send", protocol = FormPage, input_derive = (Clone,))]
async fn say(form: Form) -> Result<Done, ApiError> {
    let request = SendMessageRequest {
        body: form.message_in("body")?,
    };
    let visit = visit()?;
    let session = visit.session.as_ref().ok_or(ErrorCode::SessionNotFound)?;
    let key = idempotency_key(&form.key)?;
    support_chat::send_message(
        &visit.state,
        session.id,
        &session.token,
        Some(&key),
        request,
    )
    .await?;
    Ok(Done::Changed)
}

#[server(prefix = "/support/api", endpoint = "end", protocol = FormPage, input_derive = (Clone,))]
async fn end(form: Form) -> Result<Done, ApiError> {
    // Its token was checked, and it has no other fields.
    drop(form);
    let visit = visit()?;
    let session = visit.session.as_ref().ok_or(ErrorCode::SessionNotFound)?;
    let chat = &visit.state.support_chat;
    chat.close_session(session.id, &session.token).await?;
    Ok(Done::Changed)
}

#[server(prefix = "/support/api", endpoint = "rate", protocol = FormPage, input_derive = (Clone,))]
async fn rate(form: Form) -> Result<Done, ApiError> {
    let request = SetRatingRequest {
        rating: match form.rating.as_str() {
            "good" => Rating::Good,
            "bad" => Rating::Bad,
            _ => return Err(ErrorCode::MalformedRequest.into()),
        },
        comment: Some(form.draft.comment),
    };
    let visit = visit()?;
    let session = visit.session.as_ref().ok_or(ErrorCode::SessionNotFound)?;
    let rated = support_chat::set_rating(&visit.state, session.id, &session.token, &request);
    match rated.await {
        // The next page does not ask for the rating any more.
        Err(error)
            if matches!(
                error.code,
                ErrorCode::SessionClosed | ErrorCode::SessionExpired
            ) =>
        {
            Ok(Done::Read)
        }
        rated => rated.map(|()| Done::Changed),
    }
}

/// An empty address takes the one that there is back.
#[server(prefix = "/support/api", endpoint = "email", protocol = FormPage, input_derive = (Clone,))]
async fn say_where(form: Form) -> Result<Done, ApiError> {
    let visit = visit()?;
    let session = visit.session.as_ref().ok_or(ErrorCode::SessionNotFound)?;
    let email = form.draft.email.trim();
    if email.is_empty() {
        let chat = &visit.state.support_chat;
        chat.forget_email(session.id, &session.token).await?;
    } else {
        let (id, token) = (session.id, &session.token);
        support_chat::set_email(&visit.state, id, token, email, visit.language).await?;
    }
    Ok(Done::Changed)
}

#[server(prefix = "/support/api", endpoint = "mail-transcript", protocol = FormPage, input_derive = (Clone,))]
async fn mail_transcript(form: Form) -> Result<Done, ApiError> {
    let visit = visit()?;
    let session = visit.session.as_ref().ok_or(ErrorCode::SessionNotFound)?;
    let key = idempotency_key(&form.key)?;
    let chat = &visit.state.support_chat;
    chat.mail_transcript(session.id, &session.token, Some(&key), chrono_tz::UTC)
        .await?;
    Ok(Done::WillBeMailed)
}

/// Who is here.
fn visit() -> Result<Visit, ApiError> {
    use_context().ok_or_else(|| ErrorCode::Internal.into())
}

fn idempotency_key(key: &str) -> Result<IdempotencyKey, ApiError> {
    IdempotencyKey::parse(key.as_bytes()).map_err(|_| ErrorCode::MalformedRequest.into())
}

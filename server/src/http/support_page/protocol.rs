//! How a form reaches its server function, and how the page answers it.
//!
//! Leptos lets a server function choose its protocol. This one reads the form once, checks that it
//! comes from this page, calls the function, and answers as a page without JavaScript needs it:
//! with a redirect after success, and with the page itself and the problem's status after a
//! refusal.

use std::{
    convert::Infallible,
    future::{Ready, ready},
};

use app::{
    contract::ErrorCode,
    ui::support::{Conversation, EMAIL_PATH, Notice, PATH, RATE_PATH, START_PATH},
};
use axum::{
    body::Bytes,
    extract::{FromRequest, Request},
    http::{Method, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
};
use leptos::{
    prelude::use_context,
    server_fn::{
        ContentType, Decodes, Encodes, Format, FormatType, Protocol,
        client::Client,
        error::{FromServerFnError, ServerFnErrorErr},
        server::Server,
    },
};

use super::{BEGUN, MAILING, Visit, csrf, done::Done, form::Form};
use crate::http::{problem::ApiError, time_limit};

/// The protocol of the forms.
#[derive(Debug)]
pub(super) struct FormPage;

impl<Input, C, S> Protocol<Input, Done, C, S, ApiError> for FormPage
where
    Input: From<Form> + Send,
    C: Client<ApiError>,
    S: Server<ApiError, Request = Request, Response = Response>,
{
    const METHOD: Method = Method::POST;

    async fn run_server<F, Fut>(request: Request, function: F) -> Result<Response, ApiError>
    where
        F: Fn(Input) -> Fut + Send,
        Fut: Future<Output = Result<Done, ApiError>> + Send,
    {
        // The handler of the forms' addresses provides this context.
        let visit = use_context::<Visit>().ok_or(ErrorCode::Internal)?;
        let (form, accepted) = read(&visit, request).await;
        if let Err(error) = accepted {
            return Ok(visit.refuse(&error, form));
        }
        let done = time_limit::change(function(Input::from(form.clone()))).await;
        Ok(answer(&visit, done.and_then(|done| done), form).await)
    }

    fn run_client(_: &str, _: Input) -> impl Future<Output = Result<Done, ApiError>> + Send {
        let unanswered: Ready<Result<Done, ApiError>> = ready(Err(ErrorCode::Internal.into()));
        unanswered
    }
}

/// The form, and whether it may be handled. Every request counts in the limits, whatever its
/// result.
async fn read(visit: &Visit, request: Request) -> (Form, Result<(), ApiError>) {
    let counted = visit.take_request();
    let (parts, body) = request.into_parts();
    if !csrf::comes_from_this_page(&parts) {
        // Text that another site has put into the form is not shown either.
        let foreign = counted.and(Err(ErrorCode::OriginNotAllowed.into()));
        return (Form::default(), foreign);
    }
    let begins = parts.uri.path() == START_PATH;
    let rates = parts.uri.path() == RATE_PATH;
    let sets_email = parts.uri.path() == EMAIL_PATH;
    let bytes = match Bytes::from_request(Request::from_parts(parts, body), &()).await {
        Ok(bytes) => bytes,
        Err(rejection) => {
            let code = match rejection.status() {
                StatusCode::PAYLOAD_TOO_LARGE => ErrorCode::PayloadTooLarge,
                _ => ErrorCode::MalformedRequest,
            };
            return (Form::default(), counted.and(Err(code.into())));
        }
    };
    // The form is read even if the limits refuse it, because the page shows the draft again.
    let form = Form {
        begins,
        rates,
        sets_email,
        ..Form::parse(&bytes)
    };
    // A new conversation has no cookie yet to which the form could be bound.
    let proven = match &visit.session {
        _ if begins => Ok(()),
        None => Err(ErrorCode::SessionNotFound.into()),
        Some(session) if csrf::is_form_of(session, &form.token) => Ok(()),
        Some(_) => Err(ErrorCode::OriginNotAllowed.into()),
    };
    (form, counted.and(proven))
}

async fn answer(visit: &Visit, done: Result<Done, ApiError>, form: Form) -> Response {
    match done {
        Ok(Done::Began(session)) => (
            [(header::SET_COOKIE, session.to_header())],
            Redirect::to(&format!("{PATH}?{BEGUN}")),
        )
            .into_response(),
        Ok(Done::AlreadyBegun) => {
            visit.render(Conversation::NotShown, Some(Notice::AlreadyBegun), form)
        }
        Ok(Done::Read) if !form.draft.message.is_empty() => visit.clone().page(None, form).await,
        Ok(Done::WillBeMailed) => Redirect::to(&format!("{PATH}?{MAILING}")).into_response(),
        Ok(Done::Changed | Done::Read) => Redirect::to(PATH).into_response(),
        Err(error) => visit.refuse(&error, form),
    }
}

impl FromServerFnError for ApiError {
    type Encoder = CodeAsText;

    fn from_server_fn_error(error: ServerFnErrorErr) -> Self {
        tracing::error!(%error, "a server function could not be run");
        ErrorCode::Internal.into()
    }
}

/// The error as Leptos would send it to a script. [`FormPage`] answers errors with the page, so
/// nobody receives this.
#[derive(Debug)]
pub(in crate::http) struct CodeAsText;

impl ContentType for CodeAsText {
    const CONTENT_TYPE: &'static str = "text/plain";
}

impl FormatType for CodeAsText {
    const FORMAT_TYPE: Format = Format::Text;
}

impl Encodes<ApiError> for CodeAsText {
    type Error = Infallible;

    fn encode(error: &ApiError) -> Result<Bytes, Infallible> {
        Ok(Bytes::from_static(error.code.as_str().as_bytes()))
    }
}

impl Decodes<ApiError> for CodeAsText {
    type Error = Infallible;

    fn decode(_: Bytes) -> Result<ApiError, Infallible> {
        Ok(ErrorCode::Internal.into())
    }
}

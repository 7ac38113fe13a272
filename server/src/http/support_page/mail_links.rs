//! The pages to which links in mails lead: `/support/resume/CODE` and `/support/unsubscribe/ID`.
//!
//! A link shows a page with a button, and only the button's form has an effect. The address
//! contains a secret, so the page sends no referrer, is not cached, and is not indexed by search
//! engines.

use app::{
    contract::ErrorCode,
    ui::support::{
        PATH, RESUME_PATH, UNSUBSCRIBE_PATH, render_not_resumed, render_not_unsubscribed,
        render_resume, render_unsubscribe, render_unsubscribed,
    },
};
use axum::{
    Router,
    body::Bytes,
    extract::{FromRequest, Path, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{Html, IntoResponse, Redirect, Response},
    routing::get,
};
use tower_http::set_header::SetResponseHeaderLayer;
use uuid::Uuid;

use super::{Visit, cookie::SessionCookie, csrf, form::Form, headers};
use crate::{
    http::{
        AppState, client_address::ClientAddress, language, problem::ApiError, support_chat,
        time_limit,
    },
    mail::ResumeCode,
    model::Language,
    support_chat::IdempotencyKey,
};

const OWN_HEADERS: [(HeaderName, &str); 2] = [
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("x-robots-tag"), "noindex"),
];

pub(super) fn router() -> Router<AppState> {
    let router = Router::new()
        .route(
            &format!("{RESUME_PATH}/{{code}}"),
            get(show_resume).post(resume),
        )
        .route(
            &format!("{UNSUBSCRIBE_PATH}/{{id}}"),
            get(show_unsubscribe).post(unsubscribe),
        );
    let router = headers(router);
    OWN_HEADERS
        .into_iter()
        .fold(router, |router, (name, value)| {
            let value = HeaderValue::from_static(value);
            router.layer(SetResponseHeaderLayer::overriding(name, value))
        })
}

/// The page does not tell whether the code is valid, so it costs nothing and reveals nothing.
async fn show_resume(
    State(state): State<AppState>,
    ClientAddress(address): ClientAddress,
    Path(code): Path<String>,
    headers: HeaderMap,
) -> Response {
    let language = language::accepted(&headers);
    if let Err(error) = Visit::new(state, address, &headers).take_request() {
        return not_resumed(language, &error);
    }
    match ResumeCode::read(&code) {
        Some(code) => {
            let key = Uuid::new_v4().to_string();
            Html(render_resume(language, code.expose(), &key)).into_response()
        }
        None => not_resumed(language, &ErrorCode::ResumeCodeUnknown.into()),
    }
}

async fn resume(
    State(state): State<AppState>,
    ClientAddress(address): ClientAddress,
    Path(code): Path<String>,
    request: Request,
) -> Response {
    let language = language::accepted(request.headers());
    let visit = Visit::new(state, address, request.headers());
    let resumed = async {
        visit.take_request()?;
        let (parts, body) = request.into_parts();
        // Another site must not put a visitor into a conversation that is not theirs.
        if !csrf::comes_from_page_without_referrer(&parts) {
            return Err(ErrorCode::OriginNotAllowed.into());
        }
        let body = Bytes::from_request(Request::from_parts(parts, body), &()).await;
        let form = Form::parse(&body.map_err(|_| ErrorCode::MalformedRequest)?);
        let key = IdempotencyKey::parse(form.key.as_bytes()).ok();
        let resumed = support_chat::resume_session(&visit.state, key.as_ref(), &code);
        let resumed = time_limit::change(resumed).await??;
        SessionCookie::resumed(resumed, &code).ok_or_else(|| ErrorCode::OutcomeUnknown.into())
    };
    match Box::pin(resumed).await {
        Ok(session) => (
            [(header::SET_COOKIE, session.to_header())],
            Redirect::to(PATH),
        )
            .into_response(),
        Err(error) => not_resumed(language, &error),
    }
}

async fn show_unsubscribe(
    State(state): State<AppState>,
    ClientAddress(address): ClientAddress,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    let language = language::accepted(&headers);
    let shown = async {
        Visit::new(state.clone(), address, &headers).take_request()?;
        let id = support_chat::parse_id(&id).ok_or(ErrorCode::NotFound)?;
        let is_known = state.support_chat.knows_mail_address(id).await;
        if is_known.map_err(|error| support_chat::database(&error))? {
            Ok(Html(render_unsubscribe(language, &id.to_string())).into_response())
        } else {
            Err(ApiError::from(ErrorCode::NotFound))
        }
    };
    shown
        .await
        .unwrap_or_else(|error| not_unsubscribed(language, &error))
}

/// Mail programs send this request themselves (RFC 8058), without cookies and from any origin, so
/// only the address identifies its purpose.
async fn unsubscribe(
    State(state): State<AppState>,
    ClientAddress(address): ClientAddress,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    let language = language::accepted(&headers);
    let stopped = async {
        Visit::new(state.clone(), address, &headers).take_request()?;
        let id = support_chat::parse_id(&id).ok_or(ErrorCode::NotFound)?;
        let stopped = time_limit::change(state.support_chat.stop_mails(id)).await?;
        if stopped? {
            Ok(Html(render_unsubscribed(language)).into_response())
        } else {
            Err(ApiError::from(ErrorCode::NotFound))
        }
    };
    stopped
        .await
        .unwrap_or_else(|error| not_unsubscribed(language, &error))
}

fn not_resumed(language: Language, error: &ApiError) -> Response {
    refused(error, render_not_resumed(language, error.code))
}

fn not_unsubscribed(language: Language, error: &ApiError) -> Response {
    refused(error, render_not_unsubscribed(language, error.code))
}

fn refused(error: &ApiError, html: String) -> Response {
    let mut response = Html(html).into_response();
    *response.status_mut() =
        StatusCode::from_u16(error.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if let Some(seconds) = error.retry_after {
        let value = HeaderValue::from(seconds);
        response.headers_mut().insert(header::RETRY_AFTER, value);
    }
    response
}

//! The support chat as a page, `/support`: HTML forms for browsers without WASM or JavaScript.
//!
//! The forms are sent to Leptos server functions ([`functions`]), which are thin adapters over the
//! same service, with the same DTOs, rules and limits as `/v1/support-chat`. Their protocol
//! ([`protocol`]) reads a form and answers it. Success is answered with a redirect back to the
//! page, so that reloading repeats nothing; a refusal with the problem in words, the draft, and a
//! way to continue. Each form has an idempotency key, so sending it twice has one effect.
//!
//! Every request counts in the limits before anything is done for it, and a refusal neither reads
//! nor shows the conversation, so refusals stay cheap.
//!
//! The session is only in a cookie ([`cookie`]); [`csrf`] checks where a form comes from.

mod cookie;
mod csrf;
mod done;
mod form;
mod functions;
mod mail_links;
mod offers;
mod protocol;

use std::{net::IpAddr, time::Duration};

use app::{
    contract::{CreateSessionRequest, ErrorCode},
    ui::support::{
        Away, Conversation, Draft, EMAIL_PATH, END_PATH, MAIL_TRANSCRIPT_PATH, Notice, PATH,
        RATE_PATH, READ_PATH, Refusal as Refused, SEND_PATH, START_PATH, SupportPage,
        TRANSCRIPT_PATH, render_way_in,
    },
};
use axum::{
    Router,
    extract::{DefaultBodyLimit, RawQuery, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{Html, IntoResponse, Redirect, Response},
    routing::get,
};
use chrono::Utc;
use tower_http::set_header::SetResponseHeaderLayer;
use url::Url;
use uuid::Uuid;

use super::{
    AppState, budgeted_body, client_address::ClientAddress, language, problem::ApiError,
    support_chat, throttle, transcript, wire,
};
use crate::{
    model::Language,
    support_chat::{ReadConversationError, Share},
    transcript::Style,
};
use cookie::SessionCookie;
use form::Form;
use offers::Offers;

/// A form needs up to three bytes (`%20`) for a character that takes one in JSON, and the operator
/// may allow long messages.
const MAX_FORM_BYTES: usize = 3 * app::contract::MAX_REQUEST_BYTES;

/// The maximum number of a conversation's entries on a page.
const MAX_ENTRIES: i64 = 500;

/// The maximum size of their texts in bytes, unless the newest alone is larger.
const MAX_TEXT_BYTES: i64 = 256 * 1024;

/// The query of the page after a first message. Only when the page is requested does it turn out
/// whether the browser has kept the cookie.
const BEGUN: &str = "begun";

/// The query of the page after the visitor has asked for the conversation by mail.
const MAILING: &str = "mailing";

const HEADERS: [(HeaderName, &str); 4] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; \
         form-action 'self'; frame-ancestors 'none'",
    ),
    // Browsers that are told to send no referrer do not send the origin with a form either.
    (header::REFERRER_POLICY, "same-origin"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::CACHE_CONTROL, "no-store"),
];

pub(super) fn router(state: AppState) -> Router {
    functions::register();
    let mut router = Router::new()
        .route(PATH, get(show))
        .route(TRANSCRIPT_PATH, get(save));
    for path in [
        START_PATH,
        READ_PATH,
        SEND_PATH,
        END_PATH,
        RATE_PATH,
        EMAIL_PATH,
        MAIL_TRANSCRIPT_PATH,
    ] {
        // Who opens a form's address has been shown a page there.
        let to_page = get(async || Redirect::to(PATH));
        router = router.route(path, to_page.post(submit));
    }
    let router = router.layer(DefaultBodyLimit::max(MAX_FORM_BYTES));
    headers(router)
        .merge(mail_links::router())
        .with_state(state)
}

/// The headers of every answer.
fn headers(router: Router<AppState>) -> Router<AppState> {
    HEADERS.into_iter().fold(router, |router, (name, value)| {
        let value = HeaderValue::from_static(value);
        router.layer(SetResponseHeaderLayer::overriding(name, value))
    })
}

/// `GET /support`.
async fn show(
    State(state): State<AppState>,
    ClientAddress(address): ClientAddress,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let visit = Visit::new(state, address, &headers);
    if let Err(error) = visit.take_request() {
        return visit.refuse(&error, Form::default());
    }
    let begun = query.as_deref() == Some(BEGUN);
    let will_be_mailed = query.as_deref() == Some(MAILING) && visit.session.is_some();
    if begun && visit.session.is_some() {
        return Redirect::to(PATH).into_response();
    }
    if visit.session.is_none() && csrf::comes_from_another_site(&headers) {
        return Html(render_way_in()).into_response();
    }
    let form = Form {
        draft: Draft {
            source_url: source_url(&headers).unwrap_or_default(),
            ..Draft::default()
        },
        ..Form::default()
    };
    let notice = if begun {
        Some(Notice::NoCookie)
    } else {
        will_be_mailed.then_some(Notice::WillBeMailed)
    };
    visit.page(notice, form).await
}

/// `GET /support/transcript`.
async fn save(
    State(state): State<AppState>,
    ClientAddress(address): ClientAddress,
    headers: HeaderMap,
) -> Response {
    let visit = Visit::new(state, address, &headers);
    let saved = visit.save(transcript::style_of(&headers)).await;
    saved.unwrap_or_else(|error| visit.refuse(&error, Form::default()))
}

/// `POST` of any form.
async fn submit(
    State(state): State<AppState>,
    ClientAddress(address): ClientAddress,
    request: Request,
) -> Response {
    let visit = Visit::new(state, address, request.headers());
    functions::run(visit, request).await
}

/// A visitor's request to the page, with the session of their cookie if there is one.
#[derive(Clone, Debug)]
struct Visit {
    state: AppState,
    address: IpAddr,
    session: Option<SessionCookie>,
    language: Language,
    /// That nobody of the staff is there, where that was read.
    away: Option<Away>,
}

impl Visit {
    fn new(state: AppState, address: IpAddr, headers: &HeaderMap) -> Self {
        Self {
            state,
            address,
            session: SessionCookie::from_headers(headers),
            language: language::accepted(headers),
            away: None,
        }
    }

    /// Reads whether staff are available, in the operator's time zone, because a page without
    /// scripts does not know the visitor's. If this cannot be read, the page is shown without it.
    async fn read_away(&mut self) {
        let config = &self.state.config;
        let hours = self
            .state
            .support_chat
            .get_availability(&config.hours)
            .await;
        let zone = config.desk.time_zone;
        self.away = hours.ok().filter(|it| !it.open).map(|it| Away {
            until: it.opens_at.map(|opens_at| {
                let at = opens_at.with_timezone(&zone);
                format!("{} ({zone})", at.format("%A, %-d %B %Y, %H:%M"))
            }),
        });
    }

    /// Limits the requests per client address, together with those of the API.
    fn take_request(&self) -> Result<(), ApiError> {
        throttle::take_request(&self.state, self.address)
    }

    /// The conversation as a text.
    async fn save(&self, style: Style) -> Result<Response, ApiError> {
        self.take_request()?;
        let session = self.session.as_ref().ok_or(ErrorCode::SessionNotFound)?;
        let chat = &self.state.support_chat;
        let transcript = chat.get_transcript(session.id, &session.token).await?;
        transcript::answer(transcript, style).await
    }

    /// The page of something that was not done, for which nothing is read.
    fn refuse(&self, error: &ApiError, form: Form) -> Response {
        let conversation = self.without_reading(error.code, &form);
        let notice = Some(Notice::Refused(refused(error)));
        self.forgetting(error.code, self.render(conversation, notice, form))
    }

    /// The state of the conversation, as far as the refusal tells it.
    fn without_reading(&self, code: ErrorCode, form: &Form) -> Conversation {
        match code {
            _ if self.session.is_none() || form.begins => Conversation::NotBegun,
            _ if form.rates => Conversation::Closed,
            ErrorCode::SessionClosed => Conversation::Closed,
            ErrorCode::SessionExpired => Conversation::Expired,
            ErrorCode::SessionNotFound | ErrorCode::InvalidToken => Conversation::NotBegun,
            _ => Conversation::NotShown,
        }
    }

    /// Removes a cookie that grants access to nothing.
    fn forgetting(&self, code: ErrorCode, mut response: Response) -> Response {
        let opens_nothing = matches!(code, ErrorCode::SessionNotFound | ErrorCode::InvalidToken);
        if opens_nothing && self.session.is_some() {
            let forgotten = HeaderValue::from_static(SessionCookie::FORGET);
            response.headers_mut().insert(header::SET_COOKIE, forgotten);
        }
        response
    }

    /// The page with the current conversation.
    async fn page(mut self, notice: Option<Notice>, form: Form) -> Response {
        self.read_away().await;
        let Some(session) = &self.session else {
            return self.render(Conversation::NotBegun, notice, form);
        };
        let chat = &self.state.support_chat;
        let newest = chat
            .read_conversation(session.id, &session.token, MAX_ENTRIES, MAX_TEXT_BYTES)
            .await;
        let error = match newest {
            Ok((newest, share)) => {
                let offers = Offers::while_open(&self, session, &newest.entries).await;
                let messages = newest.entries.into_iter().map(wire::message).collect();
                let conversation = Conversation::Open(messages, newest.are_all);
                return self.render_with(conversation, offers, notice, form, Some(share));
            }
            Err(error) => ApiError::from(error),
        };
        match self.without_reading(error.code, &form) {
            Conversation::NotShown => self.refuse(&error, form),
            // The end of the conversation is shown as its state and not as a refusal.
            ended => {
                let offers = Offers::after_end(&self, session).await;
                let page = self.render_with(ended, offers, notice, form, None);
                self.forgetting(error.code, page)
            }
        }
    }

    fn render(&self, conversation: Conversation, notice: Option<Notice>, form: Form) -> Response {
        let offers = Offers::again(&form);
        self.render_with(conversation, offers, notice, form, None)
    }

    /// The page keeps its share of the memory for answers until it has been sent.
    fn render_with(
        &self,
        conversation: Conversation,
        offers: Offers,
        notice: Option<Notice>,
        form: Form,
        share: Option<Share>,
    ) -> Response {
        let (code, retry) = match &notice {
            None | Some(Notice::NoCookie | Notice::WillBeMailed) => (None, None),
            Some(Notice::AlreadyBegun) => (Some(StatusCode::CONFLICT), None),
            Some(Notice::Refused(refusal)) => (
                StatusCode::from_u16(refusal.code.status()).ok(),
                refusal.retry.as_ref().map(|(seconds, _)| *seconds),
            ),
        };
        // A form keeps its key until it has been accepted.
        let done_with = match &notice {
            None | Some(Notice::WillBeMailed) => false,
            Some(Notice::AlreadyBegun | Notice::NoCookie) => true,
            Some(Notice::Refused(refusal)) => refusal.code == ErrorCode::IdempotencyKeyReused,
        };
        let key = if done_with || form.key.is_empty() {
            Uuid::new_v4().to_string()
        } else {
            form.key
        };
        let page = SupportPage {
            conversation,
            afterwards: offers.afterwards,
            mailing: offers.mailing,
            notice,
            draft: form.draft,
            key,
            form_token: self.session.as_ref().map(csrf::form_token),
            challenged: self.state.config.turnstile.is_some(),
            max_message_chars: self.state.config.limits.max_message_chars,
            away: self.away.clone(),
        };
        let html = budgeted_body::body(page.render().into_bytes(), share);
        let mut response = Html(html).into_response();
        *response.status_mut() = code.unwrap_or(StatusCode::OK);
        if let Some(seconds) = retry {
            let value = HeaderValue::from(seconds);
            response.headers_mut().insert(header::RETRY_AFTER, value);
        }
        response
    }
}

impl From<ReadConversationError> for ApiError {
    fn from(error: ReadConversationError) -> Self {
        match error {
            ReadConversationError::Access(error) => error.into(),
            ReadConversationError::Ended(ended) => ended.into(),
            ReadConversationError::NoMemory => ErrorCode::DatabaseUnavailable.into(),
            ReadConversationError::Database(error) => support_chat::database(&error),
        }
    }
}

/// Converts a refusal to what the page shows.
fn refused(error: &ApiError) -> Refused {
    Refused {
        // Visitors of the page do not see tokens: a conversation to which theirs grants no access
        // does not exist for them.
        code: match error.code {
            ErrorCode::InvalidToken => ErrorCode::SessionNotFound,
            code => code,
        },
        fields: error
            .fields
            .iter()
            .map(|field| field.field.clone())
            .collect(),
        retry: error.retry_after.map(|seconds| {
            (
                seconds,
                wire::rfc3339(Utc::now() + Duration::from_secs(seconds)),
            )
        }),
    }
}

/// The page from which the visitor came, without its query and fragment.
fn source_url(headers: &HeaderMap) -> Option<String> {
    let mut url = Url::parse(headers.get(header::REFERER)?.to_str().ok()?).ok()?;
    if url.path().starts_with(PATH) {
        return None;
    }
    url.set_query(None);
    url.set_fragment(None);
    let request = CreateSessionRequest {
        source_url: Some(url.into()),
        ..CreateSessionRequest::default()
    };
    support_chat::visitor_fields::details(&request)
        .ok()?
        .source_url
}

//! The HTTP client: the state machine's requests, in the types of the contract.
//!
//! gloo-net sends them and reads the answers. `js/http.js` creates each request, because gloo-net
//! cannot set `keepalive`, with which the visitor's actions survive leaving the page. It also
//! reports progress of an answer by an event, as everything else does that the widget waits for.

use alloc::{boxed::Box, string::String, sync::Arc, task::Wake};
use core::{
    pin::Pin,
    task::{Context, Poll},
};

use app::contract::{
    CloseSession, CreateSession, ErrorCode, MAX_WAIT_SECONDS, PollMessages, PollMessagesResponse,
    SendMessage, SendMessageRequest, SetTyping, WAIT_HEADER,
};
use gloo_net::http;
use js_sys::JSON;
use serde::Serialize;
use wasm_bindgen::JsValue;
use web_sys::EventTarget;

use crate::{
    host::{self, Host, Http},
    json,
    session::{Batch, Event, Failure, Request, Signals, Timer},
};

/// A request without an answer after this time counts as failed. A waiting poll gets its wait in
/// addition.
const TIMEOUT_MS: u32 = 20_000;

/// The codes that tell more than the status with which they come.
const TELLING_CODES: [(&str, ErrorCode); 8] = [
    named(ErrorCode::InvalidToken),
    named(ErrorCode::ChallengeFailed),
    named(ErrorCode::ProofRequired),
    named(ErrorCode::SessionNotFound),
    named(ErrorCode::SessionClosed),
    named(ErrorCode::SessionExpired),
    named(ErrorCode::MessageTooLong),
    named(ErrorCode::UnknownCursor),
];

/// The codes are looked up at compile time, so the names of the others are not part of the widget.
const fn named(code: ErrorCode) -> (&'static str, ErrorCode) {
    (code.as_str(), code)
}

/// A request in progress. Dropping it aborts a poll. Any other request continues, since the
/// visitor's action should arrive; if its answer is lost, it is repeated with the same key.
pub(crate) struct Exchange {
    http: Http,
    answer: Pin<Box<dyn Future<Output = Option<Answer>>>>,
    read: Read,
}

/// Makes an event of the JSON of a success or of a failure, and of the number of seconds for which
/// the server lets a poll wait.
type Read = fn(Result<JsValue, Failure>, u8) -> Event;

impl Exchange {
    /// Sends a request to the server at `base`. `listen` is called when its end has to be awaited.
    pub(crate) fn new(
        host: &Host,
        base: &str,
        request: Request,
        listen: impl FnOnce(&EventTarget),
    ) -> Self {
        let mut timeout_ms = TIMEOUT_MS;
        let (method, path, credentials, key, body, read): (_, _, _, _, _, Read) = match request {
            Request::Create { key, request } => {
                let body = to_json(&request);
                let path = CreateSession::path();
                ("POST", path, None, Some(key), body, |it, _| {
                    Event::Created(read(it))
                })
            }
            Request::Send {
                credentials,
                key,
                body,
            } => {
                let path = SendMessage::path(&credentials.session_id);
                let body = to_json(&SendMessageRequest { body });
                ("POST", path, Some(credentials), Some(key), body, |it, _| {
                    Event::Sent(read(it))
                })
            }
            Request::Poll {
                credentials,
                after,
                wait_s,
                state,
            } => {
                timeout_ms += u32::from(wait_s) * 1_000;
                let path = PollMessages::path(
                    &credentials.session_id,
                    after.as_ref(),
                    wait_s,
                    state.as_deref(),
                );
                (
                    "GET",
                    path,
                    Some(credentials),
                    None,
                    None,
                    |it, can_wait_s| {
                        let batch = |poll: PollMessagesResponse| Batch {
                            messages: poll.messages,
                            more: poll.more,
                            can_wait_s,
                            signals: Signals {
                                seen: poll.marks.seen,
                                staff_typing: poll.staff_typing,
                                state: poll.state,
                            },
                        };
                        Event::Polled(read(it).map(batch))
                    },
                )
            }
            Request::Type { credentials } => {
                let path = SetTyping::path(&credentials.session_id);
                ("POST", path, Some(credentials), None, None, |_, _| {
                    Event::TimerExpired(Timer::Poll)
                })
            }
            Request::End { credentials } => {
                let path = CloseSession::path(&credentials.session_id);
                ("POST", path, Some(credentials), None, None, |it, _| {
                    // The server's answer has no body. One with a body comes from something else.
                    Event::Ended(it.and_then(|body| {
                        if body.is_null() {
                            Ok(())
                        } else {
                            Err(Failure::Network)
                        }
                    }))
                })
            }
        };
        let url = [base, &path].concat();
        let bearer = credentials.map(|it| ["Bearer ", &it.token].concat());
        let http = host.http();
        let asked = http.request(method, &url, bearer, key, body, timeout_ms);
        listen(&http);
        let mut exchange = Self {
            http,
            answer: Box::pin(ask(asked.into())),
            read,
        };
        // The first call sends the request, and its result is known: there is no answer yet.
        exchange.poll();
        exchange
    }

    /// Fires `loadend` when there is more of the answer, or none to come.
    pub(crate) fn target(&self) -> &EventTarget {
        &self.http
    }

    /// The outcome, and the JSON of the answer; `None` while the request is in progress.
    pub(crate) fn poll(&mut self) -> Option<(Event, JsValue)> {
        let waker = Arc::new(Woken).into();
        match self.answer.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Pending => None,
            Poll::Ready(answer) => {
                let answer = answer.unwrap_or_default();
                // A later release may allow longer waits than the proxies in between.
                let can_wait_s = u8::try_from(answer.can_wait_s)
                    .map_or(MAX_WAIT_SECONDS, |it| it.min(MAX_WAIT_SECONDS));
                Some(((self.read)(outcome(&answer), can_wait_s), answer.json))
            }
        }
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.http.let_go();
    }
}

/// Wakes the page's listener when there is more of an answer. This is a third of the size of an
/// executor for futures.
struct Woken;

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        host::woken();
    }
}

/// What the server has answered.
#[derive(Default)]
struct Answer {
    status: u16,
    /// A body that is not JSON becomes `undefined`.
    json: JsValue,
    can_wait_s: u32,
    retry_after_s: Option<u32>,
}

async fn ask(request: http::Request) -> Option<Answer> {
    let response = request.send().await.ok()?;
    let text = response.text().await.ok()?;
    let headers = response.headers();
    let number = |name| headers.get(name)?.parse().ok();
    Some(Answer {
        status: response.status(),
        json: JSON::parse(&text).unwrap_or_default(),
        can_wait_s: number(WAIT_HEADER).unwrap_or(0),
        retry_after_s: number("retry-after"),
    })
}

fn outcome(answer: &Answer) -> Result<JsValue, Failure> {
    let Answer { status, json, .. } = answer;
    match status {
        204 => return Ok(JsValue::NULL),
        // An answer without JSON, such as a captive portal's page, does not come from the server.
        200..300 if !json.is_undefined() && !json.is_null() => return Ok(json.clone()),
        0..300 => return Err(Failure::Network),
        _ => {}
    }
    // An error without a code does not come from the server, but from something in between.
    let code_name = json::text(json, "code").ok_or(Failure::Network)?;
    let mut codes = TELLING_CODES.into_iter();
    let known = codes.find(|(name, _)| *name == code_name);
    let code = known.map_or(ErrorCode::Unknown, |(_, code)| code);
    if code == ErrorCode::ChallengeFailed {
        let site_key = json::text(json, "turnstileSiteKey");
        return Err(Failure::Challenge { site_key });
    }
    if code_name == "blocked" {
        return Err(Failure::Blocked);
    }
    if code == ErrorCode::ProofRequired {
        return Err(Failure::Proof);
    }
    Err(Failure::Refused {
        status: *status,
        code,
        retry_after_s: answer.retry_after_s,
    })
}

/// A success that cannot be read counts as a failure, because its content is unknown.
fn read<T: json::Read>(json: Result<JsValue, Failure>) -> Result<T, Failure> {
    T::read(&json?).map_err(|_| Failure::Network)
}

fn to_json(value: &impl Serialize) -> Option<String> {
    serde_json::to_string(value).ok()
}

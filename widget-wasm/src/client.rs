//! The HTTP client: the requests of the state machine, in the types of the contract.
//!
//! gloo-net sends them and reads the answers. `js/http.js` makes each request, since what the visitor sends has to go on
//! when the page is left (`keepalive`), which gloo-net cannot say; and it tells by an event that an answer has got further,
//! as everything else does that the widget waits for.

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

/// A request without an answer after this time is taken for lost; a poll that waits, so much later.
const TIMEOUT_MS: u32 = 20_000;

/// The codes that say more than the status they come with.
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

/// Looked up when it is compiled, so that the names of the others stay out of the widget.
const fn named(code: ErrorCode) -> (&'static str, ErrorCode) {
    (code.as_str(), code)
}

/// A request that is out. Dropping it aborts a poll, and stops waiting for the rest: what the
/// visitor did should get through, and is repeated with the same key where nobody heard of it.
pub(crate) struct Exchange {
    http: Http,
    answer: Pin<Box<dyn Future<Output = Option<Answer>>>>,
    read: Read,
}

/// Makes an event of the JSON of a success, or of what went wrong, and of how many seconds the
/// server lets a poll wait.
type Read = fn(Result<JsValue, Failure>, u8) -> Event;

impl Exchange {
    /// Sends a request to the server at `base`, whose end `listen` is to wait for.
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
                    Event::Rang(Timer::Poll)
                })
            }
            Request::End { credentials } => {
                let path = CloseSession::path(&credentials.session_id);
                ("POST", path, Some(credentials), None, None, |it, _| {
                    // The server says it without a body; with one, it was something else that spoke.
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
        // It goes out now; that it has no answer yet is known.
        exchange.poll();
        exchange
    }

    /// What fires `loadend` when there is more of the answer, or none to come.
    pub(crate) fn target(&self) -> &EventTarget {
        &self.http
    }

    /// How it went, and the answer's JSON; nothing while it is still under way.
    pub(crate) fn poll(&mut self) -> Option<(Event, JsValue)> {
        let waker = Arc::new(Woken).into();
        match self.answer.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Pending => None,
            Poll::Ready(answer) => {
                let answer = answer.unwrap_or_default();
                // A later version's longer wait might be too long for what stands between.
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

/// Tells the page when there is more of an answer: a third of what an executor of futures would weigh.
struct Woken;

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        host::woken();
    }
}

/// What the server said.
#[derive(Default)]
struct Answer {
    status: u16,
    /// What is no JSON is `undefined`.
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
        // An answer without JSON, a portal's page for instance, is none of the server's.
        200..300 if !json.is_undefined() && !json.is_null() => return Ok(json.clone()),
        0..300 => return Err(Failure::Network),
        _ => {}
    }
    // An error without a code is not the server's, but of something on the way to it.
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

/// A success that cannot be read is as good as none: what it said is unknown.
fn read<T: json::Read>(json: Result<JsValue, Failure>) -> Result<T, Failure> {
    T::read(&json?).map_err(|_| Failure::Network)
}

fn to_json(value: &impl Serialize) -> Option<String> {
    serde_json::to_string(value).ok()
}

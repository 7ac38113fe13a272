//! The HTTP client: the requests of the state machine, in the types of the contract.
//!
//! `js/http.js` carries them out, with `fetch`: what the visitor sends has to go on when the page is
//! left (`keepalive`), which `XMLHttpRequest` cannot. It tells of a request's end by an event, as
//! everything else does that the widget waits for.

use alloc::string::String;

use app::contract::{
    CloseSession, CreateSession, ErrorCode, IDEMPOTENCY_KEY_HEADER, MAX_WAIT_SECONDS, PollMessages,
    PollMessagesResponse, SendMessage, SendMessageRequest, SetTyping, WAIT_HEADER,
};
use serde::Serialize;
use wasm_bindgen::JsValue;
use web_sys::EventTarget;

use crate::{
    host::{Host, Http},
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
        let http = host.http();
        if let Some(credentials) = credentials {
            http.set_header("authorization", &["Bearer ", &credentials.token].concat());
        }
        if let Some(key) = key {
            http.set_header(IDEMPOTENCY_KEY_HEADER, &key);
        }
        if body.is_some() {
            http.set_header("content-type", "application/json");
        }
        listen(&http);
        http.send(method, &[base, &path].concat(), body, timeout_ms);
        Self { http, read }
    }

    /// What fires `loadend` when it is over, whichever way.
    pub(crate) fn target(&self) -> &EventTarget {
        &self.http
    }

    /// How it went.
    pub(crate) fn answer(&self) -> Event {
        // A later version's longer wait might be too long for what stands between.
        let can_wait_s = self.number_in(WAIT_HEADER).unwrap_or(0);
        let can_wait_s =
            u8::try_from(can_wait_s).map_or(MAX_WAIT_SECONDS, |it| it.min(MAX_WAIT_SECONDS));
        (self.read)(self.outcome(), can_wait_s)
    }

    /// A header's number.
    fn number_in(&self, header: &str) -> Option<u32> {
        self.http.header(header)?.parse().ok()
    }

    /// The answer's JSON. What is no JSON is `null`.
    pub(crate) fn json(&self) -> JsValue {
        self.http.json()
    }

    fn outcome(&self) -> Result<JsValue, Failure> {
        let status = self.http.status();
        let json = self.json();
        match status {
            204 => return Ok(JsValue::NULL),
            // An answer without JSON, a portal's page for instance, is none of the server's.
            200..300 if !json.is_null() => return Ok(json),
            0..300 => return Err(Failure::Network),
            _ => {}
        }
        // An error without a code is not the server's, but of something on the way to it.
        let code_name = json::text(&json, "code").ok_or(Failure::Network)?;
        let mut codes = TELLING_CODES.into_iter();
        let known = codes.find(|(name, _)| *name == code_name);
        let code = known.map_or(ErrorCode::Unknown, |(_, code)| code);
        if code == ErrorCode::ChallengeFailed {
            let site_key = json::text(&json, "turnstileSiteKey");
            return Err(Failure::Challenge { site_key });
        }
        if code_name == "blocked" {
            return Err(Failure::Blocked);
        }
        if code == ErrorCode::ProofRequired {
            return Err(Failure::Proof);
        }
        Err(Failure::Refused {
            status,
            code,
            retry_after_s: self.number_in("retry-after"),
        })
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.http.let_go();
    }
}

/// A success that cannot be read is as good as none: what it said is unknown.
fn read<T: json::Read>(json: Result<JsValue, Failure>) -> Result<T, Failure> {
    T::read(&json?).map_err(|_| Failure::Network)
}

fn to_json(value: &impl Serialize) -> Option<String> {
    serde_json::to_string(value).ok()
}

//! The HTTP client: the requests of the state machine, in the types of the contract.
//!
//! `XMLHttpRequest`, not `fetch`: it tells of its end by an event, as everything else that the
//! widget waits for, and has a timeout. With `gloo-net` (0.7, its `http` alone), futures and a
//! timeout in its place, opening the chat costs 42.9 KB instead of 37.0 KB, of the 40 it may.

use alloc::string::String;

use app::contract::{
    CloseSession, CreateSession, ErrorCode, IDEMPOTENCY_KEY_HEADER, MAX_WAIT_SECONDS, PollMessages,
    PollMessagesResponse, SendMessage, SendMessageRequest, WAIT_HEADER,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use wasm_bindgen::JsValue;
use web_sys::{EventTarget, XmlHttpRequest, XmlHttpRequestResponseType};

use crate::{
    json,
    session::{Batch, Event, Failure, Request},
};

/// A request without an answer after this time is taken for lost; a poll that waits, so much later.
const TIMEOUT_MS: u32 = 20_000;

/// The codes that say more than the status they come with.
const TELLING_CODES: [(&str, ErrorCode); 5] = [
    named(ErrorCode::ChallengeFailed),
    named(ErrorCode::ProofRequired),
    named(ErrorCode::SessionExpired),
    named(ErrorCode::MessageTooLong),
    named(ErrorCode::UnknownCursor),
];

/// Looked up when it is compiled, so that the names of the others stay out of the widget.
const fn named(code: ErrorCode) -> (&'static str, ErrorCode) {
    (code.as_str(), code)
}

/// The part of a [`Problem`](app::contract::Problem) that the widget acts on. What comes from a
/// proxy on the way may lack the rest.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Problem {
    code: String,
    turnstile_site_key: Option<String>,
}

/// A request that is out. Dropping it aborts it.
pub(crate) struct Exchange {
    http: XmlHttpRequest,
    read: Read,
}

/// Makes an event of the JSON of a success, or of what went wrong, and of how many seconds the
/// server lets a poll wait.
type Read = fn(Result<JsValue, Failure>, u8) -> Event;

impl Exchange {
    /// A request to the server at `base`, with the body to send. When it cannot be made at all,
    /// the event that says so.
    pub(crate) fn new(base: &str, request: Request) -> Result<(Self, Option<String>), Event> {
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
            } => {
                timeout_ms += u32::from(wait_s) * 1_000;
                let path = PollMessages::path(&credentials.session_id, after.as_ref(), wait_s);
                (
                    "GET",
                    path,
                    Some(credentials),
                    None,
                    None,
                    |it, can_wait_s| {
                        let batch = |PollMessagesResponse { messages }| Batch {
                            messages,
                            can_wait_s,
                        };
                        Event::Polled(read(it).map(batch))
                    },
                )
            }
            Request::End { credentials } => {
                let path = CloseSession::path(&credentials.session_id);
                ("POST", path, Some(credentials), None, None, |it, _| {
                    Event::Ended(it.map(drop))
                })
            }
        };
        let open = || {
            let http = XmlHttpRequest::new()?;
            http.open(method, &[base, &path].concat())?;
            http.set_timeout(timeout_ms);
            http.set_response_type(XmlHttpRequestResponseType::Json);
            if let Some(credentials) = credentials {
                let bearer = ["Bearer ", &credentials.token].concat();
                http.set_request_header("authorization", &bearer)?;
            }
            if let Some(key) = key {
                http.set_request_header(IDEMPOTENCY_KEY_HEADER, &key)?;
            }
            if body.is_some() {
                http.set_request_header("content-type", "application/json")?;
            }
            Ok::<_, JsValue>(http)
        };
        match open() {
            Ok(http) => Ok((Self { http, read }, body)),
            Err(_) => Err(read(Err(Failure::Network), 0)),
        }
    }

    /// What fires `loadend` when it is over, whichever way.
    pub(crate) fn target(&self) -> &EventTarget {
        &self.http
    }

    pub(crate) fn send(&self, body: Option<&str>) {
        // It throws only if it was not opened, or sent before.
        let _ = self.http.send_with_opt_str(body);
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
        let value = self.http.get_response_header(header).ok()??;
        value.parse().ok()
    }

    /// The answer's JSON. What is no JSON is `null`.
    pub(crate) fn json(&self) -> JsValue {
        self.http.response().unwrap_or(JsValue::NULL)
    }

    fn outcome(&self) -> Result<JsValue, Failure> {
        let status = self.http.status().unwrap_or(0);
        let json = self.json();
        match status {
            0 => Err(Failure::Network),
            200..300 => Ok(json),
            _ => {
                let problem: Option<Problem> = json::read(json).ok();
                let known = problem.as_ref().and_then(|problem| {
                    let mut codes = TELLING_CODES.into_iter();
                    codes.find(|(name, _)| *name == problem.code)
                });
                let code = known.map_or(ErrorCode::Unknown, |(_, code)| code);
                if code == ErrorCode::ChallengeFailed {
                    let site_key = problem.and_then(|it| it.turnstile_site_key);
                    return Err(Failure::Challenge { site_key });
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
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        // It cannot fail; and nobody waits any more.
        let _ = self.http.abort();
    }
}

/// A success that cannot be read is as good as none: what it said is unknown.
fn read<T: DeserializeOwned>(json: Result<JsValue, Failure>) -> Result<T, Failure> {
    json::read(json?).map_err(|_| Failure::Network)
}

fn to_json(value: &impl Serialize) -> Option<String> {
    serde_json::to_string(value).ok()
}

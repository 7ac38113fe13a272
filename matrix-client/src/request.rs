//! The requests, as functions of their parameters. Identifiers are escaped here.

pub mod admin;

use std::fmt;

use http::Method;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

const API: &str = "/_matrix/client/v3";

/// Characters without a meaning in an address (RFC 3986) stay as they are.
const ESCAPED: AsciiSet = NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// A request, for any homeserver and account.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// The path on the homeserver, with the query.
    pub path: String,
    /// The JSON to send.
    pub body: Option<Value>,
}

impl Request {
    /// A GET.
    #[must_use]
    pub fn get(path: impl Into<String>) -> Self {
        Self {
            method: Method::GET,
            path: path.into(),
            body: None,
        }
    }

    /// A POST.
    #[must_use]
    pub fn post(path: impl Into<String>, body: Value) -> Self {
        Self {
            method: Method::POST,
            path: path.into(),
            body: Some(body),
        }
    }

    /// A PUT.
    #[must_use]
    pub fn put(path: impl Into<String>, body: Value) -> Self {
        Self {
            method: Method::PUT,
            ..Self::post(path, body)
        }
    }

    /// A DELETE.
    #[must_use]
    pub fn delete(path: impl Into<String>, body: Value) -> Self {
        Self {
            method: Method::DELETE,
            ..Self::post(path, body)
        }
    }
}

/// The method and the path, without the query, which may be long and private.
impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.split('?').next().unwrap_or_default();
        write!(f, "{} {path}", self.method)
    }
}

/// Escapes an identifier or another text for one part of a path or the value of a query.
#[must_use]
pub fn escape(text: &str) -> String {
    utf8_percent_encode(text, &ESCAPED).to_string()
}

fn room(room_id: &str, rest: &str) -> String {
    format!("{API}/rooms/{}/{rest}", escape(room_id))
}

/// Logs in with a password.
#[must_use]
pub fn log_in(user: &str, password: &str, device_name: &str) -> Request {
    let body = json!({
        "type": "m.login.password",
        "identifier": { "type": "m.id.user", "user": user },
        "password": password,
        "initial_device_display_name": device_name,
    });
    Request::post(format!("{API}/login"), body)
}

/// Ends the access token.
#[must_use]
pub fn log_out() -> Request {
    Request::post(format!("{API}/logout"), json!({}))
}

/// Asks for news since a position, and waits up to `timeout_ms` for them.
#[must_use]
pub fn sync(filter: &Value, since: Option<&str>, timeout_ms: u64) -> Request {
    let filter = escape(&filter.to_string());
    let since = since.map(|since| format!("&since={}", escape(since)));
    let since = since.unwrap_or_default();
    Request::get(format!(
        "{API}/sync?timeout={timeout_ms}&filter={filter}{since}"
    ))
}

/// Asks for the rooms that the account is in.
#[must_use]
pub fn joined_rooms() -> Request {
    Request::get(format!("{API}/joined_rooms"))
}

/// Creates a room.
#[must_use]
pub fn create_room(body: Value) -> Request {
    Request::post(format!("{API}/createRoom"), body)
}

/// Joins a room; where an invitation is needed, this accepts it.
#[must_use]
pub fn join(room_id: &str) -> Request {
    Request::post(room(room_id, "join"), json!({}))
}

/// Leaves a room, or declines the invitation to it.
#[must_use]
pub fn leave(room_id: &str) -> Request {
    Request::post(room(room_id, "leave"), json!({}))
}

/// Invites a person into a room.
#[must_use]
pub fn invite(room_id: &str, user_id: &str) -> Request {
    Request::post(room(room_id, "invite"), json!({ "user_id": user_id }))
}

/// Removes a person from a room and keeps them out.
#[must_use]
pub fn ban(room_id: &str, user_id: &str) -> Request {
    Request::post(room(room_id, "ban"), json!({ "user_id": user_id }))
}

/// Asks for the whole state of a room.
#[must_use]
pub fn state(room_id: &str) -> Request {
    Request::get(room(room_id, "state"))
}

/// Asks for the content of a state event whose state key is empty.
#[must_use]
pub fn state_event(room_id: &str, kind: &str) -> Request {
    Request::get(room(room_id, &format!("state/{}", escape(kind))))
}

/// Sets a state event whose state key is empty.
#[must_use]
pub fn set_state_event(room_id: &str, kind: &str, content: Value) -> Request {
    Request::put(room(room_id, &format!("state/{}", escape(kind))), content)
}

/// Sends an event. The homeserver makes one event of a transaction, however often it is sent.
#[must_use]
pub fn send(room_id: &str, kind: &str, transaction: &str, content: Value) -> Request {
    let rest = format!("send/{}/{}", escape(kind), escape(transaction));
    Request::put(room(room_id, &rest), content)
}

/// Sends a text.
#[must_use]
pub fn say(room_id: &str, transaction: &str, text: &str) -> Request {
    let content = json!({ "msgtype": "m.text", "body": text });
    send(room_id, "m.room.message", transaction, content)
}

/// Deletes the content of an event.
#[must_use]
pub fn redact(room_id: &str, event_id: &str, transaction: &str) -> Request {
    let rest = format!("redact/{}/{}", escape(event_id), escape(transaction));
    Request::put(room(room_id, &rest), json!({}))
}

/// Asks for a page of a room's newest events, the newest first.
#[must_use]
pub fn newest_events(room_id: &str, limit: usize) -> Request {
    Request::get(room(room_id, &format!("messages?dir=b&limit={limit}")))
}

/// Asks for a page of a room's events, the oldest first, from the end of another page.
#[must_use]
pub fn oldest_events(room_id: &str, limit: usize, from: Option<&str>) -> Request {
    let from = from.map(|from| format!("&from={}", escape(from)));
    let from = from.unwrap_or_default();
    Request::get(room(
        room_id,
        &format!("messages?dir=f&limit={limit}{from}"),
    ))
}

/// Sets account data of the account itself.
#[must_use]
pub fn set_account_data(user_id: &str, kind: &str, content: Value) -> Request {
    let path = format!(
        "{API}/user/{}/account_data/{}",
        escape(user_id),
        escape(kind)
    );
    Request::put(path, content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_escaped_and_a_query_is_not_shown() {
        let request = oldest_events("!a/b?c:d", 5, Some("t&1"));
        assert_eq!(
            request.path,
            "/_matrix/client/v3/rooms/%21a%2Fb%3Fc%3Ad/messages?dir=f&limit=5&from=t%261"
        );
        assert_eq!(
            request.to_string(),
            "GET /_matrix/client/v3/rooms/%21a%2Fb%3Fc%3Ad/messages"
        );
    }
}

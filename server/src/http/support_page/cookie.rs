//! Keeps the session in a cookie.
//!
//! `HttpOnly`: scripts cannot read it. `Secure`: it is sent only over TLS (or to `localhost`).
//! `SameSite=Strict`: other sites cannot make the browser send it. `Path=/support`: neither the API
//! nor the other pages get it, so the API remains without cookies; the server functions are below
//! that path. Without `Domain` it goes to this host only, and without `Max-Age` it ends with the
//! browser session, like `sessionStorage`. The prefix makes browsers insist on `Secure` (`__Host-`
//! would require `Path=/`).
//!
//! The server makes a new value whenever a conversation begins, independent of anything that the
//! browser sent, so a session cannot be fixed in advance.

use std::fmt;

use app::contract::{CreateSessionResponse, ResumeSessionResponse};
use axum::http::{HeaderMap, header};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::http::support_chat::parse_id;

const NAME: &str = "__Secure-support-chat";

#[derive(Clone)]
pub(super) struct SessionCookie {
    pub(super) id: Uuid,
    pub(super) token: SecretString,
    /// A digest of the idempotency key with which the conversation began. It distinguishes a first
    /// message that is sent twice from a second conversation.
    began_with: String,
}

impl fmt::Debug for SessionCookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionCookie")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl SessionCookie {
    /// The `Set-Cookie` header that removes the cookie.
    pub(super) const FORGET: &str = "__Secure-support-chat=; Path=/support; Max-Age=0; HttpOnly; \
                                     Secure; SameSite=Strict";

    /// The cookie of a conversation that has begun.
    pub(super) fn new(created: CreateSessionResponse, key: &str) -> Option<Self> {
        Some(Self {
            id: parse_id(created.session_id.as_str())?,
            token: created.token.into(),
            began_with: digest(key),
        })
    }

    /// The cookie of a conversation that was resumed with a code.
    pub(super) fn resumed(resumed: ResumeSessionResponse, code: &str) -> Option<Self> {
        Some(Self {
            id: parse_id(resumed.session_id.as_str())?,
            token: resumed.token.into(),
            began_with: digest(code),
        })
    }

    /// Reads the cookie that the browser sends. If there are two, one is not ours (a neighbouring
    /// host may have set it), and since they cannot be told apart, neither is accepted.
    pub(super) fn from_headers(headers: &HeaderMap) -> Option<Self> {
        let lines = headers.get_all(header::COOKIE).iter();
        let pairs = lines.flat_map(|line| line.to_str().unwrap_or_default().split(';'));
        let mut values = pairs
            .filter_map(|pair| pair.split_once('='))
            .filter(|(name, _)| name.trim() == NAME)
            .map(|(_, value)| value.trim());
        let (Some(value), None) = (values.next(), values.next()) else {
            return None;
        };
        let mut parts = value.split('.');
        let (id, token, began_with) = (parts.next()?, parts.next()?, parts.next()?);
        (parts.next().is_none() && !token.is_empty()).then_some(Self {
            id: parse_id(id)?,
            token: token.to_owned().into(),
            began_with: began_with.to_owned(),
        })
    }

    /// The `Set-Cookie` header that sets the cookie.
    pub(super) fn to_header(&self) -> String {
        let Self {
            id,
            token,
            began_with,
        } = self;
        let token = token.expose_secret();
        format!(
            "{NAME}={id}.{token}.{began_with}; Path=/support; HttpOnly; Secure; SameSite=Strict"
        )
    }

    /// Whether the conversation began with this key.
    pub(super) fn began_with(&self, key: &str) -> bool {
        self.began_with == digest(key)
    }
}

/// Hashes the key, which may contain characters that a cookie may not.
fn digest(key: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(&Sha256::digest(key)[..16])
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    const ID: &str = "0b6f2a0e-4a6e-4d5c-9a51-0f4f6c6f8d27";

    fn read(lines: &[&str]) -> Option<SessionCookie> {
        let lines = lines.iter().map(|line| {
            let value = HeaderValue::from_str(line).unwrap();
            (header::COOKIE, value)
        });
        SessionCookie::from_headers(&lines.collect())
    }

    #[test]
    fn what_is_given_to_the_browser_comes_back() {
        let created = CreateSessionResponse {
            session_id: ID.to_owned().into(),
            token: "a-token".to_owned(),
            messages: Vec::new(),
            message_id: ID.to_owned().into(),
            created_at: String::new(),
        };
        let cookie = SessionCookie::new(created, "a key; with = signs").unwrap();
        let header = cookie.to_header();
        let (pair, attributes) = header.split_once("; ").unwrap();
        assert_eq!(
            attributes,
            "Path=/support; HttpOnly; Secure; SameSite=Strict"
        );
        for line in [pair.to_owned(), format!("a=b; {pair};c=d")] {
            let read = read(&[&line]).unwrap();
            assert_eq!(read.id.to_string(), ID);
            assert_eq!(read.token.expose_secret(), "a-token");
            assert!(read.began_with("a key; with = signs") && !read.began_with("another"));
        }
        assert!(!format!("{cookie:?}").contains("a-token"));
    }

    #[test]
    fn anything_else_is_no_session() {
        let good = format!("{NAME}={ID}.token.key");
        assert!(read(&[&good]).is_some());
        for bad in [
            &[][..],
            &["support-chat=x"],
            &[&format!("{NAME}=")],
            &[&format!("{NAME}={ID}")],
            &[&format!("{NAME}={ID}..key")],
            &[&format!("{NAME}={ID}.token.key.more")],
            &[&format!("{NAME}=nobody.token.key")],
            &[&format!("{good}; {NAME}={ID}.other.key")],
            &[&good, &good],
        ] {
            assert!(read(bad).is_none(), "{bad:?}");
        }
    }
}

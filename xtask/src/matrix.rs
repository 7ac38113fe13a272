//! A Matrix client with the requests that development needs.

use std::fmt::Write as _;
use std::time::Duration;

use serde_json::{Value, json};

use crate::failure::{Context, Failure, Result, bail, fail};

/// A client of a homeserver, with or without an account.
#[derive(Clone)]
pub(crate) struct Matrix {
    agent: ureq::Agent,
    base: String,
    token: Option<String>,
}

impl Matrix {
    /// The homeserver at this address.
    pub(crate) fn new(base: &str) -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            // Longer than the longest long poll.
            .timeout_global(Some(Duration::from_mins(1)))
            // A loopback address is never behind a proxy.
            .proxy(None)
            .build();
        Self {
            agent: config.into(),
            base: base.to_owned(),
            token: None,
        }
    }

    /// Whether the homeserver answers.
    pub(crate) fn is_up(&self) -> bool {
        answers_ok(&format!("{}/health", self.base))
    }

    /// Signs in, and gives the client of that account.
    pub(crate) fn login(&self, user: &str, password: &str) -> Result<Self> {
        let body = json!({
            "type": "m.login.password",
            "identifier": {"type": "m.id.user", "user": user},
            "password": password,
            "initial_device_display_name": "cargo xtask",
        });
        let answer = self.post("/_matrix/client/v3/login", &body)?;
        let Some(token) = answer["access_token"].as_str() else {
            bail!("signing in as {user} gave no access token");
        };
        Ok(Self {
            token: Some(token.to_owned()),
            ..self.clone()
        })
    }

    /// A GET that must succeed.
    pub(crate) fn get(&self, path: &str) -> Result<Value> {
        self.expect_ok("GET", path, None)
    }

    /// A POST that must succeed.
    pub(crate) fn post(&self, path: &str, body: &Value) -> Result<Value> {
        self.expect_ok("POST", path, Some(body))
    }

    /// A PUT that must succeed.
    pub(crate) fn put(&self, path: &str, body: &Value) -> Result<Value> {
        self.expect_ok("PUT", path, Some(body))
    }

    fn expect_ok(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Value> {
        let (status, answer) = self.request(method, path, body)?;
        if matches!(status, 200 | 201) {
            return Ok(answer);
        }
        let path = path.split('?').next().unwrap_or(path);
        fail(format!("{method} {path}: {}", refusal(status, &answer)))
    }

    fn request(&self, method: &str, path: &str, body: Option<&Value>) -> Result<(u16, Value)> {
        let mut request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base));
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let body = body.map(Value::to_string).unwrap_or_default();
        let request = request
            .header("content-type", "application/json")
            .body(body)
            .context("cannot make a request")?;
        let failed = |error| Failure::Message(format!("the homeserver {}: {error}", self.base));
        let mut response = self.agent.run(request).map_err(failed)?;
        let answer = response
            .body_mut()
            .with_config()
            .limit(64 << 20)
            .read_json();
        Ok((response.status().as_u16(), answer.map_err(failed)?))
    }
}

fn refusal(status: u16, answer: &Value) -> String {
    format!(
        "{status} {}",
        answer["error"].as_str().unwrap_or("without a reason")
    )
}

/// Whether a GET of this address succeeds.
pub(crate) fn answers_ok(url: &str) -> bool {
    let config = ureq::Agent::config_builder()
        .timeout_global(Some(Duration::from_secs(5)))
        .proxy(None)
        .build();
    ureq::Agent::from(config).get(url).call().is_ok()
}

/// A room or user id as part of a path.
pub(crate) fn escape(id: &str) -> String {
    id.bytes().fold(String::new(), |mut path, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            path.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(path, "%{byte:02X}");
        }
        path
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_escaped() {
        assert_eq!(escape("!aB1:localhost"), "%21aB1%3Alocalhost");
        assert_eq!(escape("a/b?c#d"), "a%2Fb%3Fc%23d");
    }
}

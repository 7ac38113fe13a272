//! A Matrix client with the requests that development needs.

use std::time::Duration;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use crate::prelude::*;

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
        Self {
            // Longer than the longest long poll.
            agent: agent(Duration::from_mins(1)),
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
        let token = answer["access_token"].as_str();
        let token = token.with_context(|| format!("signing in as {user} gave no access token"))?;
        Ok(Self {
            token: Some(token.to_owned()),
            ..self.clone()
        })
    }

    /// A GET that must succeed.
    pub(crate) fn get(&self, path: &str) -> Result<Value> {
        self.request("GET", path, String::new())
    }

    /// A POST that must succeed.
    pub(crate) fn post(&self, path: &str, body: &Value) -> Result<Value> {
        self.request("POST", path, body.to_string())
    }

    /// A PUT that must succeed.
    pub(crate) fn put(&self, path: &str, body: &Value) -> Result<Value> {
        self.request("PUT", path, body.to_string())
    }

    fn request(&self, method: &str, path: &str, body: String) -> Result<Value> {
        let mut request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base))
            .header("content-type", "application/json");
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let homeserver = || format!("the homeserver {}", self.base);
        let response = self.agent.run(request.body(body)?);
        let mut response = response.with_context(homeserver)?;
        let body = response.body_mut().with_config().limit(64 << 20);
        let answer: Value = body.read_json().with_context(homeserver)?;
        if !response.status().is_success() {
            let path = path.split('?').next().unwrap_or(path);
            let reason = answer["error"].as_str().unwrap_or("without a reason");
            bail!("{method} {path}: {} {reason}", response.status().as_u16());
        }
        Ok(answer)
    }
}

fn agent(limit: Duration) -> ureq::Agent {
    let config = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(limit))
        // A loopback address is never behind a proxy.
        .proxy(None)
        .build();
    config.into()
}

/// Whether a GET of this address succeeds.
pub(crate) fn answers_ok(url: &str) -> bool {
    let answer = agent(Duration::from_secs(5)).get(url).call();
    answer.is_ok_and(|answer| answer.status().is_success())
}

/// A room or user id as part of a path.
pub(crate) fn escape(id: &str) -> String {
    utf8_percent_encode(id, NON_ALPHANUMERIC).to_string()
}

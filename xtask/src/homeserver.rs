//! The requests of development tools to a homeserver, without an async runtime.

use std::time::Duration;

use matrix_client::{Access, Error, Request, accepted, request};
use serde_json::Value;

use crate::prelude::*;

/// Longer than the longest long poll.
const ANSWER_WAIT: Duration = Duration::from_mins(1);

/// The answer to a sync of many rooms is large.
const LARGEST_ANSWER: u64 = 64 << 20;

/// A client of a homeserver, with or without an account.
#[derive(Clone)]
pub(crate) struct Client {
    agent: ureq::Agent,
    access: Access,
}

impl Client {
    /// A client without an account.
    pub(crate) fn new(homeserver: &str) -> Self {
        Self {
            agent: agent(ANSWER_WAIT),
            access: Access::anonymous(homeserver),
        }
    }

    /// Sends a request that must succeed.
    pub(crate) fn ok(&self, request: &Request) -> Result<Value, Error> {
        let sent = self.access.http_request(request)?;
        let answer = self.agent.run(sent).and_then(|mut response| {
            let body = response.body_mut().with_config().limit(LARGEST_ANSWER);
            let body = body.read_json()?;
            Ok((response.status(), body))
        });
        let unanswered = |error| self.access.unanswered(error);
        let (status, body) = answer.map_err(unanswered)?;
        accepted(request, status, body)
    }

    /// Logs in, and gives the client of that account.
    pub(crate) fn log_in(&self, user: &str, password: &str) -> Result<Self, Error> {
        let answer = self.ok(&request::log_in(user, password, "cargo xtask"))?;
        Ok(Self {
            agent: self.agent.clone(),
            access: self.access.logged_in(&answer)?,
        })
    }
}

/// Whether a GET of this address succeeds.
pub(crate) fn answers_ok(url: &str) -> bool {
    let answer = agent(Duration::from_secs(5)).get(url).call();
    answer.is_ok_and(|answer| answer.status().is_success())
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

//! The client on reqwest.

use http::StatusCode;
use secrecy::SecretString;
use serde_json::Value;

use crate::{Error, Request, access::Access, error::accepted, request};

/// A client of a homeserver, with or without an account.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    access: Access,
}

/// An answer, whether the request succeeded or not.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The JSON.
    pub body: Value,
}

impl Client {
    /// A client without an account. Time limits and proxies are set in `http`.
    #[must_use]
    pub fn new(http: reqwest::Client, homeserver: &str) -> Self {
        Self {
            http,
            access: Access::anonymous(homeserver),
        }
    }

    /// The same homeserver, with the account of this access token.
    #[must_use]
    pub fn with_token(&self, token: SecretString) -> Self {
        Self {
            http: self.http.clone(),
            access: self.access.with_token(token),
        }
    }

    /// The homeserver's address.
    #[must_use]
    pub fn homeserver(&self) -> &str {
        self.access.homeserver()
    }

    /// The access token; empty without an account.
    #[must_use]
    pub fn token(&self) -> &str {
        self.access.token().unwrap_or_default()
    }

    /// Sends a request once, and returns the answer whatever its status is.
    pub async fn ask(&self, request: &Request) -> Result<Answer, Error> {
        let request = self.access.http_request(request)?;
        let answer = async {
            let request = reqwest::Request::try_from(request)?;
            let response = self.http.execute(request).await?;
            let status = response.status();
            let body = response.json().await?;
            Ok(Answer { status, body })
        };
        // The library's message would contain the whole address, which the query makes long.
        let unanswered = |error: reqwest::Error| self.access.unanswered(error.without_url());
        answer.await.map_err(unanswered)
    }

    /// Sends a request that must succeed.
    pub async fn ok(&self, request: &Request) -> Result<Value, Error> {
        let Answer { status, body } = self.ask(request).await?;
        accepted(request, status, body)
    }

    /// Logs in, and returns the client of that account.
    pub async fn log_in(
        &self,
        user: &str,
        password: &str,
        device_name: &str,
    ) -> Result<Self, Error> {
        let log_in = request::log_in(user, password, device_name);
        let access = self.access.logged_in(&self.ok(&log_in).await?)?;
        let http = self.http.clone();
        Ok(Self { http, access })
    }
}

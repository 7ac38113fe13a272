//! The homeserver's address and the account.

use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use crate::{Error, Request, error};

/// The homeserver's address and the account: everything that a client needs besides an HTTP library.
#[derive(Clone, Debug)]
pub struct Access {
    homeserver: String,
    token: Option<SecretString>,
}

impl Access {
    /// The homeserver, without an account.
    #[must_use]
    pub fn anonymous(homeserver: &str) -> Self {
        Self {
            homeserver: homeserver.trim_end_matches('/').to_owned(),
            token: None,
        }
    }

    /// The same homeserver, with the account of this access token.
    #[must_use]
    pub fn with_token(&self, token: SecretString) -> Self {
        Self {
            homeserver: self.homeserver.clone(),
            token: Some(token),
        }
    }

    /// The same homeserver, with the account that this answer to a login names.
    pub fn logged_in(&self, answer: &Value) -> Result<Self, Error> {
        let token = error::text(answer, "access_token")?;
        Ok(self.with_token(token.into()))
    }

    /// The homeserver's address.
    #[must_use]
    pub fn homeserver(&self) -> &str {
        &self.homeserver
    }

    /// The access token, where there is an account.
    #[must_use]
    pub fn token(&self) -> Option<&str> {
        self.token.as_ref().map(ExposeSecret::expose_secret)
    }

    /// A request in the form that HTTP libraries take.
    pub fn http_request(&self, request: &Request) -> Result<http::Request<String>, Error> {
        let mut built = http::Request::builder()
            .method(request.method.clone())
            .uri(format!("{}{}", self.homeserver, request.path));
        if let Some(token) = self.token() {
            built = built.header("authorization", format!("Bearer {token}"));
        }
        let body = request.body.as_ref().map(Value::to_string);
        if body.is_some() {
            built = built.header("content-type", "application/json");
        }
        let built = built.body(body.unwrap_or_default());
        built.map_err(|error| self.unanswered(error))
    }

    /// The error for a request without an answer.
    pub fn unanswered(&self, error: impl std::error::Error + Send + Sync + 'static) -> Error {
        Error::Unanswered {
            homeserver: self.homeserver.clone(),
            error: Box::new(error),
        }
    }
}

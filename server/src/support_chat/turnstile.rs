//! Verifies the challenge before a first message with Cloudflare Turnstile or a service with the
//! same protocol.

use std::{net::IpAddr, time::Duration};

use secrecy::ExposeSecret;
use serde::Deserialize;

use crate::config;

/// The time limit of the verification, for which the visitor waits. Without an answer in time the
/// challenge counts as failed.
const PATIENCE: Duration = Duration::from_secs(5);

/// A client of the `siteverify` endpoint.
#[derive(Clone, Debug)]
pub struct Turnstile {
    config: config::Turnstile,
    client: reqwest::Client,
}

#[derive(Deserialize)]
struct Verdict {
    success: bool,
}

impl Turnstile {
    /// Builds a client of the configured endpoint.
    #[must_use]
    pub fn new(config: config::Turnstile) -> Self {
        Self {
            config,
            client: reqwest::Client::new(),
        }
    }

    /// Whether the visitor at `address` passed the challenge. Any failure to find out counts as no.
    pub(super) async fn is_passed(&self, answer: &str, address: IpAddr) -> bool {
        match self.ask(answer, address).await {
            Ok(verdict) => verdict.success,
            Err(error) => {
                // The operator chose the URL, which may be logged; the secret and the answer are
                // only in the body.
                tracing::warn!(%error, "the challenge could not be verified");
                false
            }
        }
    }

    async fn ask(&self, answer: &str, address: IpAddr) -> Result<Verdict, reqwest::Error> {
        let address = address.to_string();
        let form = [
            ("secret", self.config.secret_key.expose_secret()),
            ("response", answer),
            ("remoteip", &address),
        ];
        let request = self
            .client
            .post(self.config.verify_url.clone())
            .timeout(PATIENCE);
        request
            .form(&form)
            .send()
            .await?
            .error_for_status()?
            .json()
            .await
    }
}

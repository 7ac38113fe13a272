//! The challenge before a first message, verified by Cloudflare Turnstile or who speaks its protocol.

use std::{net::IpAddr, time::Duration};

use secrecy::ExposeSecret;
use serde::Deserialize;

use crate::config;

/// The visitor waits meanwhile. Without an answer in time the challenge was not passed.
const PATIENCE: Duration = Duration::from_secs(5);

/// The `siteverify` endpoint.
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
    /// A verifier at the configured address.
    #[must_use]
    pub fn new(config: config::Turnstile) -> Self {
        Self {
            config,
            client: reqwest::Client::new(),
        }
    }

    /// Whether the visitor at `address` passed. Any doubt is a no.
    pub(super) async fn is_passed(&self, answer: &str, address: IpAddr) -> bool {
        match self.ask(answer, address).await {
            Ok(verdict) => verdict.success,
            Err(error) => {
                // The URL is the operator's; the secret and the answer are in the body.
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

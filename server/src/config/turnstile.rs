//! The configuration of the challenge before a first message: Cloudflare Turnstile, or another service with the same
//! protocol.

use secrecy::SecretString;
use url::Url;

use super::Env;

/// How challenges are verified.
#[derive(Clone, Debug)]
pub struct Turnstile {
    /// The site's secret.
    pub secret_key: SecretString,
    /// The site's public key, with which the widget shows the challenge.
    pub site_key: Option<String>,
    /// The `siteverify` endpoint.
    pub verify_url: Url,
}

impl Turnstile {
    pub(super) fn read(env: &mut Env) -> Option<Self> {
        const DEFAULT_VERIFY_URL: &str =
            "https://challenges.cloudflare.com/turnstile/v0/siteverify";
        let secret_key = env.secret("TURNSTILE_SECRET_KEY");
        let text = env
            .text("TURNSTILE_VERIFY_URL")
            .unwrap_or_else(|| DEFAULT_VERIFY_URL.into());
        let verify_url = env.parse("TURNSTILE_VERIFY_URL", &text);
        Some(Self {
            secret_key: secret_key?,
            site_key: env.text("TURNSTILE_SITE_KEY"),
            verify_url: verify_url?,
        })
    }
}

//! The challenge before a first message.

use secrecy::ExposeSecret;
use serde::Deserialize;

use super::{PATIENCE, finding::Findings, reasons};
use crate::config::{self, Config};

const CHECK: &str = "turnstile";

#[derive(Deserialize)]
struct Verdict {
    success: bool,
    #[serde(default, rename = "error-codes")]
    errors: Vec<String>,
}

pub(super) async fn examine(config: &Config, findings: &mut Findings) {
    let Some(turnstile) = &config.turnstile else {
        findings.skipped(
            CHECK,
            "TURNSTILE_SECRET_KEY is not given: there is no challenge",
        );
        return;
    };
    match ask(turnstile).await {
        Ok(verdict) if verdict.errors.iter().any(|error| error.ends_with("input-secret")) => {
            let advice = "check TURNSTILE_SECRET_KEY: it is the secret key of the site, and not the site key";
            findings.problem(CHECK, "the verifier does not know the secret key", advice);
        }
        Ok(verdict) if verdict.success => findings.warning(
            CHECK,
            "the verifier accepts any answer",
            "this is a key for tests: set the site's own TURNSTILE_SECRET_KEY",
        ),
        Ok(_) if turnstile.site_key.is_none() => findings.warning(
            CHECK,
            "the verifier answers, and the widget has no site key",
            "set TURNSTILE_SITE_KEY: without it no visitor is shown a challenge, and none can write",
        ),
        Ok(_) => findings.ok(CHECK, "the verifier answers, and knows the secret key"),
        Err(error) => findings.problem(
            CHECK,
            format!("the verifier does not answer: {}", reasons(error)),
            "let this machine reach TURNSTILE_VERIFY_URL: until then nobody can begin a conversation",
        ),
    }
}

/// The verdict on an answer that no visitor gave.
async fn ask(turnstile: &config::Turnstile) -> Result<Verdict, reqwest::Error> {
    let form = [
        ("secret", turnstile.secret_key.expose_secret()),
        ("response", "matrix-support-chat-doctor"),
    ];
    let client = reqwest::Client::builder().timeout(PATIENCE).build()?;
    let request = client.post(turnstile.verify_url.clone()).form(&form);
    request.send().await?.json().await
}

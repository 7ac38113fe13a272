//! Verifies the tokens (JWT, RFC 7519) by which a website vouches for a visitor, and derives the
//! digest that identifies the visitor in Postgres.
//!
//! The `sub` of a token is the website's own name for the visitor, often a customer number or an
//! address. The server only has to recognise it, not to read it, so it keeps a keyed hash whose key
//! is not in the database. The hash is deleted together with the conversation's texts.

use chrono::{DateTime, TimeDelta, Utc};
use hmac::{Hmac, KeyInit, Mac};
use jsonwebtoken::{Validation, decode, decode_header};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::SupportChat;
use crate::{
    config::IdentityKey,
    field_rules::{EMAIL, LINE, Rule},
    metrics::IdentityOutcome,
    model::{Identity, Verified},
};

/// How far the website's clock may differ from this server's.
const LEEWAY: TimeDelta = TimeDelta::seconds(30);
/// The maximum lifetime of a token. A longer one would be a password, or has its times in
/// milliseconds.
const LONGEST: TimeDelta = TimeDelta::days(366);
/// The maximum length of a token in bytes.
const MAX_TOKEN: usize = 8 * 1024;
/// The maximum length of `sub` in bytes.
const MAX_SUBJECT: usize = 1024;

/// Why a token does not verify the visitor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Rejected {
    /// The value is not a token, or lacks a required claim.
    #[error("it is not a token with `sub` and `exp`")]
    Malformed,
    /// No configured key has signed it with the algorithm of that key.
    #[error("none of the keys has signed it")]
    Foreign,
    /// It has expired by this server's clock.
    #[error("it has expired")]
    Expired,
    /// It is not valid yet by this server's clock.
    #[error("it is not valid yet")]
    TooEarly,
    /// It is valid for longer than a year.
    #[error("it is valid for longer than a year")]
    TooLong,
}

/// The claims of a token. Times are in seconds and may have a fraction.
#[derive(Deserialize)]
struct Claims {
    sub: String,
    exp: f64,
    nbf: Option<f64>,
    iss: Option<String>,
    name: Option<String>,
    email: Option<String>,
}

/// The keys of the websites, and the secret from which the visitors' digests are derived.
#[derive(Debug)]
pub struct Identities {
    keys: Vec<IdentityKey>,
    secret: SecretString,
}

impl Identities {
    /// Servers with the same secret recognise the same visitors.
    #[must_use]
    pub const fn new(keys: Vec<IdentityKey>, secret: SecretString) -> Self {
        Self { keys, secret }
    }

    /// Returns the visitor for whom the token vouches at this time.
    fn verify(&self, token: &str, now: DateTime<Utc>) -> Result<Identity, Rejected> {
        if token.len() > MAX_TOKEN {
            return Err(Rejected::Malformed);
        }
        // A header with an unknown algorithm, or with `none`, cannot be decoded at all.
        let header = decode_header(token).map_err(|_| Rejected::Malformed)?;
        if header.crit.is_some() {
            return Err(Rejected::Malformed);
        }
        let named = |key: &&IdentityKey| header.kid.is_none() || key.id == header.kid;
        let (key, claims) = self
            .keys
            .iter()
            .filter(named)
            .filter(|key| key.algorithm == header.alg)
            .find_map(|key| Some((key, read(token, key)?)))
            .ok_or(Rejected::Foreign)?;
        let claims: Claims = serde_json::from_value(claims).map_err(|_| Rejected::Malformed)?;
        check_times(&claims, now)?;
        if claims.sub.trim().is_empty() || claims.sub.len() > MAX_SUBJECT {
            return Err(Rejected::Malformed);
        }
        let digest = self.digest(key, &claims);
        // A website may set only those values of these fields that a visitor may set.
        let accepted = |text: Option<String>, rule: &Rule| {
            text.filter(|text| !text.trim().is_empty() && rule.accepts(text))
        };
        Ok(Identity {
            digest,
            verified: Verified {
                name: accepted(claims.name, &LINE),
                email: accepted(claims.email, &EMAIL),
            },
        })
    }

    /// The digest that identifies a visitor. It includes the key and `iss`, because two websites
    /// may use the same `sub` for different people.
    fn digest(&self, key: &IdentityKey, claims: &Claims) -> [u8; 32] {
        #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
        let mut mac = Hmac::<Sha256>::new_from_slice(&Sha256::digest(self.secret.expose_secret()))
            .expect("a key of any length");
        mac.update(b"support-chat identity\0");
        mac.update(&key.fingerprint);
        for part in [claims.iss.as_deref().unwrap_or_default(), &claims.sub] {
            mac.update(&part.len().to_be_bytes());
            mac.update(part.as_bytes());
        }
        mac.finalize().into_bytes().into()
    }
}

/// Returns the claims if this key has signed the token.
fn read(token: &str, key: &IdentityKey) -> Option<serde_json::Value> {
    let mut validation = Validation::new(key.algorithm);
    // The library's own checks of times and audience are off. The times are checked above against a
    // clock that tests can set, and the key says for whom the token is meant.
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_aud = false;
    decode(token, &key.key, &validation)
        .ok()
        .map(|data| data.claims)
}

fn check_times(claims: &Claims, now: DateTime<Utc>) -> Result<(), Rejected> {
    #[expect(
        clippy::cast_precision_loss,
        reason = "the seconds of thousands of years fit exactly"
    )]
    let seconds_ahead = |time: f64| time - now.timestamp_millis() as f64 / 1_000.0;
    let allowed = |delta: TimeDelta| delta.as_seconds_f64();
    let expires_in = seconds_ahead(claims.exp);
    if expires_in <= -allowed(LEEWAY) {
        return Err(Rejected::Expired);
    }
    if expires_in > allowed(LONGEST) {
        return Err(Rejected::TooLong);
    }
    match claims.nbf.map(seconds_ahead) {
        Some(begins_in) if begins_in > allowed(LEEWAY) => Err(Rejected::TooEarly),
        _ => Ok(()),
    }
}

impl SupportChat {
    /// Returns the visitor for whom the token vouches. A missing or invalid token gives `None`, and
    /// the message is accepted without an identity.
    pub(super) fn verify_identity(&self, token: Option<&str>) -> Option<Identity> {
        let token = token.filter(|token| !token.trim().is_empty())?;
        if self.identities.keys.is_empty() {
            return None;
        }
        match self.identities.verify(token, Utc::now()) {
            Ok(identity) => {
                self.metrics.identity(IdentityOutcome::Verified);
                Some(identity)
            }
            Err(rejected) => {
                self.metrics.identity(IdentityOutcome::Rejected);
                tracing::warn!(%rejected, "the identity of a visitor is not valid");
                None
            }
        }
    }
}

#[cfg(test)]
mod tests;

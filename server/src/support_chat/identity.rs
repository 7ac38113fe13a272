//! Whom a website vouches for: the token (JWT, RFC 7519) that its server signed, and what stands for the visitor in Postgres.
//!
//! The website's own name for a visitor, `sub`, is often a customer's number or address. Nothing here needs to read it, only to
//! tell whether it is the same one, so what is kept is a hash with a key that the database does not have. It goes with the
//! conversation's texts.

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

/// The website's clock may differ from this server's by as much.
const LEEWAY: TimeDelta = TimeDelta::seconds(30);
/// A token that is good for longer is a password, or has its times in milliseconds.
const LONGEST: TimeDelta = TimeDelta::days(366);
/// No token is longer, in bytes.
const MAX_TOKEN: usize = 8 * 1024;
/// No `sub` is longer, in bytes.
const MAX_SUBJECT: usize = 1024;

/// Why nobody vouches for the visitor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Rejected {
    /// It is no token, or has not what a token must have.
    #[error("it is no token with `sub` and `exp`")]
    Malformed,
    /// No key has signed it, by the algorithm that the key is for.
    #[error("none of the keys has signed it")]
    Foreign,
    /// It is too old, by this server's clock.
    #[error("it has expired")]
    Expired,
    /// It is not good yet, by this server's clock.
    #[error("it is not good yet")]
    TooEarly,
    /// It is good for longer than a year.
    #[error("it is good for longer than a year")]
    TooLong,
}

/// What a token says. Times are seconds, maybe with a fraction.
#[derive(Deserialize)]
struct Claims {
    sub: String,
    exp: f64,
    nbf: Option<f64>,
    iss: Option<String>,
    name: Option<String>,
    email: Option<String>,
}

/// The keys of websites, and the secret under which visitors are known.
#[derive(Debug)]
pub struct Identities {
    keys: Vec<IdentityKey>,
    secret: SecretString,
}

impl Identities {
    /// All servers with this secret know the same visitors.
    #[must_use]
    pub const fn new(keys: Vec<IdentityKey>, secret: SecretString) -> Self {
        Self { keys, secret }
    }

    /// Whom the token vouches for at this time.
    fn verify(&self, token: &str, now: DateTime<Utc>) -> Result<Identity, Rejected> {
        if token.len() > MAX_TOKEN {
            return Err(Rejected::Malformed);
        }
        // An unknown algorithm, and `none`, cannot be read at all.
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
        // What no visitor could say in these fields, nor can a website.
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

    /// What stands for the visitor. Two websites, by their keys or by `iss`, may have the same name for different people.
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

/// What the token says, where this key has signed it.
fn read(token: &str, key: &IdentityKey) -> Option<serde_json::Value> {
    let mut validation = Validation::new(key.algorithm);
    // Times are compared with a clock that a test can choose, and who it is for is said by the key.
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
    /// Whom the token vouches for; nobody where it is missing or not valid, which keeps no message from being taken.
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
                tracing::warn!(%rejected, "nobody vouches for a visitor who brought an identity");
                None
            }
        }
    }
}

#[cfg(test)]
mod tests;

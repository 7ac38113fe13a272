//! The keys of websites that vouch for their visitors.

use std::fmt;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, DecodingKey};
use secrecy::ExposeSecret;
use serde::{Deserialize, de::IgnoredAny};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::Env;

const NAME: &str = "SUPPORT_CHAT_IDENTITY_KEYS";

/// The minimum length of a secret in bytes: that of the digest of HS256 (RFC 7518, section 3.2).
const LEAST_SECRET_BYTES: usize = 32;

/// A website's key. It determines the algorithm with which a token is verified, so the token cannot
/// choose another one.
#[derive(Clone)]
pub struct IdentityKey {
    /// Its name, if it has one.
    pub id: Option<String>,
    /// HS256 or `EdDSA`.
    pub algorithm: Algorithm,
    /// The key that verifies tokens.
    pub key: DecodingKey,
    /// A digest that distinguishes it from other keys.
    pub fingerprint: [u8; 32],
}

/// The other fields are secret, or would reveal something about the secret.
impl fmt::Debug for IdentityKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("IdentityKey")
            .field("id", &self.id)
            .field("algorithm", &self.algorithm)
            .finish_non_exhaustive()
    }
}

/// A JSON Web Key (RFC 7517), as far as it is used here.
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    purpose: Option<String>,
    crv: Option<String>,
    k: Option<String>,
    x: Option<String>,
    d: Option<IgnoredAny>,
}

impl IdentityKey {
    /// The keys; an empty list if no website vouches for visitors; `None` after a mistake.
    pub(super) fn read_all(env: &mut Env) -> Option<Vec<Self>> {
        let Some(text) = env.secret(NAME) else {
            // The mistake in the secret was reported already.
            return Some(Vec::new());
        };
        match parse(text.expose_secret()) {
            Ok(keys) => Some(keys),
            Err(problem) => {
                env.error(NAME, format!("is not valid: {problem}"));
                None
            }
        }
    }
}

/// Reads a JWK Set. An error message contains no part of it.
fn parse(text: &str) -> Result<Vec<IdentityKey>, String> {
    let set: Value = serde_json::from_str(text).unwrap_or_default();
    let Some(jwks) = set["keys"].as_array().filter(|jwks| !jwks.is_empty()) else {
        return Err("expected a JWK Set, `{\"keys\": [{\"kty\": \"oct\", \"k\": …}]}`".to_owned());
    };
    let mut keys: Vec<IdentityKey> = Vec::new();
    for (n, jwk) in jwks.iter().enumerate() {
        let key = read(jwk).map_err(|problem| format!("key {} {problem}", n + 1))?;
        if key.id.is_some() && keys.iter().any(|other| other.id == key.id) {
            return Err(format!("key {} has the `kid` of another", n + 1));
        }
        keys.push(key);
    }
    Ok(keys)
}

fn read(jwk: &Value) -> Result<IdentityKey, &'static str> {
    let jwk = Jwk::deserialize(jwk).map_err(|_| "is no JWK")?;
    if jwk.purpose.is_some_and(|purpose| purpose != "sig") {
        return Err("is not for signatures (`use`)");
    }
    let decode = |text: Option<String>| BASE64_URL_SAFE_NO_PAD.decode(text?).ok();
    let (algorithm, name, material, key) = match (jwk.kty.as_str(), jwk.crv.as_deref()) {
        ("oct", None) => {
            let secret = decode(jwk.k).ok_or("has no `k` in base64url without padding")?;
            if secret.len() < LEAST_SECRET_BYTES {
                return Err("is too short: an HS256 secret has at least 32 bytes");
            }
            let key = DecodingKey::from_secret(&secret);
            (Algorithm::HS256, "HS256", secret, key)
        }
        ("OKP", Some("Ed25519")) => {
            if jwk.d.is_some() {
                return Err("has its private part (`d`), which only the website may have");
            }
            let public = decode(jwk.x.clone()).filter(|public| public.len() == 32);
            let public = public.ok_or("has no `x` of 32 bytes in base64url without padding")?;
            let key = DecodingKey::from_ed_components(&jwk.x.unwrap_or_default());
            let key = key.map_err(|_| "cannot be used")?;
            (Algorithm::EdDSA, "EdDSA", public, key)
        }
        _ => return Err("is neither `oct` nor `OKP` with the curve Ed25519"),
    };
    if jwk.alg.is_some_and(|alg| alg != name) {
        return Err("has an `alg` that is neither HS256 (`oct`) nor EdDSA (`OKP`)");
    }
    Ok(IdentityKey {
        id: jwk.kid,
        algorithm,
        key,
        fingerprint: Sha256::new()
            .chain_update(name)
            .chain_update("\n")
            .chain_update(material)
            .finalize()
            .into(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn secret(bytes: usize) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(vec![7; bytes])
    }

    #[test]
    fn secrets_and_public_keys_are_read_each_with_its_algorithm() {
        let set = json!({ "keys": [
            { "kty": "oct", "k": secret(32), "kid": "shop", "alg": "HS256", "use": "sig" },
            { "kty": "OKP", "crv": "Ed25519", "x": secret(32) },
        ] });
        let keys = parse(&set.to_string()).unwrap();
        let read: Vec<_> = keys
            .iter()
            .map(|key| (key.id.as_deref(), key.algorithm))
            .collect();
        assert_eq!(
            read,
            [(Some("shop"), Algorithm::HS256), (None, Algorithm::EdDSA)]
        );
        assert_ne!(keys[0].fingerprint, keys[1].fingerprint);
        assert!(!format!("{keys:?}").contains(&secret(32)));
    }

    #[test]
    fn what_is_no_key_or_a_weak_one_is_refused_without_a_word_of_it() {
        let good = json!({ "kty": "oct", "k": secret(32), "kid": "a" });
        let private = json!({ "kty": "OKP", "crv": "Ed25519", "x": secret(32), "d": secret(32) });
        for (set, said) in [
            (json!("s3cret"), "JWK Set"),
            (json!({}), "JWK Set"),
            (json!({ "keys": [] }), "JWK Set"),
            (json!({ "keys": ["s3cret"] }), "key 1 is no JWK"),
            (json!({ "keys": [{ "kty": "s3cret" }] }), "key 1 is neither"),
            (
                json!({ "keys": [{ "kty": "RSA", "n": "s3cret" }] }),
                "key 1 is neither",
            ),
            (
                json!({ "keys": [{ "kty": "OKP", "crv": "X25519", "x": secret(32) }] }),
                "neither",
            ),
            (
                json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "x": secret(31) }] }),
                "32 bytes",
            ),
            (json!({ "keys": [private] }), "private"),
            (json!({ "keys": [{ "kty": "oct" }] }), "no `k`"),
            (
                json!({ "keys": [{ "kty": "oct", "k": "s3cret=" }] }),
                "no `k`",
            ),
            (
                json!({ "keys": [{ "kty": "oct", "k": secret(31) }] }),
                "at least 32 bytes",
            ),
            (
                json!({ "keys": [{ "kty": "oct", "k": secret(32), "alg": "s3cret" }] }),
                "`alg`",
            ),
            (
                json!({ "keys": [{ "kty": "oct", "k": secret(32), "use": "enc" }] }),
                "`use`",
            ),
            (json!({ "keys": [good, good] }), "key 2 has the `kid`"),
        ] {
            let problem = parse(&set.to_string()).unwrap_err();
            assert!(problem.contains(said), "{set}: {problem}");
            assert!(!problem.contains("s3cret"), "{problem}");
        }
        assert!(parse("s3cret").is_err());
    }
}

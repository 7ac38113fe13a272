//! A website that vouches for its visitors.

use std::time::SystemTime;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

const SECRET: &[u8; 32] = b"the secret of a website, 32 byte";

/// The website's key, as the website has it.
pub(crate) fn secret() -> String {
    BASE64_URL_SAFE_NO_PAD.encode(SECRET)
}

/// `SUPPORT_CHAT_IDENTITY_KEYS` with the website's key.
pub(crate) fn keys() -> String {
    json!({ "keys": [{ "kty": "oct", "k": secret() }] }).to_string()
}

pub(crate) fn in_seconds(seconds: i64) -> i64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    i64::try_from(now.unwrap().as_secs()).unwrap() + seconds
}

/// A token with this header and these claims, signed by HS256 whatever the header says.
pub(crate) fn signed(header: Value, claims: Value) -> String {
    let part = |value: Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let signing_input = format!("{}.{}", part(header), part(claims));
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET).unwrap();
    mac.update(signing_input.as_bytes());
    let signature = BASE64_URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes());
    format!("{signing_input}.{signature}")
}

/// A token for Ada Lovelace, whom the website calls `sub`.
pub(crate) fn token(sub: &str) -> String {
    let claims = json!({
        "sub": sub, "exp": in_seconds(60), "name": "Ada Lovelace", "email": "ada@example.com",
    });
    signed(json!({ "alg": "HS256" }), claims)
}

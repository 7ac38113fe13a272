//! Bearer tokens: 256 random bits each, of which only a hash is stored.

use argon2::{
    Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version,
    password_hash::phc::PasswordHash,
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use quick_cache::sync::Cache;
use rand::{TryRng, rngs::SysRng};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

const BYTES: usize = 32;

/// A new token. It is shown to the visitor once, and only its hash is stored.
#[derive(Debug)]
pub struct SessionToken(SecretString);

impl SessionToken {
    /// Generates a token from the operating system's randomness.
    ///
    /// # Panics
    ///
    /// If the operating system has no randomness, since nothing would be secure then.
    #[must_use]
    pub fn generate() -> Self {
        let mut bytes = [0; BYTES];
        #[expect(
            clippy::expect_used,
            reason = "no token may be made without randomness"
        )]
        SysRng
            .try_fill_bytes(&mut bytes)
            .expect("the operating system's random generator");
        Self(BASE64_URL_SAFE_NO_PAD.encode(bytes).into())
    }

    /// The text of the token, which grants access to the session.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    pub(super) fn hash(&self) -> String {
        #[expect(
            clippy::expect_used,
            reason = "the parameters are constants, the input is short, and no token may be made without randomness"
        )]
        let hash: PasswordHash = hasher()
            .hash_password(self.expose().as_bytes())
            .expect("a PHC string");
        hash.to_string()
    }
}

/// Argon2id with the lowest cost that the algorithm allows (8 KiB, one pass, one lane).
///
/// A higher cost makes guessing slow where people choose the secret. These tokens have 256 random
/// bits, which nobody can guess at any speed, so a higher cost would only make every poll slower.
fn hasher() -> Argon2<'static> {
    #[expect(
        clippy::expect_used,
        reason = "these are the algorithm's minimum values"
    )]
    let params = Params::new(
        Params::MIN_M_COST,
        Params::MIN_T_COST,
        Params::MIN_P_COST,
        None,
    )
    .expect("the least parameters are valid");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

/// The maximum number of matches that are remembered, at about 50 bytes each.
const MAX_MATCHES: usize = 1 << 17;

/// Compares tokens with hashes, and remembers the digests of the pairs that matched, because a pair
/// that matched once always matches.
#[derive(Debug)]
pub(super) struct Verifier {
    matches: Cache<[u8; 32], ()>,
}

impl Verifier {
    pub(super) fn new() -> Self {
        Self {
            matches: Cache::new(MAX_MATCHES),
        }
    }

    /// Whether `hash` was made from `token`.
    pub(super) fn matches(&self, token: &SecretString, hash: &str) -> bool {
        // The line break separates the two, since neither contains one.
        let pair = Sha256::new()
            .chain_update(token.expose_secret())
            .chain_update("\n")
            .chain_update(hash)
            .finalize()
            .into();
        if self.matches.get(&pair).is_some() {
            return true;
        }
        let matches = verify(token, hash);
        if matches {
            self.matches.insert(pair, ());
        }
        matches
    }
}

/// The comparison takes constant time.
fn verify(token: &SecretString, hash: &str) -> bool {
    hasher()
        .verify_password(token.expose_secret().as_bytes(), hash)
        .is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_opens_what_its_own_hash_guards_and_nothing_else() {
        let (token, other) = (SessionToken::generate(), SessionToken::generate());
        let hash = token.hash();
        assert!(hash.starts_with("$argon2id$v=19$m=8,t=1,p=1$"), "{hash}");
        let verifier = Verifier::new();
        for _ in ["compared", "remembered"] {
            assert!(verifier.matches(&token.0, &hash));
            assert!(!verifier.matches(&other.0, &hash));
            assert!(!verifier.matches(&token.0, &other.hash()));
            assert!(!verifier.matches(&token.0, "no hash"));
        }
        assert_eq!(verifier.matches.len(), 1, "only matches are remembered");
    }

    #[test]
    fn a_hash_that_an_older_server_stored_still_opens_its_session() {
        // A hash that argon2 0.5 wrote, as in version 0.2.0 and before.
        let hash = "$argon2id$v=19$m=8,t=1,p=1$AQIDBAUGBwgJCgsMDQ4PEA\
                    $6CIX/eUapEEX77AUXb9VgK6RSEIyJaoIZEi7ghWdReA";
        let token = SecretString::from("Wl0fQ2mUq9c3bJ4cC8gkVZ7yq0zv1sYbN6xkE5tRrHo");
        assert!(Verifier::new().matches(&token, hash));
        assert!(!Verifier::new().matches(&"another".into(), hash));
    }

    #[test]
    fn a_token_has_256_bits_and_is_url_safe_and_never_printed() {
        let token = SessionToken::generate();
        assert_eq!(
            BASE64_URL_SAFE_NO_PAD.decode(token.expose()).unwrap().len(),
            32
        );
        assert!(!format!("{token:?}").contains(token.expose()));
    }
}

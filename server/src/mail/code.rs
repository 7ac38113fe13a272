//! The codes with which visitors resume a conversation: 256 random bits each, of which only a hash
//! is stored.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use rand::{TryRng, rngs::SysRng};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

const BYTES: usize = 32;

/// A code as it is in a mail.
#[derive(Clone, Debug)]
pub struct ResumeCode(SecretString);

impl ResumeCode {
    /// Generates a code from the operating system's randomness.
    ///
    /// # Panics
    ///
    /// If the operating system has no randomness, since nothing would be secure then.
    #[must_use]
    pub fn generate() -> Self {
        let mut bytes = [0; BYTES];
        #[expect(clippy::expect_used, reason = "no code may be made without randomness")]
        SysRng
            .try_fill_bytes(&mut bytes)
            .expect("the operating system's random generator");
        Self(BASE64_URL_SAFE_NO_PAD.encode(bytes).into())
    }

    /// Parses a text that may be a code; returns `None` if it cannot be one.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?;
        (bytes.len() == BYTES).then(|| Self(text.to_owned().into()))
    }

    /// The code's text.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// The hash that Postgres stores. Nobody can guess 256 random bits at any speed, so a plain
    /// hash is enough.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        Sha256::digest(self.expose()).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_read_as_it_was_made_and_is_never_printed() {
        let (code, other) = (ResumeCode::generate(), ResumeCode::generate());
        let read = ResumeCode::read(code.expose()).unwrap();
        assert_eq!(read.digest(), code.digest());
        assert_ne!(other.digest(), code.digest());
        assert!(!format!("{code:?}").contains(code.expose()));
        for bad in ["", "x", "../../etc", &code.expose()[1..], "ü"] {
            assert!(ResumeCode::read(bad).is_none(), "{bad}");
        }
    }
}

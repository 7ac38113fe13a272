//! Codes by which visitors come back: 256 random bits, and what is kept of them.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use rand::{TryRng, rngs::SysRng};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

const BYTES: usize = 32;

/// A code, as a mail has it.
#[derive(Clone, Debug)]
pub struct ResumeCode(SecretString);

impl ResumeCode {
    /// A new code from the operating system's randomness.
    ///
    /// # Panics
    ///
    /// When the operating system has no randomness: nothing safe could be done without.
    #[must_use]
    pub fn generate() -> Self {
        let mut bytes = [0; BYTES];
        #[expect(clippy::expect_used, reason = "no code may be made without randomness")]
        SysRng
            .try_fill_bytes(&mut bytes)
            .expect("the operating system's random generator");
        Self(BASE64_URL_SAFE_NO_PAD.encode(bytes).into())
    }

    /// A text that may be a code; `None` when it cannot be one.
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

    /// What Postgres has of it. Nobody can guess 256 random bits, however fast they try, so a plain digest is enough.
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

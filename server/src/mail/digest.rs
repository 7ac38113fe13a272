//! Keyed hashes of mail addresses. With them, mails can be counted without storing an address for
//! longer than its conversation.

use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;

use crate::model::EmailAddress;

/// Makes the hashes. Servers with the same secret make the same ones.
#[derive(Clone, Debug)]
pub struct MailDigester(SecretString);

impl MailDigester {
    /// Derives the key from this secret.
    #[must_use]
    pub const fn new(secret: SecretString) -> Self {
        Self(secret)
    }

    /// The hash that stands for an address.
    ///
    /// # Panics
    ///
    /// Never, because HMAC takes keys of any length.
    #[must_use]
    pub fn digest(&self, address: &EmailAddress) -> [u8; 32] {
        #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
        let mac = Hmac::<Sha256>::new_from_slice(self.0.expose_secret().as_bytes())
            .expect("a key of any length");
        mac.chain_update(b"support-chat mail address\n")
            .chain_update(address.folded())
            .finalize()
            .into_bytes()
            .into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_one_digest_for_each_secret_however_it_is_capitalised() {
        let digest = |secret: &str, address| {
            let address = EmailAddress::parse(address).unwrap();
            MailDigester::new(secret.to_owned().into()).digest(&address)
        };
        let ada = digest("s", "ada@example.com");
        assert_eq!(digest("s", "Ada@Example.com"), ada);
        assert_ne!(digest("s", "bob@example.com"), ada);
        assert_ne!(digest("other", "ada@example.com"), ada);
    }
}

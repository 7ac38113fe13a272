//! `Idempotency-Key`: repeating an operation with the same key does not repeat its effect.

use app::contract::MessageBody;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::{
    model::VisitorDetails,
    storage::{
        self, Connection, Db,
        idempotency::{self, Earlier, Entry},
    },
};

/// A key that the client chose: 1 to 128 printable ASCII characters.
#[derive(Clone, Debug)]
pub struct IdempotencyKey([u8; 32]);

/// The key is too long, empty, or has other characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an idempotency key has 1 to 128 printable ASCII characters")]
pub struct InvalidIdempotencyKey;

/// The key was used before with a different request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the idempotency key was used for another request")]
pub struct KeyReused;

impl IdempotencyKey {
    /// Parses the value of the header.
    pub fn parse(value: &[u8]) -> Result<Self, InvalidIdempotencyKey> {
        let printable = value.iter().all(|byte| matches!(byte, b' '..=b'~'));
        if !printable || !(1..=128).contains(&value.len()) {
            return Err(InvalidIdempotencyKey);
        }
        Ok(Self(Sha256::digest(value).into()))
    }

    /// The SHA-256 hash of the key.
    pub(super) const fn digest(&self) -> [u8; 32] {
        self.0
    }

    pub(super) fn for_creation(
        &self,
        initial_message: &MessageBody,
        visitor: &VisitorDetails,
    ) -> Keyed {
        // The answers to challenges are left out, since a retry may have to bring new ones.
        let VisitorDetails {
            source_url,
            page_title,
            name,
            email,
        } = visitor;
        Keyed {
            scope: Uuid::nil(),
            operation: "create_session",
            key_digest: self.0,
            request_digest: digest(&[
                Some(initial_message.as_str()),
                source_url.as_deref(),
                page_title.as_deref(),
                name.as_deref(),
                email.as_deref(),
            ]),
        }
    }

    pub(super) fn for_message(&self, session_id: Uuid, body: &MessageBody) -> Keyed {
        Keyed {
            scope: session_id,
            operation: "send_message",
            key_digest: self.0,
            request_digest: digest(&[Some(body.as_str())]),
        }
    }
}

/// A digest of the fields. Each is preceded by its length, so that different fields never give the
/// same input.
fn digest(fields: &[Option<&str>]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    for field in fields {
        match field {
            None => hasher.update(u64::MAX.to_be_bytes()),
            Some(text) => {
                hasher.update((text.len() as u64).to_be_bytes());
                hasher.update(text);
            }
        }
    }
    hasher.finalize().into()
}

/// A request with an idempotency key.
#[derive(Debug)]
pub(super) struct Keyed {
    scope: Uuid,
    operation: &'static str,
    key_digest: [u8; 32],
    request_digest: [u8; 32],
}

impl Keyed {
    /// The SHA-256 hash of the key.
    pub(super) const fn key_digest(&self) -> [u8; 32] {
        self.key_digest
    }

    /// Returns the result of an earlier identical request; `KeyReused` if the key came with a
    /// different one.
    pub(super) async fn find(
        &self,
        db: &mut Connection,
    ) -> Result<Option<Result<Earlier, KeyReused>>, sqlx::Error> {
        let found = idempotency::find(db, self.scope, self.operation, &self.key_digest).await?;
        Ok(found.map(|earlier| self.check(earlier)))
    }

    /// Like [`Self::find`], but outside a transaction, with a second attempt if the connection is
    /// lost.
    pub(super) async fn find_anywhere(
        &self,
        db: &Db,
    ) -> Result<Option<Result<Earlier, KeyReused>>, sqlx::Error> {
        let find = || idempotency::find(db, self.scope, self.operation, &self.key_digest);
        let found = storage::again_if_lost(find).await?;
        Ok(found.map(|earlier| self.check(earlier)))
    }

    fn check(&self, earlier: Earlier) -> Result<Earlier, KeyReused> {
        // Of an erased session it is not known any more what the request was.
        if earlier.request_digest.is_empty() || earlier.request_digest == self.request_digest {
            Ok(earlier)
        } else {
            Err(KeyReused)
        }
    }

    /// Claims the key; returns `false` if a concurrent request has claimed it meanwhile.
    pub(super) async fn claim(
        &self,
        db: &mut Connection,
        session_id: Uuid,
        message_id: Uuid,
    ) -> Result<bool, sqlx::Error> {
        let entry = Entry {
            scope: self.scope,
            operation: self.operation,
            key_digest: &self.key_digest,
            request_digest: &self.request_digest,
            session_id,
            message_id,
        };
        idempotency::insert(db, &entry).await
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_key_is_printable_ascii_of_bounded_length() {
        let longest = "~".repeat(128);
        for good in ["a", " ", "3f2b-1", longest.as_str()] {
            assert!(IdempotencyKey::parse(good.as_bytes()).is_ok(), "{good:?}");
        }
        let too_long = "a".repeat(129);
        for bad in ["", too_long.as_str(), "ключ", "a\tb", "\u{7f}"] {
            let error = IdempotencyKey::parse(bad.as_bytes()).unwrap_err();
            assert_eq!(error, InvalidIdempotencyKey, "{bad:?}");
        }
    }

    #[test]
    fn fields_cannot_pass_for_others() {
        assert_ne!(
            digest(&[Some("ab"), Some("c")]),
            digest(&[Some("a"), Some("bc")])
        );
        assert_ne!(digest(&[Some(""), None]), digest(&[None, Some("")]));
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_key_or_not_as_the_contract_says(bytes in any::<Vec<u8>>()) {
            let acceptable =
                (1..=128).contains(&bytes.len()) && bytes.iter().all(|b| (0x20..0x7f).contains(b));
            prop_assert_eq!(IdempotencyKey::parse(&bytes).is_ok(), acceptable);
        }
    }
}

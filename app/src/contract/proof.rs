//! The proof of work that a new conversation may need: ALTCHA's challenge, version 1.

use alloc::string::String;

use serde::{Deserialize, Serialize};

/// The challenge: find the number up to `maxnumber` whose decimal digits, appended to `salt`, have
/// the SHA-256 `challenge`. The answer is the request's `proof`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ProofChallenge {
    /// Always `SHA-256`.
    pub algorithm: String,
    /// The hash in hexadecimal.
    pub challenge: String,
    /// The text that is hashed before the number. It contains the time when the challenge expires.
    pub salt: String,
    /// The upper limit of the number.
    pub maxnumber: u32,
    /// The signature by which the server recognises its challenge.
    pub signature: String,
}

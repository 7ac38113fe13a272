//! The proof of work that a new conversation may need: ALTCHA's challenge, version 1.

use alloc::string::String;

use serde::{Deserialize, Serialize};

/// What is to be solved: find the number up to `maxnumber` whose decimal digits, appended to `salt`, have the SHA-256
/// `challenge`. The answer is the request's `proof`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ProofChallenge {
    /// Always `SHA-256`.
    pub algorithm: String,
    /// The digest, in hexadecimal.
    pub challenge: String,
    /// What is hashed before the number; it tells when the challenge expires.
    pub salt: String,
    /// The highest number that it may be.
    pub maxnumber: u32,
    /// By this the server knows its challenge again.
    pub signature: String,
}

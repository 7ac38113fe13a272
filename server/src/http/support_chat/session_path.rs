//! The session that a path names.

use app::contract::ErrorCode;
use axum::{
    extract::{FromRequestParts, Path},
    http::request::Parts,
};
use uuid::{Uuid, fmt::Hyphenated};

use crate::http::problem::ApiError;

/// `{sessionId}`: ids are opaque, so an id that this server cannot have issued is simply not found.
pub(super) struct SessionPath(pub(super) Uuid);

impl<S: Send + Sync> FromRequestParts<S> for SessionPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let Path(text) = Path::<String>::from_request_parts(parts, state)
            .await
            .map_err(|_| ApiError::from(ErrorCode::MalformedRequest))?;
        parse_id(&text)
            .map(Self)
            .ok_or_else(|| ErrorCode::SessionNotFound.into())
    }
}

/// Accepts an id only in the spelling that this server uses, so that clients can compare ids as
/// texts.
pub(in crate::http) fn parse_id(text: &str) -> Option<Uuid> {
    Uuid::parse_str(text)
        .ok()
        .filter(|id| id.hyphenated().encode_lower(&mut [0; Hyphenated::LENGTH]) == text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn an_id_has_one_spelling(id in any::<u128>(), text in any::<String>()) {
            let id = Uuid::from_u128(id);
            prop_assert_eq!(parse_id(&id.to_string()), Some(id));
            for other in [id.simple().to_string(), id.braced().to_string(), id.urn().to_string()] {
                prop_assert_eq!(parse_id(&other), None);
            }
            prop_assert!(parse_id(&text).is_none_or(|id| id.to_string() == text));
        }
    }
}

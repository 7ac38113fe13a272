//! Answers that hold their share of the memory for answers until they have been sent.

use axum::body::{Body, Bytes};

use crate::support_chat::Share;

struct Held {
    bytes: Vec<u8>,
    _share: Share,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// A body that keeps its share until it has been written or dropped.
pub(super) fn body(bytes: Vec<u8>, share: Option<Share>) -> Body {
    match share {
        None => Body::from(bytes),
        Some(share) => Body::from(self::bytes(bytes, share)),
    }
}

/// A part of a body that does so.
pub(super) fn bytes(bytes: Vec<u8>, mut share: Share) -> Bytes {
    share.shrink_to(bytes.capacity());
    Bytes::from_owner(Held {
        bytes,
        _share: share,
    })
}

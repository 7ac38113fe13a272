//! The homeserver, as the relay knows it.

mod client;
mod error;

pub use client::Homeserver;
pub use error::MatrixError;

pub(crate) use client::Encrypted;

//! A small Matrix client for the canary, the tests and the development tools: each request is one JSON exchange.
//!
//! The relay has a client of its own (`server::matrix::homeserver`), which retries, keeps its login and measures.

mod access;
#[cfg(feature = "async")]
mod asynchronous;
mod error;
pub mod request;

pub use access::Access;
#[cfg(feature = "async")]
pub use asynchronous::{Answer, Client};
pub use error::{Error, accepted};
pub use request::Request;

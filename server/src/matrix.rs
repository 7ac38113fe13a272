//! The port to the homeserver, and the way in: [`sync`] takes in what staff write. [`crate::relay`] sends what Postgres
//! holds for the homeserver.

pub mod archiver;
mod conversation;
mod desk;
pub(crate) mod details;
pub(crate) mod erasure;
pub(crate) mod export;
mod failure;
pub mod homeserver;
mod ingest;
pub mod inviter;
pub(crate) mod notice;
pub(crate) mod rating;
pub(crate) mod recap;
pub(crate) mod recovery;
pub(crate) mod room;
mod room_batch;
pub(crate) mod room_name;
mod rules;
mod staff_signals;
pub mod sync;
mod token_encryption;
pub mod visitor_signals;

use incoming::event;

pub(crate) use desk::administered;
pub(crate) use failure::Failure;
pub(crate) use homeserver::SESSION_MARKER;
pub use homeserver::{Homeserver, MatrixError};

//! The port to the homeserver. What staff write comes in here ([`sync`]); what Postgres holds for the homeserver
//! goes out by way of [`crate::relay`].

mod conversation;
mod desk;
pub(crate) mod details;
mod failure;
pub mod homeserver;
mod ingest;
pub mod inviter;
pub(crate) mod notice;
mod quarantine;
pub(crate) mod rating;
pub(crate) mod recap;
pub(crate) mod room;
pub(crate) mod room_name;
mod staff_signals;
mod staff_texts;
pub mod sync;
mod token_encryption;
pub mod visitor_signals;

use incoming::event;

pub(crate) use failure::Failure;
pub(crate) use homeserver::SESSION_MARKER;
pub use homeserver::{Homeserver, MatrixError};

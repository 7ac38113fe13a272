//! The relay: what Postgres holds for the homeserver goes out ([`outbox`]), what staff write comes in
//! ([`sync`]).

mod conversation;
mod desk;
mod details;
mod homeserver;
mod ingest;
pub mod inviter;
mod notice;
pub mod outbox;
mod quarantine;
mod recap;
mod room;
pub(crate) mod room_name;
mod staff_signals;
mod staff_texts;
pub mod sync;
mod token_encryption;
mod verbatim;
pub mod visitor_signals;

use incoming::event;

pub use homeserver::{Homeserver, MatrixError};
pub(crate) use room::MARKER;

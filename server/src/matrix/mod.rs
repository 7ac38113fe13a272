//! The relay: what Postgres holds for the homeserver goes out ([`outbox`]), what staff write comes in
//! ([`sync`]).

mod conversation;
mod homeserver;
mod ingest;
pub mod inviter;
mod notice;
pub mod outbox;
mod quarantine;
mod recap;
mod room;
mod seal;
mod staff_texts;
pub mod sync;
mod verbatim;

use incoming::event;

pub use homeserver::{Homeserver, MatrixError};
pub(crate) use room::MARKER;

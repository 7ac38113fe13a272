//! The relay: what Postgres holds for the homeserver goes out ([`outbox`]), what staff write comes in
//! ([`sync`]).

mod conversation;
mod desk;
mod homeserver;
mod ingest;
pub mod inviter;
mod notice;
pub mod outbox;
mod quarantine;
mod recap;
mod room;
pub(crate) mod room_name;
mod seal;
pub mod sync;
mod verbatim;

use incoming::event;

pub use homeserver::{Homeserver, MatrixError};
pub(crate) use room::MARKER;

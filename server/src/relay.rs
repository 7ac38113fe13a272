//! The relay: takes what Postgres holds for the homeserver to the rooms.

pub mod handoff;
pub mod queue;
pub(crate) mod room_maker;
pub mod worker;

//! The relay: takes what Postgres holds for the homeserver to the rooms.

pub(crate) mod backoff;
pub mod handoff;
pub mod queue;
pub(crate) mod room_maker;
pub mod store;
pub mod worker;

#[cfg(test)]
mod tests;

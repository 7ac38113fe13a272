//! The relay: what is owed to the homeserver, and how it gets there.
//!
//! - [`queue`] holds what is owed, in Postgres. Whatever owes something queues it in its own transaction.
//! - [`handoff`] takes what was claimed while it was queued straight to the worker, in memory.
//! - [`worker`] claims the rest and sends all of it: each session in its order, many sessions side by side.
//! - [`room_maker`] makes a session's room.
//! - [`when_to_ask`] decides when the homeserver may be asked for a room again.
//! - [`backoff`] says how long something that failed waits.
//! - [`store`] is what worker and room maker see of Postgres, so that their rules can be tested without it.

#![warn(clippy::disallowed_methods)]

pub(crate) mod backoff;
pub mod handoff;
pub mod queue;
mod room_maker;
pub mod store;
pub(crate) mod when_to_ask;
pub mod worker;

#[cfg(test)]
mod tests;

//! The relay: the tasks that the homeserver has yet to carry out, and how they get there.
//!
//! - [`queue`] holds the tasks in Postgres. A task is queued in the transaction of the change that it follows from.
//! - [`handoff`] passes a task that was claimed while it was queued straight to the worker, in memory.
//! - [`worker`] claims the other tasks, and sends all of them: each session in its order, many sessions side by side.
//! - [`room_maker`] makes a session's room.
//! - [`when_to_ask`] decides when the homeserver may be asked for a room again.
//! - [`backoff`] says how long something that failed waits.
//! - [`store`] is the worker's and the room maker's view of Postgres, so that their rules can be tested without it.

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

//! The support chat's server.
//!
//! ```text
//! visitor -> http -> support_chat -> one transaction: message + outbox -> relay -> room
//! visitor <- http <- support_chat <- messages <- one transaction: event + position <- matrix::ingest
//! ```

// The compiler follows matrix-sdk's types to their ends when a future that holds a client is spawned.
#![recursion_limit = "256"]

// What is sent, and what is refused.
pub mod http;
// The rules of a conversation.
pub mod support_chat;
// What Postgres keeps: plain query functions.
pub mod storage;
// The port to the homeserver, and what staff write coming in.
pub mod matrix;
// What visitors write, on its way to the rooms.
pub mod relay;

pub mod announcements;
pub mod canary;
pub mod clock;
pub mod config;
pub mod heartbeat;
pub mod hours;
pub mod housekeeping;
#[cfg(test)]
mod imports;
pub mod mail;
pub mod metrics;
pub mod model;
pub mod poll_cache;
pub mod quarantine;
pub mod startup;
pub mod systemd;
pub mod telemetry;
pub mod visitor_signals;

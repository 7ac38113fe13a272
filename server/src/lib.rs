//! The server of the support chat.
//!
//! ```text
//! visitor -> http -> support_chat -> one transaction: message + outbox -> relay -> room
//! visitor <- http <- support_chat <- messages <- one transaction: event + position <- matrix::ingest
//! ```

// The compiler follows matrix-sdk's types to their ends when a future that holds a client is spawned.
#![recursion_limit = "256"]

// The listeners: they read requests, call the rules and answer.
pub mod http;
// The rules of a conversation: one file for each operation of the API.
pub mod support_chat;
// Everything that is kept in Postgres: plain query functions, one file for each table.
pub mod storage;
// The port to the homeserver, and the way in: what staff write becomes messages.
pub mod matrix;
// The way out: what visitors write is queued and sent to the rooms.
pub mod relay;

pub mod canary;
pub mod clock;
pub mod config;
#[cfg(test)]
mod documented_names;
pub mod due_notices;
mod field_rules;
pub mod heartbeat;
pub mod hours;
pub mod housekeeping;
#[cfg(test)]
mod imports;
pub mod lifecycle;
pub mod logging;
pub mod mail;
pub mod metrics;
pub mod model;
pub mod poll_cache;
pub mod quarantine_command;
pub mod startup;
pub mod systemd;
mod visible;
pub mod visitor_signals;

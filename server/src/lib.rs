//! The support chat's server.
//!
//! ```text
//! visitor -> http -> support_chat -> one transaction: message + outbox -> matrix::outbox -> room
//! visitor <- http <- support_chat <- messages <- one transaction: event + position <- matrix::ingest
//! ```

// What is sent, and what is refused.
pub mod http;
// The rules of a conversation.
pub mod support_chat;
// What Postgres keeps: plain query functions.
pub mod storage;
// The relay, both ways.
pub mod matrix;

pub mod announcements;
pub mod canary;
pub mod config;
pub mod handoff;
pub mod heartbeat;
pub mod hours;
pub mod housekeeping;
pub mod metrics;
pub mod quarantine;
pub mod startup;
pub mod systemd;
pub mod telemetry;

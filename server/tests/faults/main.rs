//! The fault suite: every promise is kept, whatever dies.
//!
//! The real server as a child process, a real Postgres and a real Synapse are killed, and the network between them is
//! cut, while visitors and staff go on. Afterwards an oracle compares the promises to clients with the contents of
//! rooms and polls. `docs/reliability.md` says how to run this, and what it has found.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a panic is how a test fails"
)]
#![expect(clippy::print_stdout, reason = "the figures are part of the result")]

#[path = "../common/registration.rs"]
mod registration;

mod api;
mod clock;
mod database;
mod homeserver;
mod line;
mod oracle;
mod parts;
mod proxy;
mod replies;
mod room;
mod scenarios;
mod server;
mod stage;
mod workload;

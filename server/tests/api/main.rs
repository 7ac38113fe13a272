//! The HTTP API over the network, on a real Postgres with a database for each test. The files are named after the
//! operations. The homeserver is out of reach, so nothing here waits for one.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a panic is how a test fails"
)]
#![expect(
    clippy::needless_pass_by_value,
    reason = "json! values are made for the call"
)]

#[path = "../common/mod.rs"]
mod common;
#[path = "../common/operator.rs"]
mod operator;
mod problem;
#[path = "../common/identity.rs"]
mod website;

mod administration;
mod answers;
mod availability;
mod clocks;
mod close_session;
mod command_line;
mod connections;
mod create_session;
mod database_faults;
mod desk;
mod doctor;
mod erase_session;
mod get_transcript;
mod idempotency;
mod identity;
mod limits;
mod line_proxy;
mod mail;
mod metrics;
mod news;
mod openapi;
mod operations;
mod outcome;
mod pages;
mod poll_messages;
mod pooler;
mod presence;
mod proof;
mod quarantine;
mod queue;
mod queue_order;
mod refusals;
mod send_message;
mod session_codes;
mod set_page;
mod set_rating;
mod signals;
mod support_page;
mod turnstile;

/// Connections to the test's database, as a server has them.
fn shares(pool: &sqlx::PgPool) -> server::storage::Shares {
    server::storage::Shares::new(&common::config(pool, &[]).database)
}

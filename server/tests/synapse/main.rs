//! The server against a real Synapse: what staff see is asked with their own accounts, over plain
//! HTTP. `SYNAPSE_URL` and `SYNAPSE_REGISTRATION_SECRET` say where it is.

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
#[path = "../common/registration.rs"]
mod registration;
#[path = "../common/identity.rs"]
mod website;

mod absent_visitors;
mod archive;
mod bulk;
mod canary;
mod desk;
mod details;
mod doctor;
mod erasure;
mod gateway;
mod guests;
mod guide;
mod homeserver;
mod identity;
mod late_joiners;
mod log_in;
mod mail;
mod metrics;
mod quarantine;
mod rating;
mod record;
mod relay_in;
mod relay_out;
mod room;
mod room_name;
mod signals;
mod staff_changes;
mod staff_commands;
mod staff_unreachable;
mod staff_writes;

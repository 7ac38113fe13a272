//! The relay's rules, tested without Postgres and without a homeserver: the worker, the room maker and the inviter work on
//! [`model`], which does what the statements of [`super::queue`] do, and on a fake homeserver, in time that passes as
//! fast as nothing happens.
//!
//! The SQL itself is not part of these tests. The suites `api` and `synapse` test it on a real Postgres.

mod model;
mod oracle;
mod rules;
mod simulation;
mod stage;

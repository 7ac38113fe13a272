//! Tests of the relay's rules without Postgres and without a homeserver. The worker, the room maker and the inviter
//! work on [`model`], which does what the statements of [`super::queue`] do, and on a fake homeserver. Time is paused,
//! and jumps ahead whenever nothing happens.
//!
//! The SQL itself is not tested here. `model::agreement` compares the model with a real Postgres, and the suites `api`
//! and `synapse` test the SQL.

mod model;
mod oracle;
mod rules;
mod simulation;
mod stage;

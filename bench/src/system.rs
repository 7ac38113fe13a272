//! What is measured, and what it is compared with: the server, Synapse, and Postgres without the server.

pub(crate) mod matrix;
pub(crate) mod pgbench;
pub(crate) mod processes;
pub(crate) mod server;
pub(crate) mod usage;

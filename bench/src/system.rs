//! The systems that are measured and compared: the server, Synapse, and Postgres without the server.

pub(crate) mod matrix;
pub(crate) mod pgbench;
pub(crate) mod processes;
pub(crate) mod server;
pub(crate) mod usage;

//! What Postgres keeps of the desk: its room, the lines in it, what is yet to be said there, and the commands that
//! were carried out.

pub mod alerts;
pub mod commands;
pub mod lines;
pub mod messages;
pub mod room;
pub mod stats;

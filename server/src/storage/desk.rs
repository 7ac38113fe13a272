//! The desk's tables: its room, the lines in it, the messages to be sent there, and the commands
//! that were carried out.

pub mod alerts;
pub mod commands;
pub mod facts;
pub mod lines;
pub mod messages;
pub mod room;
pub mod stats;

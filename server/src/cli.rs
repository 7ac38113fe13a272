//! What operators do at the command line, one file for each command. Every command works on the database while servers
//! run on it; what it changes at the homeserver is queued there, and a server carries it out.

pub mod block;
pub mod config;
pub mod healthcheck;
pub mod outbox;
pub mod plan;
pub mod quarantine;
pub mod sessions;
pub mod visitor;

mod audit;
mod choice;

use std::io::{self, Write};

use chrono::{DateTime, SecondsFormat, Utc};
use clap::Subcommand;

use crate::{
    config::Config,
    startup::StartupError,
    storage::{Shares, Unusable},
};

/// A command that needs the whole configuration, and the database.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Show or erase what is kept of one visitor.
    #[command(subcommand)]
    Visitor(visitor::Command),
    /// List conversations, show, end or reopen one.
    #[command(subcommand)]
    Sessions(sessions::Command),
    /// List what waits for the homeserver, try it at once, or drop it.
    #[command(subcommand)]
    Outbox(outbox::Command),
    /// List the addresses from which no conversation can be begun, add one, or remove one.
    #[command(subcommand)]
    Block(block::Command),
    /// List the events of rooms that could not be stored, try them again, or throw them away.
    Quarantine {
        /// What to do with them; without a command they are listed.
        #[command(subcommand)]
        command: Option<quarantine::Command>,
    },
}

/// Why a command was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// Postgres.
    #[error("DATABASE_URL: {0}")]
    Database(#[from] Unusable),
    /// The output cannot be written.
    #[error("the output cannot be written: {0}")]
    Output(#[from] io::Error),
    /// The server's parts that the command needs cannot be made.
    #[error(transparent)]
    Startup(#[from] StartupError),
    /// What was asked for is not there, or is not possible.
    #[error("{0}")]
    Refused(String),
}

impl From<sqlx::Error> for CommandError {
    fn from(error: sqlx::Error) -> Self {
        Unusable::from(error).into()
    }
}

/// Carries the command out, and writes what became of it.
pub async fn run(
    config: &Config,
    command: Command,
    out: &mut impl Write,
) -> Result<(), CommandError> {
    let db = Shares::for_operator(&config.database);
    match command {
        Command::Visitor(command) => visitor::run(config, &db, &command, out).await,
        Command::Sessions(command) => sessions::run(config, &db, &command, out).await,
        Command::Outbox(command) => outbox::run(config, &db, &command, out).await,
        Command::Block(command) => block::run(config, &db, &command, out).await,
        Command::Quarantine { command } => {
            let command = command.unwrap_or(quarantine::Command::List);
            quarantine::run(&db, &command, out).await
        }
    }
}

/// A time as it is written in lists and documents.
fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// Writes a value as JSON.
fn write_json(out: &mut impl Write, value: &impl serde::Serialize) -> Result<(), CommandError> {
    serde_json::to_writer_pretty(&mut *out, value).map_err(io::Error::from)?;
    writeln!(out)?;
    Ok(())
}

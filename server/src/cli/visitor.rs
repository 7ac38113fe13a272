//! `matrix-support-chat visitor`: shows what is kept of one visitor, or erases it, in Postgres and in the rooms.

mod document;
mod erasure;

use std::io::Write;

use clap::{Args, Subcommand, ValueEnum};

use super::{CommandError, audit::Auditor, choice, write_json};
use crate::{
    config::Config,
    storage::{
        Db,
        visitor_data::{self, Conversation},
    },
};

use document::Document;

pub use erasure::CLEAR_SYNAPSE;

/// The operator's command.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Print everything that is kept of a visitor, from Postgres and from the rooms.
    Export {
        /// Whose.
        #[command(flatten)]
        whose: Whose,
        /// As what.
        #[arg(long, value_enum, default_value_t = Format::Json)]
        format: Format,
    },
    /// Erase a visitor's conversations: in Postgres at once, and in the rooms by a server, as soon as one runs.
    Erase {
        /// Whose.
        #[command(flatten)]
        whose: Whose,
        /// Say which conversations would be erased, and erase none.
        #[arg(long)]
        dry_run: bool,
    },
}

/// A visitor.
#[derive(Clone, Debug, Args)]
#[group(required = true, multiple = false)]
pub struct Whose {
    /// Every conversation of this mail address: as the visitor gave it, as replies are mailed there, or as a website
    /// vouches for it.
    #[arg(long, value_name = "ADDRESS")]
    email: Option<String>,
    /// One conversation: the session's id, or the code at the end of the room's name.
    #[arg(long, value_name = "ID")]
    session: Option<String>,
}

/// The format of an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// JSON, for machines.
    Json,
    /// Plain text, for people.
    Text,
}

/// Carries out the command.
pub async fn run(
    config: &Config,
    db: &Db,
    command: &Command,
    out: &mut impl Write,
) -> Result<(), CommandError> {
    match command {
        Command::Export { whose, format } => {
            let conversations = find(db, whose).await?;
            let document = Document::read(config, db, &conversations).await?;
            let mut tx = db.begin().await?;
            let auditor = Auditor::new(config);
            for conversation in &conversations {
                auditor
                    .note(&mut tx, "visitor export", Some(conversation.id))
                    .await?;
            }
            tx.commit().await?;
            match format {
                Format::Json => write_json(out, &document)?,
                Format::Text => document.write_text(out)?,
            }
            document.is_complete()
        }
        Command::Erase { whose, dry_run } => {
            let conversations = find(db, whose).await?;
            erasure::run(config, db, &conversations, *dry_run, out).await
        }
    }
}

async fn find(db: &Db, whose: &Whose) -> Result<Vec<Conversation>, CommandError> {
    if let Some(named) = &whose.session {
        return Ok(vec![choice::conversation(db, named).await?]);
    }
    let address = whose.email.as_deref().unwrap_or_default().trim();
    let mut conversations = Vec::new();
    for id in visitor_data::sessions_of_address(db, address).await? {
        conversations.extend(visitor_data::conversation(db, id).await?);
    }
    if conversations.is_empty() {
        let problem = "there is no conversation of this address".to_owned();
        return Err(CommandError::Refused(problem));
    }
    Ok(conversations)
}

//! `matrix-support-chat block`: the addresses from which no conversation can be begun.

use std::{io::Write, net::IpAddr};

use clap::{Args, Subcommand};
use serde_json::json;

use super::{
    CommandError,
    audit::{Auditor, Concerned},
    choice, time, write_json,
};
use crate::{
    config::Config,
    storage::{Connection, Db, blocked_addresses, visitor_data::Conversation},
    support_chat::Admission,
};

/// The operator's command.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// List the blocks. An address is stored as a keyed hash only, whose first digits stand for it.
    List {
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Block an address.
    Add {
        /// Which one.
        #[command(flatten)]
        whose: Whose,
        /// For how long, as `12h` or `7days`.
        #[arg(long = "for", value_name = "TIME")]
        time: humantime::Duration,
    },
    /// Lift a block.
    Remove {
        /// Which one.
        #[command(flatten)]
        whose: Whose,
    },
}

/// An address.
#[derive(Clone, Debug, Args)]
#[group(required = true, multiple = false)]
pub struct Whose {
    /// The address itself; of IPv6 its /64 counts.
    #[arg(long)]
    address: Option<IpAddr>,
    /// The address that this conversation was begun from: the session's id, or the code at the end of the room's name.
    #[arg(long)]
    session: Option<String>,
    /// The address that `list` shows by these hexadecimal digits.
    #[arg(long, value_parser = parse_digits)]
    digest: Option<String>,
}

fn parse_digits(text: &str) -> Result<String, &'static str> {
    if text.len() >= 8 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        Ok(text.to_ascii_lowercase())
    } else {
        Err("expected at least 8 hexadecimal digits")
    }
}

/// Carries out the command.
pub async fn run(
    config: &Config,
    db: &Db,
    command: &Command,
    out: &mut impl Write,
) -> Result<(), CommandError> {
    match command {
        Command::List { json } => list(db, *json, out).await,
        Command::Add { whose, time } => add(config, db, whose, *time, out).await,
        Command::Remove { whose } => remove(config, db, whose, out).await,
    }
}

async fn list(db: &Db, as_json: bool, out: &mut impl Write) -> Result<(), CommandError> {
    let blocks = blocked_addresses::list(db).await?;
    if as_json {
        let blocks = blocks.iter().map(|block| {
            json!({
                "digest": hex::encode(&block.address_digest), "until": time(block.until), "codes": block.codes,
            })
        });
        return write_json(out, &blocks.collect::<Vec<_>>());
    }
    if blocks.is_empty() {
        writeln!(out, "No address is blocked.")?;
    }
    for block in blocks {
        let digest = hex::encode(&block.address_digest);
        let codes = block.codes.join(", ");
        writeln!(
            out,
            "{} until {}, conversations: {}",
            digest.get(..16).unwrap_or(&digest),
            time(block.until),
            if codes.is_empty() { "none" } else { &codes },
        )?;
    }
    Ok(())
}

/// The keyed hash of the address, and the conversation by which it was named.
async fn find(
    config: &Config,
    db: &Db,
    whose: &Whose,
) -> Result<(Option<Vec<u8>>, Option<Conversation>), CommandError> {
    if let Some(address) = whose.address {
        let admission = Admission::new(config.matrix.credentials.secret(), &config.limits);
        return Ok((Some(admission.digest(address).to_vec()), None));
    }
    let Some(named) = &whose.session else {
        return Ok((None, None));
    };
    let conversation = choice::conversation(db, named).await?;
    let digest = blocked_addresses::digest_of_session(db, conversation.id).await?;
    if digest.is_none() {
        let problem = format!("the address of {} is not known any more", conversation.id);
        return Err(CommandError::Refused(problem));
    }
    Ok((digest, Some(conversation)))
}

async fn record(
    config: &Config,
    db: &mut Connection,
    action: &str,
    conversation: Option<&Conversation>,
) -> Result<(), sqlx::Error> {
    let auditor = Auditor::new(config);
    match conversation {
        None => auditor.note(db, action, None).await,
        Some(it) => {
            let concerned = Concerned {
                session_id: it.id,
                code: it.code.as_deref(),
            };
            auditor.tell(db, action, concerned).await
        }
    }
}

async fn add(
    config: &Config,
    db: &Db,
    whose: &Whose,
    length: humantime::Duration,
    out: &mut impl Write,
) -> Result<(), CommandError> {
    let (digest, conversation) = find(config, db, whose).await?;
    let Some(digest) = digest else {
        let problem = "a block is added by --address or --session".to_owned();
        return Err(CommandError::Refused(problem));
    };
    let mut tx = db.begin().await?;
    let until = blocked_addresses::block_address(&mut *tx, &digest, *length).await?;
    record(config, &mut tx, "block add", conversation.as_ref()).await?;
    tx.commit().await?;
    writeln!(out, "Blocked until {}.", time(until))?;
    Ok(())
}

async fn remove(
    config: &Config,
    db: &Db,
    whose: &Whose,
    out: &mut impl Write,
) -> Result<(), CommandError> {
    let (digest, conversation) = find(config, db, whose).await?;
    let digits = digest.map_or_else(|| whose.digest.clone().unwrap_or_default(), hex::encode);
    let mut tx = db.begin().await?;
    let lifted = blocked_addresses::lift(&mut *tx, &digits).await?;
    if lifted == 0 {
        return Err(CommandError::Refused(
            "this address is not blocked".to_owned(),
        ));
    }
    record(config, &mut tx, "block remove", conversation.as_ref()).await?;
    tx.commit().await?;
    writeln!(out, "{lifted} lifted.")?;
    Ok(())
}

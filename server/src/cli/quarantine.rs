//! `matrix-support-chat quarantine`: shows an operator the events that were set aside, and tries them again or throws
//! them away.

use std::{
    collections::HashSet,
    io::{self, Write},
    num::ParseIntError,
    str::FromStr,
};

use clap::Subcommand;

use super::{CommandError, time};
use crate::storage::{
    Db,
    quarantine::{self, Entry},
};

/// The operator's command.
#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub enum Command {
    /// Show everything that is set aside; this is also what happens without a command.
    List,
    /// Try these again at once.
    Retry {
        /// The ids that `list` shows, or `all`.
        #[arg(required = true, value_name = "ID")]
        which: Vec<Which>,
    },
    /// Throw these away.
    Drop {
        /// The ids that `list` shows.
        #[arg(required = true, value_name = "ID")]
        ids: Vec<i64>,
    },
}

/// One id, or all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// Everything that is set aside.
    All,
    /// The entry with this id.
    Id(i64),
}

impl FromStr for Which {
    type Err = ParseIntError;

    fn from_str(text: &str) -> Result<Self, ParseIntError> {
        match text {
            "all" => Ok(Self::All),
            id => id.parse().map(Self::Id),
        }
    }
}

/// The ids that were named; `None` for all.
fn named(which: &[Which]) -> Option<Vec<i64>> {
    which
        .iter()
        .map(|which| match which {
            Which::All => None,
            Which::Id(id) => Some(*id),
        })
        .collect()
}

/// Runs the command, and prints what was done.
pub async fn run(pool: &Db, command: &Command, out: &mut impl Write) -> Result<(), CommandError> {
    match command {
        Command::List => {
            let entries = quarantine::list(pool).await?;
            if entries.is_empty() {
                writeln!(out, "Nothing is set aside.")?;
            }
            for entry in &entries {
                write_entry(out, entry)?;
            }
            Ok(())
        }
        Command::Retry { which } => {
            let ids = named(which);
            let retried = quarantine::retry(pool, ids.as_deref()).await?;
            writeln!(out, "{retried} will be tried again at once.")?;
            ids.map_or(Ok(()), |ids| all_were_found(&ids, retried))
        }
        Command::Drop { ids } => {
            let dropped = quarantine::remove(pool, ids).await?;
            writeln!(out, "{dropped} thrown away.")?;
            all_were_found(ids, dropped)
        }
    }
}

/// Fails if `found` is smaller than the number of ids.
fn all_were_found(ids: &[i64], found: u64) -> Result<(), CommandError> {
    let named: HashSet<_> = ids.iter().collect();
    let found = usize::try_from(found).unwrap_or(usize::MAX);
    let missing = named.len().saturating_sub(found);
    if missing == 0 {
        return Ok(());
    }
    let problem = format!("{missing} of these ids are not set aside: see `quarantine list`");
    Err(CommandError::Refused(problem))
}

/// Prints one entry on one line, without any text that somebody wrote.
fn write_entry(out: &mut impl Write, entry: &Entry) -> io::Result<()> {
    let session = entry.session_id.map(|id| id.to_string());
    writeln!(
        out,
        "{id} {state} since {since}, attempts {attempts}, session {session}, room {room}, {what}: {reason}",
        id = entry.id,
        state = if entry.given_up {
            "given up"
        } else {
            "waiting"
        },
        since = time(entry.set_aside_at),
        attempts = entry.attempts,
        session = session.as_deref().unwrap_or("unknown"),
        room = entry.room_id,
        what = entry.event_id.as_deref().unwrap_or("history"),
        reason = entry.reason.escape_debug(),
    )
}

#[cfg(test)]
mod tests {
    use std::iter;

    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct CommandLine {
        #[command(subcommand)]
        command: Command,
    }

    fn parse(line: &str) -> Option<Command> {
        let words = iter::once("quarantine").chain(line.split_whitespace());
        CommandLine::try_parse_from(words).ok().map(|it| it.command)
    }

    #[test]
    fn commands_are_understood_or_refused() {
        assert_eq!(parse("list"), Some(Command::List));
        for (line, ids) in [("retry all", None), ("retry 3 4", Some(vec![3, 4]))] {
            let Some(Command::Retry { which }) = parse(line) else {
                panic!("{line} is understood otherwise");
            };
            assert_eq!(named(&which), ids);
        }
        assert_eq!(parse("drop 3"), Some(Command::Drop { ids: vec![3] }));
        for wrong in ["retry", "drop", "drop all", "retry x", "list 3", "reset"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn an_id_that_is_not_there_is_a_failure() {
        assert!(all_were_found(&[3, 3, 4], 2).is_ok());
        let error = all_were_found(&[3, 99_999], 1).unwrap_err();
        assert!(error.to_string().starts_with("1 of these ids"), "{error}");
    }
}

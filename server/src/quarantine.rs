//! `matrix-support-chat quarantine`: shows an operator what was set aside, and has it tried again or thrown
//! away.

use std::io::{self, Write};

use crate::storage::{
    Db,
    messages::rfc3339,
    quarantine::{self, Entry},
};

/// What the operator asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Show everything.
    List,
    /// Have these tried again; all, if none is named.
    Retry(Option<Vec<i64>>),
    /// Throw these away.
    Drop(Vec<i64>),
}

impl Command {
    /// Reads what stands behind `quarantine` on the command line; the problem, when it is none of these.
    pub fn parse(arguments: &[String]) -> Result<Self, String> {
        let Some((verb, ids)) = arguments.split_first() else {
            return Ok(Self::List);
        };
        let all = ids.len() == 1 && ids[0] == "all";
        match verb.as_str() {
            "list" if ids.is_empty() => Ok(Self::List),
            "list" => Err("`quarantine list` takes no more arguments".to_owned()),
            "retry" if all => Ok(Self::Retry(None)),
            "retry" => Ok(Self::Retry(Some(parse_ids(verb, ids)?))),
            "drop" => Ok(Self::Drop(parse_ids(verb, ids)?)),
            other => Err(format!(
                "unknown argument `{other}`: there are list, retry and drop"
            )),
        }
    }
}

fn parse_ids(verb: &str, ids: &[String]) -> Result<Vec<i64>, String> {
    if ids.is_empty() {
        return Err(format!(
            "`quarantine {verb}` needs the ids that `list` shows"
        ));
    }
    ids.iter()
        .map(|id| id.parse().map_err(|_| format!("`{id}` is no id")))
        .collect()
}

/// Does it, and says what was done.
pub async fn run(pool: &Db, command: &Command, out: &mut impl Write) -> io::Result<()> {
    match command {
        Command::List => {
            let entries = quarantine::list(pool).await.map_err(io::Error::other)?;
            if entries.is_empty() {
                return writeln!(out, "Nothing is set aside.");
            }
            entries.iter().try_for_each(|entry| write_entry(out, entry))
        }
        Command::Retry(ids) => {
            let retried = quarantine::retry(pool, ids.as_deref()).await;
            let retried = retried.map_err(io::Error::other)?;
            writeln!(out, "{retried} will be tried again at once.")
        }
        Command::Drop(ids) => {
            let dropped = quarantine::remove(pool, ids).await;
            let dropped = dropped.map_err(io::Error::other)?;
            writeln!(out, "{dropped} thrown away.")
        }
    }
}

/// One line, without a word of what was written.
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
        since = rfc3339(entry.set_aside_at),
        attempts = entry.attempts,
        session = session.as_deref().unwrap_or("unknown"),
        room = entry.room_id,
        what = entry.event_id.as_deref().unwrap_or("history"),
        reason = entry.reason.escape_debug(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Command, String> {
        let arguments: Vec<_> = line.split_whitespace().map(str::to_owned).collect();
        Command::parse(&arguments)
    }

    #[test]
    fn what_is_asked_for_is_understood_or_refused() {
        assert_eq!(parse(""), Ok(Command::List));
        assert_eq!(parse("list"), Ok(Command::List));
        assert_eq!(parse("retry all"), Ok(Command::Retry(None)));
        assert_eq!(parse("retry 3 4"), Ok(Command::Retry(Some(vec![3, 4]))));
        assert_eq!(parse("drop 3"), Ok(Command::Drop(vec![3])));
        for wrong in [
            "retry",
            "drop",
            "drop all",
            "retry x",
            "retry 3 all",
            "list 3",
            "reset",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}

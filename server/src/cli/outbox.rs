//! `matrix-support-chat outbox`: lists what waits for the homeserver, lets it be tried at once, and drops it.

use std::{io::Write, str::FromStr};

use clap::Subcommand;
use serde_json::json;
use uuid::Uuid;

use super::{
    CommandError,
    audit::{Auditor, Concerned},
    choice, time, write_json,
};
use crate::{
    config::Config,
    relay::queue::operator::{self, Dropped, Queued},
    storage::{Db, visitor_data},
};

/// The operator's command.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// List the tasks that wait, in their order, without any text.
    List {
        /// Only those of this conversation: the session's id, or the code at the end of the room's name.
        #[arg(long)]
        session: Option<String>,
        /// How many, at most.
        #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(i64).range(1..))]
        limit: i64,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Let these be tried at once, however often they have failed.
    Retry {
        /// The ids that `list` shows, or `all`.
        #[arg(required = true, value_name = "ID")]
        which: Vec<Which>,
    },
    /// Drop these: they will never be sent. The visitor is told of a message that it could not be delivered.
    Drop {
        /// The ids that `list` shows.
        #[arg(required = true, value_name = "ID")]
        ids: Vec<Uuid>,
    },
}

/// One task, or all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// Everything that waits.
    All,
    /// The task with this id.
    Id(Uuid),
}

impl FromStr for Which {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, uuid::Error> {
        match text {
            "all" => Ok(Self::All),
            id => id.parse().map(Self::Id),
        }
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
        Command::List {
            session,
            limit,
            json,
        } => {
            let session_id = match session {
                Some(named) => Some(choice::conversation(db, named).await?.id),
                None => None,
            };
            let queued = operator::list(db, session_id, *limit).await?;
            write_list(out, &queued, *json)
        }
        Command::Retry { which } => retry(config, db, which, out).await,
        Command::Drop { ids } => {
            for id in ids {
                drop_one(config, db, *id, out).await?;
            }
            Ok(())
        }
    }
}

const fn state_of(task: &Queued) -> &'static str {
    match (task.is_claimed, task.is_behind) {
        (true, _) => "being sent",
        (false, true) => "behind others",
        (false, false) => "waiting",
    }
}

fn write_list(out: &mut impl Write, queued: &[Queued], as_json: bool) -> Result<(), CommandError> {
    if as_json {
        let queued = queued.iter().map(|task| {
            json!({
                "id": task.id, "sessionId": task.session_id, "code": task.code, "kind": task.kind,
                "state": state_of(task), "attempts": task.attempts, "dueAt": time(task.due_at),
            })
        });
        return write_json(out, &queued.collect::<Vec<_>>());
    }
    if queued.is_empty() {
        writeln!(out, "Nothing waits for the homeserver.")?;
    }
    for task in queued {
        writeln!(
            out,
            "{id} {kind:<11} {state}, attempts {attempts}, due {due}, session {session} {code}",
            id = task.id,
            kind = task.kind,
            state = state_of(task),
            attempts = task.attempts,
            due = time(task.due_at),
            session = task.session_id,
            code = task.code.as_deref().unwrap_or("-"),
        )?;
    }
    Ok(())
}

async fn retry(
    config: &Config,
    db: &Db,
    which: &[Which],
    out: &mut impl Write,
) -> Result<(), CommandError> {
    let ids = which.iter().map(|which| match which {
        Which::All => None,
        Which::Id(id) => Some(*id),
    });
    let ids: Option<Vec<_>> = ids.collect();
    let mut tx = db.begin().await?;
    let retried = operator::try_now(&mut *tx, ids.as_deref()).await?;
    Auditor::new(config)
        .note(&mut tx, "outbox retry", None)
        .await?;
    tx.commit().await?;
    writeln!(out, "{retried} will be tried at once.")?;
    let missing = ids.map_or(0, |ids| {
        ids.len()
            .saturating_sub(usize::try_from(retried).unwrap_or(usize::MAX))
    });
    if missing > 0 {
        let problem = format!("{missing} of these ids do not wait: see `outbox list`");
        return Err(CommandError::Refused(problem));
    }
    Ok(())
}

async fn drop_one(
    config: &Config,
    db: &Db,
    id: Uuid,
    out: &mut impl Write,
) -> Result<(), CommandError> {
    let mut tx = db.begin().await?;
    let refused = match operator::drop_task(&mut tx, id).await? {
        Dropped::Gone { session_id } => {
            let conversation = visitor_data::conversation(&mut *tx, session_id).await?;
            let concerned = Concerned {
                session_id,
                code: conversation.as_ref().and_then(|it| it.code.as_deref()),
            };
            Auditor::new(config)
                .tell(&mut tx, "outbox drop", concerned)
                .await?;
            tx.commit().await?;
            writeln!(out, "{id}: dropped.")?;
            return Ok(());
        }
        Dropped::Claimed => "a server is sending it at this moment",
        Dropped::NeededByOthers => "the conversation's other tasks need the room that it makes",
        Dropped::Unknown => "it does not wait: see `outbox list`",
    };
    Err(CommandError::Refused(format!("{id}: {refused}")))
}

//! `matrix-support-chat sessions`: lists conversations, shows, ends and reopens them.

use std::io::Write;

use clap::Subcommand;
use serde_json::json;

use super::{
    CommandError,
    audit::{Auditor, Concerned},
    choice, time, write_json,
};
use crate::{
    config::Config,
    relay::queue::{self, Task, operator},
    storage::{
        Db,
        desk::lines,
        session_list::{self, Filter, Listed},
        sessions::{self, State},
        visitor_data::Conversation,
    },
};

/// What staff read in a room whose conversation is ended.
const CLOSED: &str = "An operator ended the chat. Messages sent here no longer reach the visitor. `!reopen` reopens it.";
/// The same, of one that goes on.
const REOPENED: &str = "An operator reopened the chat. Messages sent here reach the visitor again.";

/// The operator's command.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// List conversations, those that were active last first, without anything that anybody wrote.
    List {
        /// Only those that take messages.
        #[arg(long, conflicts_with = "ended")]
        open: bool,
        /// Only those that do not take messages any more.
        #[arg(long)]
        ended: bool,
        /// Only those that have something waiting for the homeserver.
        #[arg(long)]
        queued: bool,
        /// How many, at most.
        #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(i64).range(1..))]
        limit: i64,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Show where a conversation stands, who the visitor is and who of the staff is there, as JSON, without the texts.
    Show {
        /// The session's id, or the code at the end of the room's name.
        session: String,
    },
    /// End conversations.
    Close {
        /// The sessions' ids, or the codes at the end of the rooms' names.
        #[arg(required = true)]
        sessions: Vec<String>,
    },
    /// Reopen conversations that have ended.
    Reopen {
        /// The sessions' ids, or the codes at the end of the rooms' names.
        #[arg(required = true)]
        sessions: Vec<String>,
    },
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
            open,
            ended,
            queued,
            limit,
            json,
        } => {
            let filter = Filter {
                open: (*open || *ended).then_some(*open),
                queued: *queued,
            };
            let listed = session_list::list(db, filter, config.limits.session_ttl, *limit).await?;
            write_list(out, &listed, *json)
        }
        Command::Show { session } => show(config, db, session, out).await,
        Command::Close { sessions } => {
            for named in sessions {
                let conversation = choice::conversation(db, named).await?;
                let said = close(config, db, &conversation).await?;
                writeln!(out, "{}: {said}", conversation.id)?;
            }
            Ok(())
        }
        Command::Reopen { sessions } => {
            for named in sessions {
                let conversation = choice::conversation(db, named).await?;
                let said = reopen(config, db, &conversation).await?;
                writeln!(out, "{}: {said}", conversation.id)?;
            }
            Ok(())
        }
    }
}

const fn name_of(state: State) -> &'static str {
    match state {
        State::Open => "open",
        State::Closed => "closed",
        State::Expired => "expired",
    }
}

fn write_list(out: &mut impl Write, listed: &[Listed], as_json: bool) -> Result<(), CommandError> {
    if as_json {
        let listed = listed.iter().map(|it| {
            json!({
                "sessionId": it.id, "code": it.code, "state": name_of(it.state), "createdAt": time(it.created_at),
                "activeAt": time(it.active_at), "roomId": it.room_id, "queued": it.queued,
            })
        });
        return write_json(out, &listed.collect::<Vec<_>>());
    }
    if listed.is_empty() {
        writeln!(out, "There is no such conversation.")?;
    }
    for it in listed {
        writeln!(
            out,
            "{id} {code:<8} {state:<7} since {began}, last active {active}, room {room}, {queued} queued",
            id = it.id,
            code = it.code.as_deref().unwrap_or("-"),
            state = name_of(it.state),
            began = time(it.created_at),
            active = time(it.active_at),
            room = it.room_id.as_deref().unwrap_or("none"),
            queued = it.queued,
        )?;
    }
    Ok(())
}

async fn show(
    config: &Config,
    db: &Db,
    named: &str,
    out: &mut impl Write,
) -> Result<(), CommandError> {
    let it = choice::conversation(db, named).await?;
    let session = sessions::find(db, it.id, config.limits.session_ttl).await?;
    let (visitor, staff) = session_list::count_texts(db, it.id).await?;
    let members = session_list::members(db, it.id).await?;
    let members = members.into_iter().map(|member| {
        json!({ "userId": member.user_id, "membership": member.membership, "lastError": member.last_error })
    });
    let queued = operator::list(db, Some(it.id), i64::MAX).await?;
    let queued = queued.into_iter().map(|task| {
        json!({
            "id": task.id, "kind": task.kind, "attempts": task.attempts, "dueAt": time(task.due_at),
            "isBeingSent": task.is_claimed,
        })
    });
    write_json(
        out,
        &json!({
            "sessionId": it.id, "code": it.code, "state": session.map(|session| name_of(session.state)),
            "createdAt": time(it.created_at), "activeAt": time(it.active_at), "closedAt": it.closed_at.map(time),
            "visitorSeenAt": it.seen_at.map(time), "roomId": it.room_id,
            "isErased": it.is_erased, "isEmptied": it.is_emptied,
            "visitor": {
                "name": it.visitor_name, "email": it.visitor_email, "sourceUrl": it.source_url,
                "pageTitle": it.page_title, "verifiedName": it.verified_name, "verifiedEmail": it.verified_email,
                "repliesMailedTo": it.mail_address,
            },
            "rating": it.rating, "texts": { "visitor": visitor, "staff": staff },
            "staff": members.collect::<Vec<_>>(), "queued": queued.collect::<Vec<_>>(),
        }),
    )
}

fn concerned(conversation: &Conversation) -> Concerned<'_> {
    Concerned {
        session_id: conversation.id,
        code: conversation.code.as_deref(),
    }
}

async fn close(
    config: &Config,
    db: &Db,
    conversation: &Conversation,
) -> Result<&'static str, CommandError> {
    let (id, ttl) = (conversation.id, config.limits.session_ttl);
    let mut tx = db.begin().await?;
    let session = sessions::lock(&mut tx, id, ttl).await?;
    if session.is_none_or(|session| session.state != State::Open) {
        return Ok("it had ended before");
    }
    sessions::close(&mut tx, id).await?;
    lines::closed_by_staff(&mut *tx, id).await?;
    for task in [Task::Notice(CLOSED.to_owned()), Task::Rename] {
        queue::push(&mut tx, id, &task).await?;
    }
    Auditor::new(config)
        .tell(&mut tx, "sessions close", concerned(conversation))
        .await?;
    tx.commit().await?;
    Ok("it has ended")
}

async fn reopen(
    config: &Config,
    db: &Db,
    conversation: &Conversation,
) -> Result<&'static str, CommandError> {
    let (id, ttl) = (conversation.id, config.limits.session_ttl);
    let mut tx = db.begin().await?;
    let session = sessions::lock(&mut tx, id, ttl).await?;
    match session {
        Some(session) if session.is_erased() => {
            let problem = format!("{id} was erased, and cannot go on");
            return Err(CommandError::Refused(problem));
        }
        Some(session) if session.state != State::Open => {}
        _ => return Ok("it is open"),
    }
    sessions::reopen(&mut tx, id).await?;
    for task in [Task::Notice(REOPENED.to_owned()), Task::Rename] {
        queue::push(&mut tx, id, &task).await?;
    }
    Auditor::new(config)
        .tell(&mut tx, "sessions reopen", concerned(conversation))
        .await?;
    tx.commit().await?;
    Ok("it goes on")
}

//! Removes from the homeserver what the bot wrote about a conversation: the visitor's texts, their
//! details, recaps, the room's names, and the desk's line. Texts of staff, including their
//! quotations, remain.

use incoming::event::RoomEvent;
use matrix_sdk::ruma::api::error::ErrorKind;

use super::{
    Failure,
    homeserver::{Homeserver, RoomSetting},
    room_name,
};
use crate::storage::erasure::DeskLine;

const MESSAGE: &str = "m.room.message";
const NAME: &str = "m.room.name";
const MEMBER: &str = "m.room.member";
/// The room's name for a moment.
const BETWEEN: &str = "…";

/// Gives the room this name, withdraws open invitations, and redacts everything that the bot has
/// written there and every other name. If it is repeated, it continues where it was interrupted.
pub(crate) async fn erase_room(
    homeserver: &Homeserver,
    room_id: &str,
    name: &str,
) -> Result<(), Failure> {
    // The new name comes first, so that the room always has one. Homeservers show the previous name
    // together with a new one, so there is a temporary name in between, which is redacted as well.
    if homeserver.room_name(room_id).await?.as_deref() != Some(name) {
        for name in [BETWEEN, name] {
            let setting = RoomSetting::Name(name.to_owned());
            homeserver.set_state(room_id, &setting).await?;
        }
    }
    // An invitation shows the name that the room had when it was sent. Those that are sent from now
    // on show the new one.
    let withdrawn = withdraw_invitations(homeserver, room_id).await;
    let bot = homeserver.config().bot.as_str();
    redact_while(homeserver, room_id, |event| {
        let is_old_name = event.event_type == NAME
            && event.str_at("/name").is_some_and(|written| written != name);
        let is_text = event.event_type == MESSAGE && event.sender == bot && is_there(event);
        // Synapse stores with an invitation what the room was called.
        let is_invitation = event.event_type == MEMBER
            && event.sender == bot
            && event.str_at("/membership") == Some("invite")
            && !event.was_redacted();
        Found {
            is_trace: is_old_name || is_text || is_invitation,
            is_name: is_old_name,
            is_last: false,
        }
    })
    .await?;
    withdrawn
}

/// Withdraws the invitations that nobody has accepted. One that cannot be withdrawn keeps no other.
async fn withdraw_invitations(homeserver: &Homeserver, room_id: &str) -> Result<(), Failure> {
    let state = homeserver.room_state(room_id).await?;
    let mut withdrawn = Ok(());
    for user_id in state.invited() {
        let Err(error) = homeserver.remove(room_id, user_id).await else {
            continue;
        };
        // Homeservers refuse this if the person has answered meanwhile, and if the bot may not do it. A
        // repetition would not change either.
        if matches!(error.kind(), Some(ErrorKind::Forbidden)) {
            tracing::warn!(room_id, user_id, %error, "an invitation cannot be withdrawn");
        } else {
            withdrawn = Err(error.into());
        }
    }
    withdrawn
}

/// Redacts the conversation's line in the desk, its edits, and everything else that the bot wrote
/// there about the room with this code.
pub(crate) async fn erase_line(
    homeserver: &Homeserver,
    line: &DeskLine,
    code: &str,
) -> Result<(), Failure> {
    let bot = homeserver.config().bot.as_str();
    let end_of_name = room_name::end_of_name(code);
    redact_while(homeserver, &line.room_id, |event| Found {
        is_trace: event.sender == bot && is_of_line(event, line, &end_of_name) && is_there(event),
        is_name: false,
        is_last: is_line(event, line),
    })
    .await
}

/// Whether the event is the conversation's line. Where the line's event is not known, none is.
pub(super) fn is_line(event: &RoomEvent, line: &DeskLine) -> bool {
    line.event_id.as_ref() == Some(&event.event_id)
}

/// Whether the event at the desk is the conversation's line, refers to it, or names the conversation's room.
pub(super) fn is_of_line(event: &RoomEvent, line: &DeskLine, end_of_name: &str) -> bool {
    let refers_by = |pointer: &str| {
        let referred = event.str_at(pointer);
        referred.is_some() && referred == line.event_id.as_deref()
    };
    is_line(event, line)
        || refers_by("/m.relates_to/event_id")
        || refers_by("/m.relates_to/m.in_reply_to/event_id")
        || event
            .str_at("/body")
            .is_some_and(|body| body.contains(end_of_name))
}

/// What an event turned out to be.
#[derive(Clone, Copy, Debug)]
struct Found {
    /// It has to be redacted.
    is_trace: bool,
    /// It is a name of the room. Homeservers show with a name the one before, and may remember it from when they were last
    /// asked, so names are redacted in the order in which they were given.
    is_name: bool,
    /// Nothing before it has to be redacted.
    is_last: bool,
}

/// Reads the room's history backwards, and redacts the traces.
async fn redact_while(
    homeserver: &Homeserver,
    room_id: &str,
    judge: impl Fn(&RoomEvent) -> Found + Send,
) -> Result<(), Failure> {
    let mut from = None;
    let mut names = Vec::new();
    'history: loop {
        let (page, next) = homeserver.history(room_id, from.as_deref(), None).await?;
        for event in page {
            let found = judge(&event);
            if found.is_name {
                names.push(event.event_id);
            } else if found.is_trace {
                redact(homeserver, room_id, &event.event_id).await?;
            }
            if found.is_last {
                break 'history;
            }
        }
        match next {
            Some(token) => from = Some(token),
            None => break,
        }
    }
    for event_id in names.iter().rev() {
        redact(homeserver, room_id, event_id).await?;
    }
    Ok(())
}

async fn redact(homeserver: &Homeserver, room_id: &str, event_id: &str) -> Result<(), Failure> {
    // If it is repeated, the redaction of the same event has the same transaction id.
    let txn_id = format!("erase {event_id}");
    match homeserver.redact(room_id, event_id, &txn_id).await {
        Ok(()) => Ok(()),
        // The homeserver's own retention was faster.
        Err(error) if matches!(error.kind(), Some(ErrorKind::NotFound)) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Whether the event still says something: a redacted one has no content.
pub(super) fn is_there(event: &RoomEvent) -> bool {
    event.content.as_object().is_some_and(|it| !it.is_empty())
}

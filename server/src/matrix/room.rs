//! The room of a conversation: private, never federated, never encrypted. Staff are invited to it one by one, once its
//! settings are right (`inviter`).

use std::slice::from_ref;

use matrix_sdk::ruma::OwnedUserId;
use uuid::Uuid;

use super::{
    Failure,
    homeserver::{
        Encrypted, Homeserver, MatrixError, NewRoom, PowerLevels, Preset, RoomMarker, RoomSetting,
    },
    room_name,
};
use crate::{
    config::{CANARY_PAGE, Matrix},
    relay::store::Store,
    storage::{sessions::Subject, staff_members::Membership},
};

/// Every person who is invited sees this.
pub(super) const TOPIC: &str = "Messages sent here are visible to the website visitor.";

/// The request for a conversation's room, at a homeserver that encrypts such rooms by default.
pub(crate) fn new_room(
    subject: &Subject,
    name: &str,
    config: &Matrix,
    encrypted: Encrypted,
) -> NewRoom {
    NewRoom {
        preset: Preset::for_homeserver_that_encrypts(encrypted),
        marker: RoomMarker::Session(subject.id),
        name: name.to_owned(),
        topic: TOPIC,
        power_levels: PowerLevels::of_conversation(&config.bot),
        access: RoomSetting::access(config.history_visibility),
    }
}

/// The staff, or only the canary in its own conversation. A visitor who pretends to be the canary gets the canary, and
/// disturbs nobody.
fn invited<'a>(
    subject: &Subject,
    config: &'a Matrix,
    staff: &'a [OwnedUserId],
) -> &'a [OwnedUserId] {
    match &config.canary {
        Some(canary) if subject.source_url.as_deref() == Some(CANARY_PAGE) => from_ref(canary),
        _ => staff,
    }
}

/// The session whose room this is, if it is one of the bot's.
pub(crate) async fn session_of(
    homeserver: &Homeserver,
    room_id: &str,
) -> Result<Option<Uuid>, MatrixError> {
    let marker = homeserver.marker(room_id).await?;
    Ok(marker.and_then(RoomMarker::session_id))
}

/// The people who belong in a room, with their memberships.
pub(crate) type Members = Vec<(OwnedUserId, Membership)>;

/// The result of checking a room.
#[derive(Debug)]
pub(crate) enum Checked {
    /// The settings are right. The people who belong in the room are named with their memberships.
    Ready(Members),
    /// The room is encrypted, so the relay could not read what staff write there.
    Encrypted,
}

/// Checks the room's settings, and completes a `createRoom` that was cut short. A repetition changes nothing.
pub(crate) async fn complete(
    homeserver: &Homeserver,
    room_id: &str,
    subject: &Subject,
    name: &str,
    staff: &[OwnedUserId],
) -> Result<Checked, MatrixError> {
    let config = homeserver.config();
    let state = homeserver.room_state(room_id).await?;
    if state.is_encrypted() {
        return Ok(Checked::Encrypted);
    }
    let levels = PowerLevels::of_conversation(&config.bot);
    let mut wanted = vec![RoomSetting::PowerLevels(levels)];
    wanted.extend(RoomSetting::access(config.history_visibility));
    wanted.retain(|setting| !state.has(setting));
    // Staff may have renamed the room since it was made.
    let named = [
        RoomSetting::Name(name.to_owned()),
        RoomSetting::Topic(TOPIC),
    ];
    let missing = named
        .into_iter()
        .filter(|setting| !state.has_some(setting.event_type()));
    for setting in wanted.into_iter().chain(missing) {
        homeserver.set_state(room_id, &setting).await?;
    }
    let members = invited(subject, config, staff).iter().map(|user_id| {
        let membership = state.membership(user_id.as_str());
        (user_id.clone(), membership.unwrap_or(Membership::Wanted))
    });
    Ok(Checked::Ready(members.collect()))
}

/// Whether the bot, which is in the room, may still write there and set its state.
pub(crate) async fn is_in_command(
    homeserver: &Homeserver,
    room_id: &str,
) -> Result<bool, MatrixError> {
    let state = homeserver.room_state(room_id).await?;
    let bot = homeserver.config().bot.as_str();
    Ok(state.is_in_command(bot).unwrap_or(false))
}

/// Adds or removes the mark of an ended conversation in the room's name, and leaves the rest, which staff may have
/// changed. An ended room whose name staff have emptied gets the bot's name.
pub(crate) async fn mark(
    homeserver: &Homeserver,
    store: &dyn Store,
    session_id: Uuid,
    room_id: &str,
    has_ended: bool,
) -> Result<(), Failure> {
    let name = homeserver.room_name(room_id).await?.unwrap_or_default();
    let mut marked = room_name::marked(&name, has_ended);
    if room_name::is_lacking(&name) && marked != name {
        let given = room_name::of(&store.naming(session_id).await?);
        marked = room_name::marked(&given, has_ended);
    }
    if marked != name {
        let setting = RoomSetting::Name(marked);
        homeserver.set_state(room_id, &setting).await?;
    }
    Ok(())
}

//! What has to be true in the end, whatever has happened: each text is in its session's room exactly once and in order,
//! the session has one room, and the staff are invited to it.

use uuid::Uuid;

use super::stage::{STAFF, Stage};
use crate::matrix::homeserver::RoomMarker;

/// The field of a notice that names the messages of a former room that it repeats.
const RETOLD: &str = "/pro.webdevelop.support_chat.retold";

/// Checks a session that lost this many rooms; returns what is wrong.
pub(super) fn judge(stage: &Stage, session_id: Uuid, rooms_lost: usize) -> Result<(), String> {
    let messages = stage.database().messages(session_id);
    if let Some(message) = messages.iter().find(|it| it.delivery != "delivered") {
        return Err(format!("{:?} is {}", message.body, message.delivery));
    }
    let room_id = stage.database().room_of(session_id);
    let room_id = room_id.ok_or("the session has no room")?;
    let made = stage.homeserver.rooms_of(RoomMarker::Session(session_id));
    if made.len() != rooms_lost + 1 {
        return Err(format!("{rooms_lost} rooms were lost, and {made:?} made"));
    }
    if !stage.homeserver.rooms_of_bot().contains(&room_id) {
        return Err(format!("the bot is not in {room_id}"));
    }
    let timeline = stage.homeserver.timeline(&room_id);
    let retold = timeline
        .iter()
        .find_map(|event| event.content.pointer(RETOLD));
    let retold = retold.and_then(|ids| ids.as_array()).map_or(0, Vec::len);
    let (told_again, sent) = messages.split_at(retold.min(messages.len()));
    let ids: Vec<_> = told_again.iter().map(|it| it.id.to_string()).collect();
    let named = timeline
        .iter()
        .filter_map(|event| event.content.pointer(RETOLD));
    for ids_told in named {
        let all_named = ids.iter().all(|id| {
            ids_told
                .as_array()
                .is_some_and(|told| told.iter().any(|it| it == id))
        });
        if !all_named {
            return Err(format!(
                "{ids:?} were to be told again, and {ids_told} were"
            ));
        }
    }
    let wanted: Vec<_> = sent.iter().map(|it| it.body.clone()).collect();
    let found = stage.homeserver.bodies(&room_id, "m.text");
    if found != wanted {
        return Err(format!("{room_id} has {found:?} instead of {wanted:?}"));
    }
    for user_id in STAFF {
        let membership = stage.homeserver.membership_of(&room_id, user_id);
        if membership.as_deref() != Some("invite") {
            return Err(format!("{user_id} is {membership:?} in {room_id}"));
        }
    }
    Ok(())
}

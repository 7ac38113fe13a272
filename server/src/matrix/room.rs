//! The room of a conversation: private, never federated, never encrypted. Staff are invited to it one by one,
//! once it is as it should be (`invitations`).

use std::slice::from_ref;

use matrix_sdk::ruma::OwnedUserId;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    event::RoomEvent,
    homeserver::{Homeserver, MatrixError},
    room_name,
};
use crate::{
    config::{CANARY_PAGE, Matrix},
    storage::{sessions::Subject, staff_members::Membership},
};

/// Told to everyone who is invited.
pub(super) const TOPIC: &str = "Messages sent here are visible to the website visitor.";

/// Names the session in `m.room.create`, where nobody but the bot looks: `createRoom` has no
/// transaction id, and this is how a room is found again whose making was not answered.
pub(crate) const MARKER: &str = "pro.webdevelop.support_chat.session_id";

/// From version 12 on a room's creator stands above all power levels, and could not be given the
/// 100 that the bot is to have.
pub(super) const ROOM_VERSION: &str = "11";

/// As the homeserver knows a private room.
pub(super) const PRIVATE_PRESET: &str = "private_chat";

/// Where `encryption_enabled_by_default_for_room_type` is `invite`, Synapse encrypts rooms of the private preset
/// and not those of the public one, whatever their join rule. All that the preset would make public is set
/// otherwise with the room.
pub(super) const UNENCRYPTED_PRESET: &str = "public_chat";

/// What is a moderator's to change in other rooms is the bot's alone here.
const BOT_ONLY: [&str; 8] = [
    "m.room.encryption",
    "m.room.history_visibility",
    "m.room.join_rules",
    "m.room.guest_access",
    "m.room.power_levels",
    "m.room.topic",
    "m.room.tombstone",
    "m.room.server_acl",
];

/// The body of `createRoom`; of a homeserver that `encrypts` private rooms by default.
pub(crate) fn creation(subject: &Subject, name: &str, config: &Matrix, encrypts: bool) -> Value {
    json!({
        "preset": if encrypts { UNENCRYPTED_PRESET } else { PRIVATE_PRESET },
        "room_version": ROOM_VERSION,
        "creation_content": { "m.federate": false, MARKER: subject.id },
        "name": name,
        "topic": TOPIC,
        "power_level_content_override": power_levels(&config.bot),
        "initial_state": locks(config)
            .map(|(event_type, content)| json!({
                "type": event_type, "state_key": "", "content": content,
            })),
    })
}

/// The staff; but the canary alone where it has a conversation with itself. Whoever pretends to be the
/// canary has one with it too, and troubles nobody.
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

fn locks(config: &Matrix) -> [(&'static str, Value); 3] {
    let visibility = config.history_visibility.as_str();
    [
        ("m.room.join_rules", json!({ "join_rule": "invite" })),
        (
            "m.room.history_visibility",
            json!({ "history_visibility": visibility }),
        ),
        (
            "m.room.guest_access",
            json!({ "guest_access": "forbidden" }),
        ),
    ]
}

pub(super) fn power_levels(bot: &OwnedUserId) -> Value {
    let mut events = json!({ "m.room.name": 0, "m.room.avatar": 50 });
    for event_type in BOT_ONLY {
        events[event_type] = json!(100);
    }
    // Staff have 0: enough to write, to rename the room, and to bring in a colleague.
    json!({
        "users": { bot.as_str(): 100 },
        "users_default": 0,
        "events": events,
        "events_default": 0,
        "state_default": 50,
        "invite": 0,
        "kick": 50,
        "ban": 50,
        "redact": 50,
        // Synapse adds it to what it is given.
        "historical": 100,
    })
}

/// The session whose room this is, when it is one of ours.
pub(crate) async fn session_of(
    homeserver: &Homeserver,
    room_id: &str,
) -> Result<Option<Uuid>, MatrixError> {
    let creation = homeserver.creation(room_id).await?;
    Ok(creation.as_ref().and_then(session_in))
}

/// The session that is named in the content of a room's `m.room.create`.
pub(super) fn session_in(creation: &Value) -> Option<Uuid> {
    creation.get(MARKER)?.as_str()?.parse().ok()
}

/// What each person who belongs into a room is there.
pub(crate) type Members = Vec<(OwnedUserId, Membership)>;

/// What a room turned out to be.
#[derive(Debug)]
pub(crate) enum Checked {
    /// As promised. Each person who belongs into it is named, with what they are there.
    Ready(Members),
    /// Encrypted: what staff write there could not be read.
    Encrypted,
}

/// Checks that the room is as promised, and does what a `createRoom` that was cut short left undone. Done
/// again, it changes nothing.
pub(crate) async fn complete(
    homeserver: &Homeserver,
    room_id: &str,
    subject: &Subject,
    name: &str,
    staff: &[OwnedUserId],
) -> Result<Checked, MatrixError> {
    let config = homeserver.config();
    let state = homeserver.all_state(room_id).await?;
    let find = |event_type: &str, state_key: &str| {
        state.iter().find(|event| {
            event.event_type == event_type && event.state_key.as_deref() == Some(state_key)
        })
    };
    if find("m.room.encryption", "").is_some() {
        return Ok(Checked::Encrypted);
    }
    let mut wanted = vec![("m.room.power_levels", power_levels(&config.bot))];
    wanted.extend(locks(config));
    // Staff may have renamed it since.
    if find("m.room.name", "").is_none() {
        wanted.push(("m.room.name", json!({ "name": name })));
    }
    if find("m.room.topic", "").is_none() {
        wanted.push(("m.room.topic", json!({ "topic": TOPIC })));
    }
    for (event_type, content) in wanted {
        if find(event_type, "").is_none_or(|event| event.content != content) {
            homeserver.set_state(room_id, event_type, &content).await?;
        }
    }
    let members = invited(subject, config, staff).iter().map(|user_id| {
        let membership = find("m.room.member", user_id.as_str())
            .and_then(|event| event.str_at("/membership"))
            .and_then(Membership::named)
            .unwrap_or(Membership::Wanted);
        (user_id.clone(), membership)
    });
    Ok(Checked::Ready(members.collect()))
}

/// Whether the bot, which is in the room, may still write there, and set the room up.
pub(crate) async fn is_in_command(
    homeserver: &Homeserver,
    room_id: &str,
) -> Result<bool, MatrixError> {
    let state = homeserver.all_state(room_id).await?;
    let is_levels = |event: &&RoomEvent| event.event_type == "m.room.power_levels";
    let Some(levels) = state.iter().find(is_levels) else {
        return Ok(false);
    };
    let own = &levels.content["users"][homeserver.config().bot.as_str()];
    Ok(own.as_i64().is_some_and(|level| level >= 100))
}

/// Makes the room's name say whether the conversation has ended, and changes nothing else of it: staff may have renamed
/// the room.
pub(crate) async fn mark(
    homeserver: &Homeserver,
    room_id: &str,
    has_ended: bool,
) -> Result<(), MatrixError> {
    let Some(name) = homeserver.room_name(room_id).await? else {
        return Ok(());
    };
    let marked = room_name::marked(&name, has_ended);
    if marked != name {
        let content = json!({ "name": marked });
        homeserver
            .set_state(room_id, "m.room.name", &content)
            .await?;
    }
    Ok(())
}

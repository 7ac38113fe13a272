//! What the bot asks for about its rooms: making them, their state, their members.

use std::{
    sync::{MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use matrix_sdk::ruma::{
    OwnedUserId,
    api::{
        client::{
            membership::{forget_room, invite_user, joined_rooms, kick_user, leave_room},
            room::{Visibility, create_room},
            state::{get_state_event_for_key, get_state_events, send_state_event},
        },
        error::ErrorKind,
    },
    events::StateEventType,
};
use serde_json::{Value, json};

use super::{Homeserver, MatrixError, RoomEvent, parse_room_id, raw, request_config, unreadable};

/// How long a homeserver that encrypts every room is not asked for another.
const TRY_AGAIN: Duration = Duration::from_mins(5);
/// Synapse takes seconds to make a room when it is busy, and goes on when we hang up.
const CREATE_ROOM_TIMEOUT: Duration = Duration::from_secs(45);

impl Homeserver {
    /// Makes a room from a `createRoom` body.
    pub(crate) async fn create_room(&self, body: &Value) -> Result<String, MatrixError> {
        let request = create_room_request(body)?;
        let client = self.client().await?;
        let send = client
            .send(request)
            .with_request_config(Some(request_config(CREATE_ROOM_TIMEOUT)));
        Ok(self
            .checked("create_room", &client, send)
            .await?
            .room_id
            .into())
    }

    /// The rooms that the bot is in.
    pub(crate) async fn joined_rooms(&self) -> Result<Vec<String>, MatrixError> {
        let client = self.client().await?;
        let response = self
            .checked(
                "joined_rooms",
                &client,
                client.send(joined_rooms::v3::Request::new()),
            )
            .await?;
        Ok(response
            .joined_rooms
            .into_iter()
            .map(String::from)
            .collect())
    }

    /// The content of the room's `m.room.create`.
    pub(in crate::matrix) async fn creation(
        &self,
        room_id: &str,
    ) -> Result<Option<Value>, MatrixError> {
        if let Some(known) = self.creations.lock().await.get(room_id) {
            return Ok(known.clone());
        }
        let content = self.state(room_id, StateEventType::RoomCreate, "").await?;
        self.creations
            .lock()
            .await
            .insert(room_id.to_owned(), content.clone());
        Ok(content)
    }

    /// Every state event of the room.
    pub(in crate::matrix) async fn all_state(
        &self,
        room_id: &str,
    ) -> Result<Vec<RoomEvent>, MatrixError> {
        let request = get_state_events::v3::Request::new(parse_room_id(room_id)?);
        let client = self.client().await?;
        let response = self
            .checked("room_state", &client, client.send(request))
            .await?;
        Ok(response.room_state.iter().filter_map(super::read).collect())
    }

    /// The room's name; `None` when it has none.
    pub(in crate::matrix) async fn room_name(
        &self,
        room_id: &str,
    ) -> Result<Option<String>, MatrixError> {
        let content = self.state(room_id, StateEventType::RoomName, "").await?;
        let name = content
            .as_ref()
            .and_then(|content| content["name"].as_str());
        Ok(name.map(str::to_owned))
    }

    /// The content of one state event of a room that the bot is in; `None` when there is none.
    async fn state(
        &self,
        room_id: &str,
        event_type: StateEventType,
        state_key: &str,
    ) -> Result<Option<Value>, MatrixError> {
        let request = get_state_event_for_key::v3::Request::new(
            parse_room_id(room_id)?,
            event_type,
            state_key.to_owned(),
        );
        let client = self.client().await?;
        match self
            .checked("room_state", &client, client.send(request))
            .await
        {
            Ok(response) => {
                serde_json::from_str(response.event_or_content.get()).map_err(unreadable)
            }
            Err(error) if matches!(error.kind(), Some(ErrorKind::NotFound)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Sets a state event with an empty state key.
    pub(in crate::matrix) async fn set_state(
        &self,
        room_id: &str,
        event_type: &str,
        content: &Value,
    ) -> Result<(), MatrixError> {
        let request = send_state_event::v3::Request::new_raw(
            parse_room_id(room_id)?,
            StateEventType::from(event_type),
            String::new(),
            raw(content)?,
        );
        let client = self.client().await?;
        self.checked("set_state", &client, client.send(request))
            .await?;
        Ok(())
    }

    /// Invites one person.
    pub(in crate::matrix) async fn invite(
        &self,
        room_id: &str,
        user_id: &str,
    ) -> Result<(), MatrixError> {
        let user_id = OwnedUserId::try_from(user_id).map_err(unreadable)?;
        let recipient = invite_user::v3::InvitationRecipient::UserId(
            invite_user::v3::InviteUserId::new(user_id),
        );
        let request = invite_user::v3::Request::new(parse_room_id(room_id)?, recipient);
        let client = self.client().await?;
        self.checked("invite", &client, client.send(request))
            .await?;
        Ok(())
    }

    /// Removes one person from a room, or takes their invitation back.
    pub(in crate::matrix) async fn remove(
        &self,
        room_id: &str,
        user_id: &str,
    ) -> Result<(), MatrixError> {
        let user_id = OwnedUserId::try_from(user_id).map_err(unreadable)?;
        let request = kick_user::v3::Request::new(parse_room_id(room_id)?, user_id);
        let client = self.client().await?;
        self.checked("remove", &client, client.send(request))
            .await?;
        Ok(())
    }

    /// Someone's membership in a room that the bot is in, by its name in Matrix; `None` when they never had one.
    pub(in crate::matrix) async fn membership(
        &self,
        room_id: &str,
        user_id: &str,
    ) -> Result<Option<String>, MatrixError> {
        let content = self
            .state(room_id, StateEventType::RoomMember, user_id)
            .await?;
        let membership = content
            .as_ref()
            .and_then(|content| content["membership"].as_str());
        Ok(membership.map(str::to_owned))
    }

    /// Leaves a room and forgets it.
    pub(crate) async fn leave(&self, room_id: &str) -> Result<(), MatrixError> {
        let room_id = parse_room_id(room_id)?;
        let client = self.client().await?;
        let leave = client.send(leave_room::v3::Request::new(room_id.clone()));
        self.checked("leave", &client, leave).await?;
        let forget = client.send(forget_room::v3::Request::new(room_id));
        self.checked("forget", &client, forget).await?;
        Ok(())
    }

    /// Which rooms this homeserver encrypts, as far as is known.
    pub(crate) fn rooms_are_encrypted(&self) -> Encrypted {
        match *self.found() {
            Found::Nothing => Encrypted::Never,
            Found::Other(at) if at.elapsed() < TRY_AGAIN => Encrypted::Always,
            Found::Private | Found::Other(_) => Encrypted::WhenPrivate,
        }
    }

    /// Notes that a room was encrypted that was `made_for` a homeserver that encrypts such rooms; answers with
    /// what is known now.
    pub(crate) fn found_encrypted(&self, made_for: Encrypted) -> Encrypted {
        let mut found = self.found();
        match (made_for, &*found) {
            (Encrypted::Never, Found::Nothing) => *found = Found::Private,
            (Encrypted::Never, _) => {}
            (Encrypted::WhenPrivate | Encrypted::Always, _) => {
                *found = Found::Other(Instant::now());
            }
        }
        drop(found);
        self.rooms_are_encrypted()
    }

    fn found(&self) -> MutexGuard<'_, Found> {
        // No invariant spans a panic.
        self.encrypted
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Which rooms a homeserver encrypts although nobody asks for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encrypted {
    /// None that is known of.
    Never,
    /// Those of the private preset.
    WhenPrivate,
    /// Those of every preset.
    Always,
}

/// Which rooms turned out to be encrypted.
#[derive(Debug, Default)]
pub(super) enum Found {
    #[default]
    Nothing,
    /// One of the private preset.
    Private,
    /// Then one of the other preset.
    Other(Instant),
}

fn create_room_request(body: &Value) -> Result<create_room::v3::Request, MatrixError> {
    let field = |name: &str| body.get(name).cloned().unwrap_or(json!(null));
    let text = |name: &str| body.get(name).and_then(Value::as_str).map(str::to_owned);
    let mut request = create_room::v3::Request::new();
    request.preset = text("preset").map(|preset| preset.as_str().into());
    request.visibility = Visibility::Private;
    request.room_version = text("room_version")
        .map(|version| version.as_str().try_into())
        .transpose()
        .map_err(unreadable)?;
    request.creation_content = Some(raw(&field("creation_content"))?);
    request.power_level_content_override = Some(raw(&field("power_level_content_override"))?);
    request.initial_state = serde_json::from_value(field("initial_state")).map_err(unreadable)?;
    request.name = text("name");
    request.topic = text("topic");
    Ok(request)
}

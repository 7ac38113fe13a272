//! The relay's requests as requests of the client-server API.

use std::time::Duration;

use async_trait::async_trait;
use incoming::{answer, event::RoomEvent};
use matrix_sdk::ruma::{
    OwnedRoomId, OwnedTransactionId, RoomVersionId, UInt,
    api::{
        Direction,
        client::{
            context::get_context,
            filter::FilterDefinition,
            membership::{
                forget_room, invite_user, join_room_by_id, joined_rooms, kick_user, leave_room,
            },
            message::{get_message_events, send_message_event},
            receipt::create_receipt,
            redact::redact_event,
            room::{Visibility, create_room},
            state::{get_state_events, send_state_event},
            typing::create_typing_event::{self, v3::TypingInfo},
        },
    },
    events::{MessageLikeEventType, StateEventType},
};
use serde_json::{Value, json};

use super::{
    REQUEST_TIMEOUT, SdkConnection,
    events::{PAGE, irrelevant_types, read, sync_filter},
    parse_event_id, parse_room_id, parse_user_id, raw, request_config, unreadable,
    verbatim::Verbatim,
};
use crate::matrix::homeserver::{
    Context, HomeserverConnection, MatrixError, NewRoom, RoomSetting, RoomState,
    room_settings::ROOM_VERSION,
};

/// Synapse takes seconds to create a room when it is busy, and continues even if the connection
/// ends.
const CREATE_ROOM_TIMEOUT: Duration = Duration::from_secs(45);
/// The number of events that are read around one in a room's history.
const CONTEXT: u32 = 40;
/// The number of the bot's messages that are read before an event, and of events after it.
const AROUND: u32 = 20;
/// How long the bot counts as typing after each request that says so.
const TYPING: Duration = Duration::from_secs(5);
/// Typing signals and receipts that take longer are of no use.
const SOON: Duration = Duration::from_secs(5);

#[async_trait]
impl HomeserverConnection for SdkConnection {
    async fn create_room(&self, room: &NewRoom) -> Result<String, MatrixError> {
        let request = create_room_request(room)?;
        let answer = self.ask("create_room", |client| {
            client
                .send(request)
                .with_request_config(Some(request_config(CREATE_ROOM_TIMEOUT)))
        });
        Ok(answer.await?.room_id.into())
    }

    async fn joined_rooms(&self) -> Result<Vec<String>, MatrixError> {
        let request = joined_rooms::v3::Request::new();
        let answer = self.ask("joined_rooms", |client| client.send(request));
        let rooms = answer.await?.joined_rooms;
        Ok(rooms.into_iter().map(String::from).collect())
    }

    async fn creation(&self, room_id: &str) -> Result<Option<Value>, MatrixError> {
        self.state(room_id, StateEventType::RoomCreate, "").await
    }

    async fn room_state(&self, room_id: &str) -> Result<RoomState, MatrixError> {
        let request = get_state_events::v3::Request::new(parse_room_id(room_id)?);
        let answer = self
            .ask("room_state", |client| client.send(request))
            .await?;
        let events = answer.room_state.iter().filter_map(read);
        Ok(RoomState::new(events.collect()))
    }

    async fn room_name(&self, room_id: &str) -> Result<Option<String>, MatrixError> {
        let content = self.state(room_id, StateEventType::RoomName, "").await?;
        let name = content
            .as_ref()
            .and_then(|content| content["name"].as_str());
        Ok(name.map(str::to_owned))
    }

    async fn set_state(&self, room_id: &str, setting: &RoomSetting) -> Result<(), MatrixError> {
        let request = send_state_event::v3::Request::new_raw(
            parse_room_id(room_id)?,
            StateEventType::from(setting.event_type()),
            String::new(),
            raw(&setting.content())?,
        );
        self.ask("set_state", |client| client.send(request)).await?;
        Ok(())
    }

    async fn invite(&self, room_id: &str, user_id: &str) -> Result<(), MatrixError> {
        let invited = invite_user::v3::InviteUserId::new(parse_user_id(user_id)?);
        let recipient = invite_user::v3::InvitationRecipient::UserId(invited);
        let request = invite_user::v3::Request::new(parse_room_id(room_id)?, recipient);
        self.ask("invite", |client| client.send(request)).await?;
        Ok(())
    }

    async fn join(&self, room_id: &str) -> Result<(), MatrixError> {
        let request = join_room_by_id::v3::Request::new(parse_room_id(room_id)?);
        self.ask("join", |client| client.send(request)).await?;
        Ok(())
    }

    async fn remove(&self, room_id: &str, user_id: &str) -> Result<(), MatrixError> {
        let user_id = parse_user_id(user_id)?;
        let request = kick_user::v3::Request::new(parse_room_id(room_id)?, user_id);
        self.ask("remove", |client| client.send(request)).await?;
        Ok(())
    }

    async fn membership(
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

    async fn leave(&self, room_id: &str) -> Result<(), MatrixError> {
        let room_id = parse_room_id(room_id)?;
        let leave = leave_room::v3::Request::new(room_id.clone());
        self.ask("leave", |client| client.send(leave)).await?;
        let forget = forget_room::v3::Request::new(room_id);
        self.ask("forget", |client| client.send(forget)).await?;
        Ok(())
    }

    async fn send_message(
        &self,
        room_id: &str,
        txn_id: &str,
        content: &Value,
    ) -> Result<String, MatrixError> {
        let request = send_message_event::v3::Request::new_raw(
            parse_room_id(room_id)?,
            OwnedTransactionId::from(txn_id),
            MessageLikeEventType::RoomMessage,
            raw(content)?,
        );
        let answer = self.ask("send_message", |client| client.send(request));
        Ok(answer.await?.event_id.into())
    }

    async fn redact(&self, room_id: &str, event_id: &str, txn_id: &str) -> Result<(), MatrixError> {
        let request = redact_event::v3::Request::new(
            parse_room_id(room_id)?,
            parse_event_id(event_id)?,
            OwnedTransactionId::from(txn_id),
        );
        self.ask("redact", |client| client.send(request)).await?;
        Ok(())
    }

    async fn sync(
        &self,
        since: Option<&str>,
        wait: Duration,
        watched: &[OwnedRoomId],
    ) -> Result<answer::Sync, MatrixError> {
        // A first sync of all rooms takes its time: Synapse needs a minute and more for ten thousand.
        let limit = match since {
            Some(_) => wait + Duration::from_mins(1),
            None => Duration::from_mins(15),
        };
        self.sync_by(sync_filter(watched), since, wait, limit).await
    }

    async fn sync_position(&self) -> Result<String, MatrixError> {
        let (no_rooms, wait) = (FilterDefinition::ignore_all(), Duration::ZERO);
        let answer = self.sync_by(no_rooms, None, wait, REQUEST_TIMEOUT);
        Ok(answer.await?.next_batch)
    }

    async fn history(
        &self,
        room_id: &str,
        from: Option<&str>,
        to: Option<&str>,
    ) -> Result<(Vec<RoomEvent>, Option<String>), MatrixError> {
        let mut request =
            get_message_events::v3::Request::new(parse_room_id(room_id)?, Direction::Backward);
        request.from = from.map(str::to_owned);
        request.to = to.map(str::to_owned);
        request.limit = UInt::from(PAGE);
        request.filter.not_types = irrelevant_types();
        let answer = self.ask("history", |client| client.send(Verbatim(request)));
        let page = answer::history(&answer.await?.0)?;
        // A history that does not advance would never end.
        let end = page.end.filter(|end| Some(end.as_str()) != from);
        Ok((page.events, end))
    }

    async fn context(&self, room_id: &str, event_id: &str) -> Result<Context, MatrixError> {
        let response = self.around(room_id, event_id, CONTEXT).await?;
        let event = response.event.as_ref().and_then(read);
        Ok(Context {
            at: event.and_then(|event| event.written_at()),
            end: response.end,
        })
    }

    async fn had_joined(
        &self,
        room_id: &str,
        event_id: &str,
        user_id: &str,
    ) -> Result<bool, MatrixError> {
        let state = self.around(room_id, event_id, 0).await?.state;
        let mut state = state.iter().filter_map(read);
        Ok(state.any(|event| {
            event.event_type == "m.room.member"
                && event.state_key.as_deref() == Some(user_id)
                && event.str_at("/membership") == Some("join")
        }))
    }

    async fn sent_before(&self, room_id: &str, event_id: &str) -> Result<Vec<String>, MatrixError> {
        let event_id = parse_event_id(event_id)?;
        let mut request = get_context::v3::Request::new(parse_room_id(room_id)?, event_id);
        request.limit = AROUND.into();
        request.filter.types = Some(vec!["m.room.message".to_owned()]);
        request.filter.senders = Some(vec![self.config.bot.clone()]);
        let around = self.ask("context", |client| client.send(request)).await?;
        let before = around.events_before.iter().filter_map(read);
        Ok(before.map(|event| event.event_id).collect())
    }

    async fn set_typing(&self, room_id: &str) -> Result<(), MatrixError> {
        let request = create_typing_event::v3::Request::new(
            self.config.bot.clone(),
            parse_room_id(room_id)?,
            TypingInfo::new(TYPING).into(),
        );
        let answer = self.ask("typing", |client| {
            client
                .send(request)
                .with_request_config(Some(request_config(SOON)))
        });
        answer.await?;
        Ok(())
    }

    async fn set_read(&self, room_id: &str, event_id: &str) -> Result<(), MatrixError> {
        let request = create_receipt::v3::Request::new(
            parse_room_id(room_id)?,
            create_receipt::v3::ReceiptType::Read,
            parse_event_id(event_id)?,
        );
        let answer = self.ask("receipt", |client| {
            client
                .send(request)
                .with_request_config(Some(request_config(SOON)))
        });
        answer.await?;
        Ok(())
    }
}

/// Every field of the room is named here, so that the compiler reports one that is added there and forgotten here.
fn create_room_request(room: &NewRoom) -> Result<create_room::v3::Request, MatrixError> {
    let NewRoom {
        preset,
        marker,
        name,
        topic,
        power_levels,
        access,
    } = room;
    let initial_state = access.iter().map(|setting| {
        raw(&json!({
            "type": setting.event_type(),
            "state_key": "",
            "content": setting.content(),
        }))
    });
    let mut request = create_room::v3::Request::new();
    request.preset = Some(preset.as_str().into());
    request.visibility = Visibility::Private;
    request.room_version = Some(RoomVersionId::try_from(ROOM_VERSION).map_err(unreadable)?);
    request.creation_content = Some(raw(&marker.creation_content())?);
    request.power_level_content_override = Some(raw(&json!(power_levels))?);
    request.initial_state = initial_state.collect::<Result<_, _>>()?;
    request.name = Some(name.clone());
    request.topic = Some((*topic).to_owned());
    Ok(request)
}

//! The port to the homeserver: the requests that the relay makes, and their answers.

use std::{fmt::Debug, time::Duration};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use incoming::answer;
use matrix_sdk::ruma::OwnedRoomId;
use serde_json::Value;

use super::{MatrixError, NewRoom, RoomSetting, RoomState};
use crate::matrix::event::RoomEvent;

/// The place of an event in its room.
#[derive(Clone, Debug)]
pub struct Context {
    /// When it was sent.
    pub at: Option<DateTime<Utc>>,
    /// The position from which the history can be read backwards, beginning after the event.
    pub end: Option<String>,
}

/// A connection to the homeserver as the bot. Each method makes one request once. The relay decides itself when to
/// repeat it, because it also decides what may be repeated.
#[async_trait]
pub trait HomeserverConnection: Debug + Send + Sync {
    /// Makes a room. A repetition makes another one.
    async fn create_room(&self, room: &NewRoom) -> Result<String, MatrixError>;

    /// The rooms that the bot is in.
    async fn joined_rooms(&self) -> Result<Vec<String>, MatrixError>;

    /// The content of the room's `m.room.create`; `None` when the room has none.
    async fn creation(&self, room_id: &str) -> Result<Option<Value>, MatrixError>;

    /// Every state event of the room.
    async fn room_state(&self, room_id: &str) -> Result<RoomState, MatrixError>;

    /// The room's name; `None` when it has none.
    async fn room_name(&self, room_id: &str) -> Result<Option<String>, MatrixError>;

    /// Sets a part of the room's state.
    async fn set_state(&self, room_id: &str, setting: &RoomSetting) -> Result<(), MatrixError>;

    /// Invites one person.
    async fn invite(&self, room_id: &str, user_id: &str) -> Result<(), MatrixError>;

    /// Joins a room to which the account is invited. A repetition changes nothing.
    async fn join(&self, room_id: &str) -> Result<(), MatrixError>;

    /// Removes a person, or takes their invitation back.
    async fn remove(&self, room_id: &str, user_id: &str) -> Result<(), MatrixError>;

    /// A person's membership in a room that the bot is in, by its name in Matrix; `None` when they never had one.
    async fn membership(&self, room_id: &str, user_id: &str)
    -> Result<Option<String>, MatrixError>;

    /// Leaves a room and forgets it.
    async fn leave(&self, room_id: &str) -> Result<(), MatrixError>;

    /// Sends an `m.room.message` and returns its event. A repetition with the same `txn_id` is the same event, for as
    /// long as the homeserver remembers the transaction.
    async fn send_message(
        &self,
        room_id: &str,
        txn_id: &str,
        content: &Value,
    ) -> Result<String, MatrixError>;

    /// Takes the content of an event away. Repeated with the same `txn_id` it is the same redaction, for as long as the
    /// homeserver remembers the transaction.
    async fn redact(&self, room_id: &str, event_id: &str, txn_id: &str) -> Result<(), MatrixError>;

    /// The events since `since`, and the receipts and typing in the `watched` rooms. The answer comes at once when
    /// there are any, and otherwise after `wait`.
    async fn sync(
        &self,
        since: Option<&str>,
        wait: Duration,
        watched: &[OwnedRoomId],
    ) -> Result<answer::Sync, MatrixError>;

    /// The current position, for a sync that ignores everything before it.
    async fn sync_position(&self) -> Result<String, MatrixError>;

    /// One page of the room's history, newest event first, and the position of the next page. Without `from` it begins
    /// with the newest event.
    async fn history(
        &self,
        room_id: &str,
        from: Option<&str>,
        to: Option<&str>,
    ) -> Result<(Vec<RoomEvent>, Option<String>), MatrixError>;

    /// Where an event stands in the room's history.
    async fn context(&self, room_id: &str, event_id: &str) -> Result<Context, MatrixError>;

    /// Whether the user was in the room at this event.
    async fn had_joined(
        &self,
        room_id: &str,
        event_id: &str,
        user_id: &str,
    ) -> Result<bool, MatrixError>;

    /// The newest of the bot's messages before this event in its room.
    async fn sent_before(&self, room_id: &str, event_id: &str) -> Result<Vec<String>, MatrixError>;

    /// Shows the bot as typing in the room, because the visitor is.
    async fn set_typing(&self, room_id: &str) -> Result<(), MatrixError>;

    /// Shows that the bot has read the room up to this event, because the visitor has.
    async fn set_read(&self, room_id: &str, event_id: &str) -> Result<(), MatrixError>;
}

//! The homeserver's client-server API, as far as the relay uses it: matrix-sdk for authentication and
//! transport, without its stores and queues. What must survive is in Postgres.

mod errors;
mod log_in;
mod rooms;
mod signals;

use std::{
    collections::HashMap,
    sync::Mutex as SyncMutex,
    time::{Duration, Instant},
};

use chrono::{DateTime, Utc};
use matrix_sdk::{
    Client, HttpError,
    config::RequestConfig,
    ruma::{
        OwnedEventId, OwnedRoomId, OwnedTransactionId, UInt,
        api::{
            Direction,
            client::{
                context::get_context,
                filter::{FilterDefinition, RoomEventFilter},
                message::{get_message_events, send_message_event},
                sync::sync_events,
            },
        },
        events::MessageLikeEventType,
        serde::Raw,
    },
};
use serde_json::{Value, value::to_raw_value};
use tokio::sync::Mutex;

use incoming::{answer, event::RoomEvent};

pub use errors::MatrixError;
pub(crate) use rooms::Encrypted;

use errors::unreadable;
use rooms::Found;

use super::verbatim::Verbatim;
use crate::{config::Matrix, metrics::Metrics, storage::Db};

/// One request's time, from connecting to the last byte.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// Of a page of history.
const PAGE: u32 = 100;
/// Events about one in a room's history, before and after it together.
const CONTEXT: u32 = 40;

/// Where an event stands in its room.
#[derive(Debug)]
pub(super) struct Context {
    /// When it was sent.
    pub(super) at: Option<DateTime<Utc>>,
    /// From where the history before the end of what follows it can be read.
    pub(super) end: Option<String>,
}

/// The bot at its homeserver. It logs in when it is first needed.
#[derive(Debug)]
pub struct Homeserver {
    config: Matrix,
    pool: Db,
    metrics: Metrics,
    client: Mutex<Option<Client>>,
    /// What `m.room.create` says of rooms that were looked at: it never changes.
    creations: Mutex<HashMap<String, Option<Value>>>,
    /// Which rooms turned out to be encrypted.
    encrypted: SyncMutex<Found>,
}

impl Homeserver {
    /// Not connected yet.
    #[must_use]
    pub fn new(config: Matrix, pool: Db, metrics: Metrics) -> Self {
        Self {
            config,
            pool,
            metrics,
            client: Mutex::new(None),
            creations: Mutex::new(HashMap::new()),
            encrypted: SyncMutex::default(),
        }
    }

    /// Who relays, and for whom.
    #[must_use]
    pub const fn config(&self) -> &Matrix {
        &self.config
    }

    /// Sends a request, counted under its name, and forgets a log-in that turns out to be void, unless
    /// another has taken its place meanwhile.
    async fn checked<T>(
        &self,
        name: &str,
        client: &Client,
        request: impl IntoFuture<Output = Result<T, HttpError>>,
    ) -> Result<T, MatrixError> {
        let asked = Instant::now();
        let result = request.await.map_err(MatrixError::from);
        self.count(name, asked, &result);
        if result.as_ref().is_err_and(MatrixError::is_unauthorized) {
            let mut slot = self.client.lock().await;
            if slot
                .as_ref()
                .is_some_and(|kept| kept.access_token() == client.access_token())
            {
                tracing::warn!("the homeserver no longer accepts the bot's access token");
                *slot = None;
            }
        }
        result
    }

    fn count<T>(&self, name: &str, asked: Instant, result: &Result<T, MatrixError>) {
        let errcode = result.as_ref().err().map(MatrixError::errcode);
        self.metrics
            .homeserver_answered(name, asked.elapsed(), errcode.as_deref());
    }

    /// Sends an `m.room.message`. Repeated with the same `txn_id` it is the same event.
    pub(crate) async fn send_message(
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
        let client = self.client().await?;
        Ok(self
            .checked("send_message", &client, client.send(request))
            .await?
            .event_id
            .into())
    }

    /// What happened since `since`, and in these rooms who reads and types: at once when there is something, else
    /// after `wait`.
    pub(super) async fn sync(
        &self,
        since: Option<&str>,
        wait: Duration,
        watched: &[OwnedRoomId],
    ) -> Result<answer::Sync, MatrixError> {
        // A first sync of all rooms takes its time: Synapse, a minute and more for ten thousand.
        let limit = match since {
            Some(_) => wait + Duration::from_mins(1),
            None => Duration::from_mins(15),
        };
        self.sync_by(Self::sync_filter(watched), since, wait, limit)
            .await
    }

    /// Where to sync from, leaving aside whatever was before.
    pub(super) async fn sync_position(&self) -> Result<String, MatrixError> {
        let (no_rooms, wait) = (FilterDefinition::ignore_all(), Duration::ZERO);
        let answer = self.sync_by(no_rooms, None, wait, REQUEST_TIMEOUT);
        Ok(answer.await?.next_batch)
    }

    async fn sync_by(
        &self,
        filter: FilterDefinition,
        since: Option<&str>,
        wait: Duration,
        limit: Duration,
    ) -> Result<answer::Sync, MatrixError> {
        let mut request = sync_events::v3::Request::new();
        request.filter = Some(sync_events::v3::Filter::FilterDefinition(filter));
        request.since = since.map(str::to_owned);
        request.timeout = Some(wait);
        request.set_presence = matrix_sdk::ruma::presence::PresenceState::Offline;
        let client = self.client().await?;
        let send = client
            .send(Verbatim(request))
            .with_request_config(Some(request_config(limit)));
        let answer = self.checked("sync", &client, send).await?;
        Ok(answer::sync(&answer.0)?)
    }

    /// One page of the room's history, newest first, and where the next one begins. Without `from` it
    /// begins with the newest event.
    pub(crate) async fn history(
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
        let client = self.client().await?;
        let page = self
            .checked("history", &client, client.send(Verbatim(request)))
            .await?;
        let page = answer::history(&page.0)?;
        // A history that goes on where it began would have no end.
        let end = page.end.filter(|end| Some(end.as_str()) != from);
        Ok((page.events, end))
    }

    /// An event and what is about it in the room's history.
    pub(super) async fn context(
        &self,
        room_id: &str,
        event_id: &str,
    ) -> Result<Context, MatrixError> {
        let response = self.around(room_id, event_id, CONTEXT).await?;
        let event = response.event.as_ref().and_then(read);
        Ok(Context {
            at: event.and_then(|event| event.written_at()),
            end: response.end,
        })
    }

    /// Whether the user was in the room for this event.
    pub(super) async fn had_joined(
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

    async fn around(
        &self,
        room_id: &str,
        event_id: &str,
        limit: u32,
    ) -> Result<get_context::v3::Response, MatrixError> {
        let event_id = OwnedEventId::try_from(event_id).map_err(unreadable)?;
        let mut request = get_context::v3::Request::new(parse_room_id(room_id)?, event_id);
        request.limit = UInt::from(limit);
        request.filter.not_types = irrelevant_types();
        let client = self.client().await?;
        self.checked("context", &client, client.send(request)).await
    }

    /// Only what is used. The bot's own events are no news, but left out they would hold the position back:
    /// Synapse then reads them all again at each event of the room, until somebody else says something.
    fn sync_filter(watched: &[OwnedRoomId]) -> FilterDefinition {
        let mut filter = FilterDefinition::ignore_all();
        filter.room.rooms = None;
        // Whatever is not asked for, a homeserver need not gather, for each room that the bot is in.
        filter.room.state = RoomEventFilter::ignore_all();
        filter.room.ephemeral = RoomEventFilter::ignore_all();
        if !watched.is_empty() {
            filter.room.ephemeral.types = Some(["m.receipt", "m.typing"].map(str::to_owned).into());
            filter.room.ephemeral.rooms = Some(watched.to_vec());
        }
        filter.room.account_data = RoomEventFilter::ignore_all();
        filter.room.timeline = RoomEventFilter::default();
        filter.room.timeline.not_types = irrelevant_types();
        filter.room.timeline.limit = Some(UInt::from(PAGE));
        filter
    }
}

/// State that means nothing to the relay. Whatever people send has to come, also of a type that nobody knows: they are told that
/// it is not shown.
fn irrelevant_types() -> Vec<String> {
    [
        "m.room.name",
        "m.room.topic",
        "m.room.avatar",
        "m.room.power_levels",
        "m.room.join_rules",
        "m.room.history_visibility",
        "m.room.guest_access",
        "m.room.canonical_alias",
        "m.room.pinned_events",
        "m.room.server_acl",
        "m.room.third_party_invite",
        "m.space.*",
        "im.vector.modular.widgets",
        "m.widget",
    ]
    .map(str::to_owned)
    .to_vec()
}

/// The relay decides itself when to try again, since it also decides what may be tried again.
fn request_config(timeout: Duration) -> RequestConfig {
    RequestConfig::new().disable_retry().timeout(timeout)
}

fn raw<T>(value: &Value) -> Result<Raw<T>, MatrixError> {
    to_raw_value(value).map(Raw::from_json).map_err(unreadable)
}

fn parse_room_id(room_id: &str) -> Result<OwnedRoomId, MatrixError> {
    OwnedRoomId::try_from(room_id).map_err(unreadable)
}

/// The event, where it is one that follows the specification.
fn read<T>(event: &Raw<T>) -> Option<RoomEvent> {
    RoomEvent::read(event.json())
}

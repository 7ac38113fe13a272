//! The homeserver's client-server API, as far as the relay uses it: matrix-sdk for authentication and
//! transport, without its stores and queues. What must survive is in Postgres.

mod rooms;
mod signals;

use std::{
    borrow::Cow,
    collections::HashMap,
    sync::Mutex as SyncMutex,
    time::{Duration, Instant},
};

use chrono::{DateTime, Utc};
use matrix_sdk::{
    Client, ClientBuildError, HttpError, SessionMeta, SessionTokens,
    authentication::matrix::MatrixSession,
    config::RequestConfig,
    ruma::{
        OwnedEventId, OwnedRoomId, OwnedTransactionId, OwnedUserId, UInt,
        api::{
            Direction, MatrixVersion,
            client::{
                account::whoami,
                context::get_context,
                filter::{FilterDefinition, RoomEventFilter},
                message::{get_message_events, send_message_event},
                sync::sync_events,
            },
            error::{ErrorKind, RetryAfter},
        },
        events::MessageLikeEventType,
        owned_device_id,
        serde::Raw,
    },
    store::RoomLoadSettings,
};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, value::to_raw_value};
use tokio::{sync::Mutex, time};

use incoming::{answer, event::RoomEvent};

pub(super) use rooms::Encrypted;

use rooms::Found;

use super::{seal, verbatim::Verbatim};
use crate::{
    config::{BotCredentials, Matrix},
    metrics::Metrics,
    storage::{Db, bot_log_in, outbox},
};

/// One request's time, from connecting to the last byte.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// A log-in's, during which the other servers wait for the token.
const LOG_IN_TIMEOUT: Duration = Duration::from_secs(12);
/// A homeserver that wants to be left alone for longer is asked again after so long: it may be mistaken.
const LONGEST_RETRY_AFTER: Duration = outbox::LONGEST_DELAY;
/// The device that the bot logs in as, always the same: transaction ids count per device.
const DEVICE_NAME: &str = "matrix-support-chat";
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

/// Why the homeserver did not do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum MatrixError {
    /// It said no, or nothing.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// Anything else that the client library reports.
    #[error(transparent)]
    Client(#[from] Box<matrix_sdk::Error>),
    /// The client could not be set up.
    #[error(transparent)]
    Build(#[from] Box<ClientBuildError>),
    /// The bot could not log in. Whatever the reason, it says nothing about what was to be sent.
    #[error("the bot cannot log in: {0}")]
    LogIn(Box<MatrixError>),
    /// The access token is somebody else's.
    #[error("the access token belongs to {0}, not to the configured bot")]
    NotTheBot(OwnedUserId),
    /// Logging in took longer than the database is to wait for it.
    #[error("the homeserver takes too long over logging in")]
    TooSlow,
    /// The token that the servers share cannot be read or stored.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    /// An id or answer that does not follow the specification.
    #[error("the homeserver's answer cannot be read: {0}")]
    Unreadable(String),
}

impl From<answer::Unreadable> for MatrixError {
    fn from(error: answer::Unreadable) -> Self {
        unreadable(error)
    }
}

impl From<matrix_sdk::Error> for MatrixError {
    fn from(error: matrix_sdk::Error) -> Self {
        match error {
            matrix_sdk::Error::Http(error) => Self::Http(*error),
            error => Self::Client(Box::new(error)),
        }
    }
}

impl MatrixError {
    /// The homeserver's `errcode`, when it gave one.
    #[must_use]
    pub fn kind(&self) -> Option<&ErrorKind> {
        match self {
            Self::Http(error) => error.client_api_error_kind(),
            _ => None,
        }
    }

    /// What the metrics call it: the specification's `errcode`, or why there is none.
    pub(super) fn errcode(&self) -> Cow<'static, str> {
        match (self, self.kind()) {
            (Self::LogIn(error), _) => error.errcode(),
            (Self::TooSlow, _) => "timeout".into(),
            // One that the specification does not know could be anything.
            (_, Some(kind)) if kind.custom_json_data().is_some() => "other".into(),
            (_, Some(kind)) => kind.errcode().to_string().into(),
            (Self::Http(HttpError::Reqwest(error)), _) if error.is_timeout() => "timeout".into(),
            (Self::Http(HttpError::Reqwest(_)), _) => "unreachable".into(),
            _ => "other".into(),
        }
    }

    /// The token is no longer good: logging in again may help, and repeating the request will not.
    #[must_use]
    pub fn is_unauthorized(&self) -> bool {
        matches!(
            self.kind(),
            Some(ErrorKind::UnknownToken(_) | ErrorKind::MissingToken)
        )
    }

    /// How long the homeserver wants to be left alone; for five minutes at most, after which it
    /// is asked whether it still does.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        if let Self::LogIn(error) = self {
            return error.retry_after();
        }
        match self.kind()? {
            ErrorKind::LimitExceeded(limit) => match limit.retry_after.as_ref()? {
                RetryAfter::Delay(delay) => Some((*delay).min(LONGEST_RETRY_AFTER)),
                RetryAfter::DateTime(_) => None,
            },
            _ => None,
        }
    }

    /// Whether the homeserver may still be at work on the request: it had it, or may have had it, and
    /// did not answer, or something in between answered for it.
    #[must_use]
    pub fn is_unanswered(&self) -> bool {
        match self {
            Self::Http(HttpError::Reqwest(error)) => !error.is_connect(),
            Self::Http(error) => error
                .as_client_api_error()
                .is_none_or(|answer| answer.status_code.is_server_error()),
            Self::Client(_)
            | Self::Build(_)
            | Self::LogIn(_)
            | Self::NotTheBot(_)
            | Self::TooSlow
            | Self::Database(_)
            | Self::Unreadable(_) => false,
        }
    }

    /// Whether an error that a request about one room met says something about all of them: then there is
    /// no use in asking about another.
    #[must_use]
    pub fn concerns_all_rooms(&self) -> bool {
        match self {
            Self::Http(HttpError::Reqwest(error)) => error.is_connect(),
            Self::Http(_) => {
                self.is_unauthorized() || matches!(self.kind(), Some(ErrorKind::LimitExceeded(_)))
            }
            Self::Unreadable(_) => false,
            Self::Client(_)
            | Self::Build(_)
            | Self::LogIn(_)
            | Self::NotTheBot(_)
            | Self::TooSlow
            | Self::Database(_) => true,
        }
    }

    /// Whether it was the request that was at fault, as a whole: another one may be answered.
    pub(super) fn is_fault_of_request(&self) -> bool {
        let Self::Http(error) = self else {
            return false;
        };
        let status = error
            .as_client_api_error()
            .map(|it| it.status_code.as_u16());
        matches!(status, Some(400 | 404 | 405 | 413 | 414 | 422 | 431))
    }

    /// Whether the same request will always be refused in the same room. When in doubt it will not: a
    /// promise was made.
    #[must_use]
    pub fn is_final(&self) -> bool {
        matches!(
            self.kind(),
            Some(
                ErrorKind::Forbidden
                    | ErrorKind::TooLarge
                    | ErrorKind::BadJson
                    | ErrorKind::NotJson
                    | ErrorKind::InvalidParam
                    | ErrorKind::NotFound
            )
        )
    }
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

    /// The client, logged in.
    async fn client(&self) -> Result<Client, MatrixError> {
        // Held while logging in, so that several tasks need one log-in.
        let mut slot = self.client.lock().await;
        if let Some(client) = &*slot {
            return Ok(client.clone());
        }
        let asked = Instant::now();
        let result = self.log_in().await;
        self.count("log_in", asked, &result);
        let client = result.map_err(|error| MatrixError::LogIn(Box::new(error)))?;
        *slot = Some(client.clone());
        Ok(client)
    }

    async fn log_in(&self) -> Result<Client, MatrixError> {
        let client = match &self.config.credentials {
            BotCredentials::Password(password) => {
                time::timeout(LOG_IN_TIMEOUT, self.share_log_in(password))
                    .await
                    .map_err(|_| MatrixError::TooSlow)??
            }
            BotCredentials::AccessToken(token) => self.use_token(token).await?,
        };
        tracing::info!(bot = %self.config.bot, "connected to the homeserver");
        Ok(client)
    }

    /// Goes on with the log-in of another server; without one, logs in with the password. A log-in
    /// ends the one before on the same device, so one must do for all.
    async fn share_log_in(&self, password: &SecretString) -> Result<Client, MatrixError> {
        let bot = self.config.bot.as_str();
        let mut tx = self.pool.begin().await?;
        if let Some(sealed) = bot_log_in::lock(&mut tx, bot).await?
            && let Some(token) = seal::open(&sealed, password, bot)
        {
            match self.use_token(&token).await {
                Err(error) if error.is_unauthorized() => {}
                result => return result,
            }
        }
        let client = self.build_client().await?;
        client
            .matrix_auth()
            .login_username(&self.config.bot, password.expose_secret())
            .device_id(DEVICE_NAME)
            .initial_device_display_name(DEVICE_NAME)
            .send()
            .await?;
        let sealed = client
            .access_token()
            .and_then(|token| seal::seal(&token, password, bot));
        if let Some(sealed) = sealed {
            bot_log_in::store(&mut tx, bot, &sealed).await?;
        }
        tx.commit().await?;
        Ok(client)
    }

    /// Goes on with a token, if it is good, and the bot's.
    async fn use_token(&self, token: &SecretString) -> Result<Client, MatrixError> {
        let client = self.build_client().await?;
        let session = MatrixSession {
            meta: SessionMeta {
                user_id: self.config.bot.clone(),
                // Only end-to-end encryption would use it.
                device_id: owned_device_id!("UNUSED"),
            },
            tokens: SessionTokens {
                access_token: token.expose_secret().to_owned(),
                refresh_token: None,
            },
        };
        client
            .matrix_auth()
            .restore_session(session, RoomLoadSettings::default())
            .await?;
        let whoami = client.send(whoami::v3::Request::new()).await?;
        if whoami.user_id != self.config.bot {
            return Err(MatrixError::NotTheBot(whoami.user_id));
        }
        if whoami.device_id.is_none() {
            tracing::warn!(
                "the access token belongs to no device: the homeserver remembers its transactions \
                 only until it restarts, so use a token from a log-in"
            );
        }
        Ok(client)
    }

    async fn build_client(&self) -> Result<Client, MatrixError> {
        let client = Client::builder()
            .homeserver_url(&self.config.homeserver_url)
            // Said here, so that no request is spent on asking.
            .server_versions([MatrixVersion::V1_1, MatrixVersion::V1_11])
            // The configured address counts, not the public one that a log-in is answered with.
            .respect_login_well_known(false)
            .request_config(request_config(REQUEST_TIMEOUT))
            .build()
            .await
            .map_err(Box::new)?;
        Ok(client)
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
    pub(super) async fn send_message(
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
    pub(super) async fn history(
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

fn unreadable(error: impl std::fmt::Display) -> MatrixError {
    MatrixError::Unreadable(error.to_string())
}

/// The event, where it is one that follows the specification.
fn read<T>(event: &Raw<T>) -> Option<RoomEvent> {
    RoomEvent::read(event.json())
}

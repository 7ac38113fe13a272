//! The connection over HTTP: matrix-sdk for authentication and transport, without its stores and queues. Everything
//! that must survive is in Postgres.

mod events;
mod log_in;
mod requests;
mod verbatim;

use std::time::{Duration, Instant};

use matrix_sdk::{
    Client, HttpError,
    config::RequestConfig,
    ruma::{OwnedEventId, OwnedRoomId, OwnedUserId, serde::Raw},
};
use serde_json::{Value, value::to_raw_value};
use tokio::sync::Mutex;

use super::error::{MatrixError, unreadable};
use crate::{config::Matrix, metrics::Metrics, storage::Db};

/// How long one request may take, from connecting to the last byte.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// The bot's connection. It logs in when it makes its first request.
#[derive(Debug)]
pub(super) struct SdkConnection {
    config: Matrix,
    pool: Db,
    metrics: Metrics,
    client: Mutex<Option<Client>>,
}

impl SdkConnection {
    pub(super) fn new(config: Matrix, pool: Db, metrics: Metrics) -> Self {
        Self {
            config,
            pool,
            metrics,
            client: Mutex::new(None),
        }
    }

    /// Logs in if necessary, and makes a request that the metrics count under this name.
    async fn ask<T, Sent>(
        &self,
        name: &str,
        send: impl FnOnce(&Client) -> Sent,
    ) -> Result<T, MatrixError>
    where
        Sent: IntoFuture<Output = Result<T, HttpError>>,
    {
        let client = self.client().await?;
        let asked = Instant::now();
        let result = send(&client).await.map_err(MatrixError::from);
        self.count(name, asked, &result);
        if result.as_ref().is_err_and(MatrixError::is_unauthorized) {
            self.forget(&client).await;
        }
        result
    }

    /// Forgets a login that is no longer valid, unless another one has replaced it meanwhile.
    async fn forget(&self, void: &Client) {
        let mut slot = self.client.lock().await;
        if slot
            .as_ref()
            .is_some_and(|kept| kept.access_token() == void.access_token())
        {
            tracing::warn!("the homeserver no longer accepts the bot's access token");
            *slot = None;
        }
    }

    fn count<T>(&self, name: &str, asked: Instant, result: &Result<T, MatrixError>) {
        let errcode = result.as_ref().err().map(MatrixError::errcode);
        self.metrics
            .homeserver_answered(name, asked.elapsed(), errcode.as_deref());
    }
}

/// The relay decides itself when to try again, because it also decides what may be tried again.
fn request_config(timeout: Duration) -> RequestConfig {
    RequestConfig::new().disable_retry().timeout(timeout)
}

fn raw<T>(value: &Value) -> Result<Raw<T>, MatrixError> {
    to_raw_value(value).map(Raw::from_json).map_err(unreadable)
}

fn parse_room_id(room_id: &str) -> Result<OwnedRoomId, MatrixError> {
    OwnedRoomId::try_from(room_id).map_err(unreadable)
}

fn parse_user_id(user_id: &str) -> Result<OwnedUserId, MatrixError> {
    OwnedUserId::try_from(user_id).map_err(unreadable)
}

fn parse_event_id(event_id: &str) -> Result<OwnedEventId, MatrixError> {
    OwnedEventId::try_from(event_id).map_err(unreadable)
}

//! The homeserver as the relay sees it. [`HomeserverConnection`] is the port, with typed requests and answers:
//! [`client`] implements it over HTTP, and a fake in memory implements it for tests.

mod client;
mod connection;
mod encryption;
mod error;
#[cfg(test)]
pub(crate) mod fake;
mod room_settings;
mod room_state;

use std::{collections::HashMap, ops::Deref};

use tokio::sync::Mutex;

use crate::{config::Matrix, metrics::Metrics, staff_texts::RoomTexts, storage::Db};

use client::SdkConnection;
use encryption::Findings;

pub use connection::{Context, HomeserverConnection};
pub use encryption::Encrypted;
pub use error::{MatrixError, Silence};
pub use room_settings::{NewRoom, PowerLevels, Preset, RoomMarker, RoomSetting};
pub use room_state::RoomState;

pub(crate) use room_settings::SESSION_MARKER;

/// The homeserver, with what the relay has learnt about it. It has all requests of the connection.
#[derive(Debug)]
pub struct Homeserver {
    config: Matrix,
    connection: Box<dyn HomeserverConnection>,
    /// The markers of rooms that were looked up. They never change.
    markers: Mutex<HashMap<String, Option<RoomMarker>>>,
    findings: Findings,
}

impl Deref for Homeserver {
    type Target = dyn HomeserverConnection;

    fn deref(&self) -> &Self::Target {
        &*self.connection
    }
}

impl Homeserver {
    /// The homeserver at the configured address. The bot logs in when it makes its first request.
    #[must_use]
    pub fn new(config: Matrix, pool: Db, metrics: Metrics) -> Self {
        let connection = SdkConnection::new(config.clone(), pool, metrics);
        Self::with_connection(config, Box::new(connection))
    }

    pub(crate) fn with_connection(
        config: Matrix,
        connection: Box<dyn HomeserverConnection>,
    ) -> Self {
        Self {
            config,
            connection,
            markers: Mutex::default(),
            findings: Findings::default(),
        }
    }

    /// The bot, and the staff.
    #[must_use]
    pub const fn config(&self) -> &Matrix {
        &self.config
    }

    /// The notices for conversations' rooms, in the language of the staff.
    pub(crate) const fn room_texts(&self) -> &'static RoomTexts {
        RoomTexts::of(self.config.answers.language)
    }

    /// What the room is for, if it is one of the bot's.
    pub(crate) async fn marker(&self, room_id: &str) -> Result<Option<RoomMarker>, MatrixError> {
        if let Some(known) = self.markers.lock().await.get(room_id) {
            return Ok(*known);
        }
        let creation = self.creation(room_id).await?;
        let marker = creation.as_ref().and_then(RoomMarker::read);
        self.markers.lock().await.insert(room_id.to_owned(), marker);
        Ok(marker)
    }

    /// The rooms that this homeserver is known to encrypt.
    pub(crate) fn rooms_are_encrypted(&self) -> Encrypted {
        self.findings.encrypted()
    }

    /// Records that a room is encrypted although it was `made_for` a homeserver that encrypts such rooms. Returns what
    /// is known now.
    pub(crate) fn found_encrypted(&self, made_for: Encrypted) -> Encrypted {
        self.findings.add(made_for)
    }
}

//! What a restore from a backup has taken from rooms, or from the database. [`crate::recover`] goes through all
//! conversations.

mod database;
mod rooms;

use std::{collections::HashSet, sync::Arc};

use matrix_sdk::ruma::api::error::ErrorKind;
use uuid::Uuid;

use super::{
    Failure,
    homeserver::{Homeserver, RoomState},
    rules::Rules,
};
use crate::{
    config::Config,
    storage::{
        Connection, Db, recovery,
        sessions::{self, Session},
        staff_members::{self, Membership},
    },
};

/// What was done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Done {
    /// Rooms that were gone, and are made again.
    pub(crate) new_rooms: u64,
    /// Messages that were delivered, and are sent again because their room lacks them.
    pub(crate) sent_again: u64,
    /// Texts of visitors that rooms had and the database did not.
    pub(crate) read_back: u64,
    /// Rooms of conversations that the database does not know.
    pub(crate) unknown: u64,
}

impl Done {
    pub(crate) const fn add(&mut self, other: Self) {
        self.new_rooms += other.new_rooms;
        self.sent_again += other.sent_again;
        self.read_back += other.read_back;
        self.unknown += other.unknown;
    }
}

/// Compares rooms with the database.
#[derive(Debug)]
pub(crate) struct Recovery {
    db: Db,
    homeserver: Arc<Homeserver>,
    rules: Rules,
    /// The rooms that the bot is in.
    joined: HashSet<String>,
}

impl Recovery {
    pub(crate) async fn new(
        db: Db,
        homeserver: Arc<Homeserver>,
        config: &Config,
    ) -> Result<Self, Failure> {
        let joined = homeserver.joined_rooms().await?.into_iter().collect();
        Ok(Self {
            db,
            homeserver,
            rules: Rules::new(config),
            joined,
        })
    }

    async fn lock(
        &self,
        db: &mut Connection,
        session_id: Uuid,
    ) -> Result<Option<Session>, sqlx::Error> {
        sessions::lock(db, session_id, self.rules.session_ttl).await
    }

    /// Whether the room has this event.
    async fn has(&self, room_id: &str, event_id: &str) -> Result<bool, Failure> {
        if !self.joined.contains(room_id) {
            return Ok(false);
        }
        match self.homeserver.context(room_id, event_id).await {
            Ok(_) => Ok(true),
            Err(error)
                if matches!(
                    error.kind(),
                    Some(ErrorKind::NotFound | ErrorKind::Forbidden)
                ) =>
            {
                Ok(false)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Records who is in the room. Whoever was invited and is not any more is invited again.
    async fn record_people(
        &self,
        db: &mut Connection,
        session_id: Uuid,
        state: &RoomState,
    ) -> Result<(), sqlx::Error> {
        let people = recovery::people(&mut *db, session_id).await?;
        let members: Vec<_> = people
            .iter()
            .map(|id| {
                let membership = state.membership(id).unwrap_or(Membership::Wanted);
                (id.as_str(), membership)
            })
            .collect();
        staff_members::begin(db, session_id, &members).await
    }
}

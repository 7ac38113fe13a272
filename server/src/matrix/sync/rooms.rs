//! Finds the owners of the rooms in a sync, and reads what the sync has left out.

use std::collections::HashMap;

use incoming::{
    answer::RoomNews,
    event::{CREATION, RoomEvent},
};
use tokio::time::Instant;
use uuid::Uuid;

use super::{Failure, Owner, Syncer, within};
use crate::{
    matrix::{
        homeserver::RoomMarker,
        room,
        room_batch::{FIRST_COME, Obstacle, RoomBatch},
    },
    storage::session_rooms,
};

impl Syncer {
    /// A room's news; `None` when it is not the bot's.
    pub(super) async fn batch(
        &self,
        room: RoomNews,
        owner: Option<Owner>,
        is_waiting: bool,
        from: Option<&str>,
        until: Instant,
    ) -> Result<Option<RoomBatch>, Failure> {
        let is_unknown = owner.is_none();
        let (session_id, desk) = match owner {
            Some(Owner::Session(session_id)) => (Some(session_id), None),
            Some(Owner::Desk(desk)) => (None, Some(desk)),
            None => (None, None),
        };
        let mut batch = RoomBatch {
            session_id,
            desk,
            obstacle: None,
            room_id: room.room_id,
            events: room.events,
        };
        // A room that is set aside is read when its turn comes.
        let reason = if is_waiting && (is_unknown || room.gap_from.is_some()) {
            FIRST_COME.to_owned()
        } else {
            match within(
                until,
                self.complete(&mut batch, room.gap_from.as_deref(), from),
            )
            .await?
            {
                Ok(is_ours) => return Ok(is_ours.then_some(batch)),
                Err(reason) => reason,
            }
        };
        batch.obstacle = Some(Obstacle {
            reason,
            gap_from: room.gap_from,
        });
        Ok(Some(batch))
    }

    /// Finds out whose room it is, and reads what the sync has left out; `false` when it is not the bot's.
    async fn complete(
        &self,
        batch: &mut RoomBatch,
        gap_from: Option<&str>,
        from: Option<&str>,
    ) -> Result<bool, Failure> {
        if batch.desk.is_none() {
            if batch.session_id.is_none() {
                batch.session_id = self.look_up(&batch.room_id, &batch.events).await?;
            }
            if batch.session_id.is_none() {
                return Ok(false);
            }
        }
        if let Some(gap_from) = gap_from {
            let mut missed = self.history(&batch.room_id, gap_from, from).await?;
            missed.append(&mut batch.events);
            batch.events = missed;
        }
        Ok(true)
    }

    /// The sessions of these rooms that are recorded.
    pub(super) async fn known_sessions(
        &self,
        rooms: &[String],
    ) -> Result<HashMap<String, Uuid>, Failure> {
        let mut sessions = HashMap::new();
        let mut unknown = Vec::new();
        for room_id in rooms {
            match self.sessions.get(room_id) {
                Some(session_id) => drop(sessions.insert(room_id.clone(), session_id)),
                None => unknown.push(room_id.clone()),
            }
        }
        if unknown.is_empty() {
            return Ok(sessions);
        }
        for (room_id, session_id) in session_rooms::of_rooms(&self.pool, &unknown).await? {
            self.sessions.insert(room_id.clone(), session_id);
            sessions.insert(room_id, session_id);
        }
        Ok(sessions)
    }

    /// The session of the room, if it is one of the bot's.
    pub(super) async fn find_session(&self, room_id: &str) -> Result<Option<Uuid>, Failure> {
        let room_id = room_id.to_owned();
        let known = self.known_sessions(std::slice::from_ref(&room_id)).await?;
        match known.get(&room_id) {
            Some(session_id) => Ok(Some(*session_id)),
            None => self.look_up(&room_id, &[]).await,
        }
    }

    /// A room that Postgres does not know may have been made by an attempt that died before it could record the room.
    /// Its marker tells.
    async fn look_up(&self, room_id: &str, news: &[RoomEvent]) -> Result<Option<Uuid>, Failure> {
        // A new room's first event is in the sync.
        let creation = news.iter().find(|event| event.event_type == CREATION);
        let marked = match creation {
            Some(creation) => RoomMarker::read(&creation.content).and_then(RoomMarker::session_id),
            None => room::session_of(&self.homeserver, room_id).await?,
        };
        let Some(session_id) = marked else {
            return Ok(None);
        };
        let room_of_session = session_rooms::set_room(&self.pool, session_id, room_id).await?;
        Ok(room_of_session
            .filter(|its| its == room_id)
            .map(|_| session_id))
    }
}

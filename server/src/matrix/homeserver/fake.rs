//! A homeserver in memory, for tests. It implements the parts of a homeserver that the relay depends on: transactions,
//! which it may forget; memberships; power levels; history in pages. A test decides the [`Fate`] of each request:
//! whether it is delayed, refused, lost, or carried out without an answer.
//!
//! It answers the requests on a message's way out. It has no sync, because the way in is tested on a real homeserver.

mod fate;
mod world;

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use incoming::answer;
use matrix_sdk::ruma::{OwnedRoomId, api::error::ErrorKind};
use serde_json::Value;
use tokio::{
    sync::oneshot,
    time::{self, Instant},
};

use super::{
    Context, HomeserverConnection, MatrixError, NewRoom, RoomMarker, RoomSetting, RoomState,
    Silence,
};
use crate::matrix::event::RoomEvent;

use fate::silence;
use world::World;

pub(crate) use fate::{Call, Fate, refusal};
pub(crate) use world::Encrypts;

/// The same as in [`super::client`].
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
const CREATE_ROOM_TIMEOUT: Duration = Duration::from_secs(45);

type Decide = Box<dyn FnMut(&Call) -> Fate + Send>;

/// The homeserver. Cheap to clone; clones are the same one.
#[derive(Clone)]
pub(crate) struct FakeHomeserver {
    world: Arc<Mutex<World>>,
    decide: Arc<Mutex<Decide>>,
    calls: Arc<Mutex<Vec<Call>>>,
    began: Instant,
}

impl fmt::Debug for FakeHomeserver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FakeHomeserver").finish_non_exhaustive()
    }
}

impl FakeHomeserver {
    /// A homeserver without rooms that carries out every request.
    pub(crate) fn new(bot: &str) -> Self {
        Self {
            world: Arc::new(Mutex::new(World::new(bot))),
            decide: Arc::new(Mutex::new(Box::new(|_| Fate::PROMPT))),
            calls: Arc::default(),
            began: Instant::now(),
        }
    }

    fn world(&self) -> MutexGuard<'_, World> {
        let mut world = lock(&self.world);
        world.now = i64::try_from(self.began.elapsed().as_millis()).unwrap_or(i64::MAX);
        world
    }

    /// Decides the fate of requests from now on.
    pub(crate) fn decide(&self, decide: impl FnMut(&Call) -> Fate + Send + 'static) {
        *lock(&self.decide) = Box::new(decide);
    }

    /// The requests with this name so far.
    pub(crate) fn calls(&self, name: &str) -> Vec<Call> {
        let calls = lock(&self.calls);
        let named = calls.iter().filter(|call| call.name == name);
        named.cloned().collect()
    }

    /// Makes the homeserver encrypt rooms from now on.
    pub(crate) fn encrypt(&self, rooms: Encrypts) {
        self.world().encrypts = rooms;
    }

    /// The homeserver restarts: requests that are under way fail, and it forgets its transactions.
    pub(crate) fn restart(&self) {
        self.world().restart();
    }

    /// Changes a person's membership of a room.
    pub(crate) fn set_membership(&self, room_id: &str, user_id: &str, membership: &str) {
        self.world().set_membership(room_id, user_id, membership);
    }

    /// Gives a room a name.
    pub(crate) fn rename(&self, room_id: &str, name: &str) {
        let name = RoomSetting::Name(name.to_owned());
        let _ = self.world().set_state(room_id, &name);
    }

    /// Removes the bot from a room.
    pub(crate) fn put_bot_out(&self, room_id: &str) {
        let bot = self.world().bot.clone();
        self.set_membership(room_id, &bot, "leave");
    }

    /// A person's membership of a room that the bot is in.
    pub(crate) fn membership_of(&self, room_id: &str, user_id: &str) -> Option<String> {
        self.world().membership(room_id, user_id).ok().flatten()
    }

    /// The rooms that were made with this marker, oldest first.
    pub(crate) fn rooms_of(&self, marker: RoomMarker) -> Vec<String> {
        let world = self.world();
        let mut rooms = world.all_rooms();
        rooms.retain(|room_id| {
            world.creation_of_any(room_id).and_then(RoomMarker::read) == Some(marker)
        });
        rooms
    }

    /// The rooms that the bot is in.
    pub(crate) fn rooms_of_bot(&self) -> Vec<String> {
        self.world().joined_rooms()
    }

    /// Everything that was ever sent to a room, oldest first.
    pub(crate) fn timeline(&self, room_id: &str) -> Vec<RoomEvent> {
        self.world().timeline(room_id).to_vec()
    }

    /// The bodies of the room's messages of a type, oldest first.
    pub(crate) fn bodies(&self, room_id: &str, msgtype: &str) -> Vec<String> {
        let timeline = self.timeline(room_id);
        let messages = timeline
            .iter()
            .filter(|event| event.str_at("/msgtype") == Some(msgtype));
        let bodies = messages.filter_map(|event| event.str_at("/body"));
        bodies.map(str::to_owned).collect()
    }

    /// Makes a request that the homeserver continues with even if the caller is gone.
    async fn request<T: Send + 'static>(
        &self,
        (name, room_id, about): (&'static str, &str, &str),
        limit: Duration,
        carry_out: impl FnOnce(&mut World) -> Result<T, MatrixError> + Send + 'static,
    ) -> Result<T, MatrixError> {
        let call = Call {
            name,
            room_id: room_id.to_owned(),
            about: about.to_owned(),
        };
        let fate = (lock(&self.decide))(&call);
        lock(&self.calls).push(call);
        let (each_way, is_answered) = match fate {
            Fate::Answered { each_way } => (each_way, true),
            Fate::AnswerLost { after } => (after, false),
            Fate::Refused(error) => return Err(error),
            Fate::Unreachable => return Err(silence(Silence::NotConnected)),
            Fate::RequestLost => {
                time::sleep(Duration::from_millis(1)).await;
                return Err(silence(Silence::Broken));
            }
        };
        let (answer, answered) = oneshot::channel();
        let homeserver = self.clone();
        let asked_since_start = self.world().starts;
        tokio::spawn(async move {
            time::sleep(each_way).await;
            if homeserver.world().starts != asked_since_start {
                return;
            }
            let result = carry_out(&mut homeserver.world());
            if is_answered {
                time::sleep(each_way).await;
                let _ = answer.send(result);
            } else {
                // The connection stays open without an answer.
                time::sleep(limit).await;
            }
        });
        match time::timeout(limit, answered).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(silence(Silence::Broken)),
            Err(_) => Err(silence(Silence::TimedOut)),
        }
    }

    async fn ask<T: Send + 'static>(
        &self,
        call: (&'static str, &str, &str),
        carry_out: impl FnOnce(&mut World) -> Result<T, MatrixError> + Send + 'static,
    ) -> Result<T, MatrixError> {
        self.request(call, REQUEST_TIMEOUT, carry_out).await
    }
}

#[async_trait]
impl HomeserverConnection for FakeHomeserver {
    async fn create_room(&self, room: &NewRoom) -> Result<String, MatrixError> {
        let room = room.clone();
        let create = move |world: &mut World| Ok(world.create_room(&room));
        self.request(("create_room", "", ""), CREATE_ROOM_TIMEOUT, create)
            .await
    }

    async fn joined_rooms(&self) -> Result<Vec<String>, MatrixError> {
        self.ask(("joined_rooms", "", ""), |world| Ok(world.joined_rooms()))
            .await
    }

    async fn creation(&self, room_id: &str) -> Result<Option<Value>, MatrixError> {
        let room = room_id.to_owned();
        self.ask(("creation", room_id, ""), move |world| {
            world.creation(&room)
        })
        .await
    }

    async fn room_state(&self, room_id: &str) -> Result<RoomState, MatrixError> {
        let room = room_id.to_owned();
        self.ask(("room_state", room_id, ""), move |world| {
            world.room_state(&room)
        })
        .await
    }

    async fn room_name(&self, room_id: &str) -> Result<Option<String>, MatrixError> {
        let room = room_id.to_owned();
        self.ask(("room_name", room_id, ""), move |world| {
            world.room_name(&room)
        })
        .await
    }

    async fn set_state(&self, room_id: &str, setting: &RoomSetting) -> Result<(), MatrixError> {
        let (room, wanted) = (room_id.to_owned(), setting.clone());
        self.ask(("set_state", room_id, setting.event_type()), move |world| {
            world.set_state(&room, &wanted)
        })
        .await
    }

    async fn invite(&self, room_id: &str, user_id: &str) -> Result<(), MatrixError> {
        let (room, user) = (room_id.to_owned(), user_id.to_owned());
        self.ask(("invite", room_id, user_id), move |world| {
            world.invite(&room, &user)
        })
        .await
    }

    async fn join(&self, room_id: &str) -> Result<(), MatrixError> {
        let room = room_id.to_owned();
        self.ask(("join", room_id, ""), move |world| world.join(&room))
            .await
    }

    async fn remove(&self, room_id: &str, user_id: &str) -> Result<(), MatrixError> {
        let (room, user) = (room_id.to_owned(), user_id.to_owned());
        self.ask(("remove", room_id, user_id), move |world| {
            world.remove(&room, &user)
        })
        .await
    }

    async fn membership(
        &self,
        room_id: &str,
        user_id: &str,
    ) -> Result<Option<String>, MatrixError> {
        let (room, user) = (room_id.to_owned(), user_id.to_owned());
        self.ask(("membership", room_id, user_id), move |world| {
            world.membership(&room, &user)
        })
        .await
    }

    async fn leave(&self, room_id: &str) -> Result<(), MatrixError> {
        let room = room_id.to_owned();
        self.ask(("leave", room_id, ""), move |world| world.leave(&room))
            .await
    }

    async fn send_message(
        &self,
        room_id: &str,
        txn_id: &str,
        content: &Value,
    ) -> Result<String, MatrixError> {
        let (room, txn, content) = (room_id.to_owned(), txn_id.to_owned(), content.clone());
        self.ask(("send_message", room_id, txn_id), move |world| {
            world.send(&room, &txn, &content)
        })
        .await
    }

    async fn redact(&self, room_id: &str, event_id: &str, txn_id: &str) -> Result<(), MatrixError> {
        let (room, event) = (room_id.to_owned(), event_id.to_owned());
        self.ask(("redact", room_id, txn_id), move |world| {
            world.redact(&room, &event)
        })
        .await
    }

    async fn sync(
        &self,
        _since: Option<&str>,
        _wait: Duration,
        _watched: &[OwnedRoomId],
    ) -> Result<answer::Sync, MatrixError> {
        Err(refusal(404, ErrorKind::Unrecognized))
    }

    async fn sync_position(&self) -> Result<String, MatrixError> {
        Err(refusal(404, ErrorKind::Unrecognized))
    }

    async fn history(
        &self,
        room_id: &str,
        from: Option<&str>,
        _to: Option<&str>,
    ) -> Result<(Vec<RoomEvent>, Option<String>), MatrixError> {
        let (room, from) = (room_id.to_owned(), from.map(str::to_owned));
        self.ask(("history", room_id, ""), move |world| {
            world.history(&room, from.as_deref())
        })
        .await
    }

    async fn context(&self, room_id: &str, event_id: &str) -> Result<Context, MatrixError> {
        let (room, event) = (room_id.to_owned(), event_id.to_owned());
        self.ask(("context", room_id, event_id), move |world| {
            let (timeline, place) = world.place(&room, &event)?;
            Ok(Context {
                at: timeline[place].written_at(),
                end: Some(timeline.len().to_string()),
            })
        })
        .await
    }

    async fn had_joined(
        &self,
        room_id: &str,
        event_id: &str,
        user_id: &str,
    ) -> Result<bool, MatrixError> {
        let (room, event) = (room_id.to_owned(), event_id.to_owned());
        let user = user_id.to_owned();
        self.ask(("had_joined", room_id, event_id), move |world| {
            let (timeline, place) = world.place(&room, &event)?;
            let mut before = timeline[..=place].iter().rev();
            let last = before.find(|event| {
                event.event_type == "m.room.member" && event.state_key.as_deref() == Some(&user)
            });
            Ok(last.is_some_and(|event| event.str_at("/membership") == Some("join")))
        })
        .await
    }

    async fn sent_before(&self, room_id: &str, event_id: &str) -> Result<Vec<String>, MatrixError> {
        let (room, event) = (room_id.to_owned(), event_id.to_owned());
        self.ask(("sent_before", room_id, event_id), move |world| {
            let bot = world.bot.clone();
            let (timeline, place) = world.place(&room, &event)?;
            let own = timeline[..place]
                .iter()
                .rev()
                .filter(|event| event.sender == bot && event.event_type == "m.room.message");
            Ok(own.map(|event| event.event_id.clone()).collect())
        })
        .await
    }

    async fn set_typing(&self, room_id: &str) -> Result<(), MatrixError> {
        self.ask(("set_typing", room_id, ""), |_| Ok(())).await
    }

    async fn set_read(&self, room_id: &str, event_id: &str) -> Result<(), MatrixError> {
        self.ask(("set_read", room_id, event_id), |_| Ok(())).await
    }
}

fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

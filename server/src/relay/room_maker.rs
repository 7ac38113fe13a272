//! The room maker: makes a session's room, finds the one that an earlier attempt made, and gets another one when a room
//! is lost. [`when_to_ask`](super::when_to_ask) decides whether the homeserver may be asked; [`crate::matrix`] asks it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;
use uuid::Uuid;

use super::{
    queue::{Claim, Replaced},
    store::Store,
    when_to_ask::{Decision, Known, SLOW_CREATE_ROOM_SETTLES},
};
use crate::{
    clock::Ambient,
    matrix::{
        Failure, Homeserver,
        homeserver::Encrypted,
        inviter::Inviter,
        room::{self, Checked, Members},
        room_name,
    },
    metrics::Metrics,
    storage::{
        RoomAsked,
        staff_members::{Membership, Wanted},
    },
};

/// When a task is tried again whose room is archived. The bot is usually back within a second.
const RETURN: Duration = Duration::from_secs(2);

/// Makes rooms. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct RoomMaker {
    store: Arc<dyn Store>,
    homeserver: Arc<Homeserver>,
    metrics: Metrics,
    inviter: Inviter,
    ambient: Ambient,
    /// When this process has asked for a room for a task without an answer, by a clock that nobody sets.
    asked: Arc<Mutex<HashMap<Uuid, Instant>>>,
}

impl RoomMaker {
    pub(super) fn new(
        store: Arc<dyn Store>,
        homeserver: Arc<Homeserver>,
        metrics: Metrics,
        inviter: Inviter,
        ambient: Ambient,
    ) -> Self {
        Self {
            store,
            homeserver,
            metrics,
            inviter,
            ambient,
            asked: Arc::default(),
        }
    }

    /// Makes the session's room, or finds the one that an earlier attempt has made; and invites the staff.
    pub(super) async fn create_room(&self, claim: &Claim) -> Result<(), Failure> {
        let session_id = claim.subject.id;
        let (room_id, members) = self.room(claim).await?;
        let own = self.store.set_room(session_id, &room_id).await?;
        if own.as_deref() != Some(&room_id) {
            // Another attempt was faster. Nobody has been invited to this room yet.
            self.homeserver.leave(&room_id).await?;
            return own.map(|_| ()).ok_or(Failure::NoRoom);
        }
        let known: Vec<_> = members.iter().map(|(id, is)| (id.as_str(), *is)).collect();
        self.store.begin_staff(session_id, &known).await?;
        let wanted = members
            .into_iter()
            .filter(|(_, is)| *is == Membership::Wanted);
        let wanted = wanted.map(|(user_id, _)| Wanted {
            session_id,
            room_id: room_id.clone(),
            user_id: user_id.into(),
            attempts: 0,
        });
        self.inviter.invite(wanted.collect()).await?;
        tracing::info!(%session_id, room_id, "room ready");
        Ok(())
    }

    /// A room with the right settings, and the membership of each person who belongs in it.
    async fn room(&self, claim: &Claim) -> Result<(String, Members), Failure> {
        let subject = &claim.subject;
        let name = room_name::of(&self.store.naming(subject.id).await?);
        let staff = self.inviter.staff().await?;
        let looked = Instant::now();
        let mut existing = match &subject.room_id {
            Some(room_id) => Some(room_id.clone()),
            None if claim.attempts > 1 => self.find_room(subject.id).await?,
            None => None,
        };
        let mut asked = claim.room_asked;
        loop {
            let (room_id, made_for) = match existing.take() {
                Some(room_id) => (room_id, Encrypted::Never),
                None => self.ask_for_room(claim, &name, asked, looked).await?,
            };
            match room::complete(&self.homeserver, &room_id, subject, &name, &staff).await? {
                Checked::Ready(members) => return Ok((room_id, members)),
                Checked::Encrypted => self.leave_encrypted(claim, &room_id, made_for).await?,
            }
            asked = None;
        }
    }

    /// Asks the homeserver for a room, unless it may be making one already. It also returns which rooms the homeserver
    /// was thought to encrypt.
    async fn ask_for_room(
        &self,
        claim: &Claim,
        name: &str,
        asked: Option<RoomAsked>,
        looked: Instant,
    ) -> Result<(String, Encrypted), Failure> {
        let session_id = claim.subject.id;
        let known = Known {
            asked,
            asked_here: self.asked().get(&claim.id).map(Instant::elapsed),
            looking_took: looked.elapsed(),
        };
        match known.decide(self.ambient.now()) {
            Decision::Ask => {}
            Decision::Wait => return Err(Failure::Settling),
            Decision::WaitFromNow => {
                self.note_asked(claim, true).await?;
                return Err(Failure::Settling);
            }
        }
        let encrypted = self.homeserver.rooms_are_encrypted();
        if encrypted == Encrypted::Always {
            // Each room that is tried stays on the homeserver.
            return Err(Failure::Encrypted);
        }
        let config = self.homeserver.config();
        let room = room::new_room(&claim.subject, name, config, encrypted);
        if !self.note_asked(claim, true).await? {
            return Err(Failure::TakenOver);
        }
        self.remember_asked(claim.id);
        let created = self.homeserver.create_room(&room).await;
        if created.as_ref().is_err_and(|error| !error.is_unanswered()) {
            self.note_asked(claim, false).await?;
        }
        let room_id = created?;
        self.metrics.rooms_created.inc();
        tracing::info!(%session_id, room_id, "room made");
        Ok((room_id, encrypted))
    }

    /// Records for all servers that the homeserver is asked now, or that it is not making a room; `false` when another
    /// server has taken the task over.
    async fn note_asked(&self, claim: &Claim, asked: bool) -> Result<bool, sqlx::Error> {
        let asked = asked.then(|| self.ambient.now());
        self.store.set_room_asked(claim, asked).await
    }

    fn asked(&self) -> MutexGuard<'_, HashMap<Uuid, Instant>> {
        // No invariant spans a panic.
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn remember_asked(&self, task: Uuid) {
        let mut asked = self.asked();
        asked.retain(|_, at| at.elapsed() < SLOW_CREATE_ROOM_SETTLES);
        asked.insert(task, Instant::now());
    }

    /// Leaves a room that the homeserver has encrypted, before anybody is invited to it, and remembers how to avoid
    /// another one.
    async fn leave_encrypted(
        &self,
        claim: &Claim,
        room_id: &str,
        made_for: Encrypted,
    ) -> Result<(), Failure> {
        let session_id = claim.subject.id;
        self.metrics.rooms_encrypted.inc();
        // This comes first, so that nobody takes it for the session's room from here on.
        self.store.disown_room(session_id, room_id).await?;
        self.note_asked(claim, false).await?;
        self.homeserver.leave(room_id).await?;
        if self.homeserver.found_encrypted(made_for) == Encrypted::Always {
            tracing::error!(
                %session_id, room_id,
                "the homeserver encrypts all rooms by default, so no conversation can have one: set \
                 encryption_enabled_by_default_for_room_type to `invite` or `off`"
            );
        } else {
            tracing::warn!(
                %session_id, room_id,
                "the homeserver encrypts private rooms by default: rooms get another preset from now on"
            );
        }
        Ok(())
    }

    /// The room that bears this session's marker.
    async fn find_room(&self, session_id: Uuid) -> Result<Option<String>, Failure> {
        let mut joined = self.homeserver.joined_rooms().await?;
        let former = self.store.former_rooms(&joined).await?;
        joined.retain(|room_id| !former.contains(room_id));
        let known = self.store.sessions_of(&joined).await?;
        for room_id in joined {
            if let Some((_, owner)) = known.iter().find(|(room, _)| *room == room_id) {
                // The syncer may have found it in the meantime.
                if *owner == session_id {
                    return Ok(Some(room_id));
                }
                continue;
            }
            if room::session_of(&self.homeserver, &room_id).await? == Some(session_id) {
                return Ok(Some(room_id));
            }
        }
        Ok(None)
    }

    /// Gives the session a new room in place of one that is lost. If that fails, the lease expires and the next attempt
    /// comes to the same result.
    pub(super) async fn replace_room(&self, claim: &Claim, room_id: &str) {
        let session_id = claim.subject.id;
        match self.store.replace_room(claim, room_id).await {
            Ok(Replaced::ByNewRoom) => {
                self.metrics.rooms_lost.inc();
                tracing::warn!(%session_id, room_id, "the bot has lost the room: there will be a new one");
            }
            Ok(Replaced::ByNothing) => {
                tracing::warn!(%session_id, room_id, "the bot has lost the room of a conversation that has ended");
            }
            Ok(Replaced::ByReturn) => {
                tracing::info!(%session_id, room_id, "the bot is wanted in an archived room");
                // If this fails, the lease expires.
                let _ = self.store.retry(claim, RETURN).await;
            }
            Ok(Replaced::Already) => {}
            Err(error) => {
                tracing::warn!(%session_id, room_id, %error, "a lost room cannot be replaced yet");
            }
        }
    }
}

//! Making a session's room, finding the one that an earlier attempt made, and getting another one when it is lost.

use std::{
    collections::HashMap,
    sync::{MutexGuard, PoisonError},
};

use tokio::time::Instant;
use uuid::Uuid;

use super::{
    queue::{self, Claim, Replaced},
    worker::{Sender, attempt::Failure},
};
use crate::{
    matrix::{
        homeserver::Encrypted,
        room::{self, Checked, Members},
        room_name,
    },
    storage::{
        CREATE_ROOM_SETTLES_AT_LAST, RoomAsked, may_still_be_made, sessions,
        staff_members::{self, Membership, Wanted},
    },
};

/// When this process asked for rooms and was not answered, by a clock that nobody sets.
pub(super) type Asked = HashMap<Uuid, Instant>;

impl Sender {
    /// Makes the session's room, or finds the one that an earlier attempt made; and invites the staff.
    pub(super) async fn create_room(&self, claim: &Claim) -> Result<(), Failure> {
        let subject = &claim.subject;
        let session_id = subject.id;
        let (room_id, members) = self.room(claim).await?;
        let own = sessions::set_room(&self.pool, session_id, &room_id).await?;
        if own.as_deref() != Some(&room_id) {
            // Another attempt was faster. Nobody was invited to this room yet.
            self.homeserver.leave(&room_id).await?;
            return own.map(|_| ()).ok_or(Failure::NoRoom);
        }
        let known: Vec<_> = members.iter().map(|(id, is)| (id.as_str(), *is)).collect();
        staff_members::begin(&self.pool, session_id, &known).await?;
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

    /// A room that is as promised, and what each person who belongs into it is there.
    async fn room(&self, claim: &Claim) -> Result<(String, Members), Failure> {
        let subject = &claim.subject;
        let name = room_name::of(&sessions::naming(&self.pool, subject.id).await?);
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

    /// Has the homeserver make a room, unless it may be making one already; answers also with which rooms it was
    /// thought to encrypt.
    async fn ask_for_room(
        &self,
        claim: &Claim,
        name: &str,
        asked: Option<RoomAsked>,
        looked: Instant,
    ) -> Result<(String, Encrypted), Failure> {
        let session_id = claim.subject.id;
        if let Some(asked) = asked {
            let own = self.asked().get(&claim.id).map(Instant::elapsed);
            let Some(ago) = [asked.ago(), own].into_iter().flatten().min() else {
                // Every clock that knows of it was wrong: it counts from now.
                queue::set_room_asked(&self.pool, claim.id, true).await?;
                return Err(Failure::Settling);
            };
            if may_still_be_made(ago, looked.elapsed()) {
                return Err(Failure::Settling);
            }
        }
        let encrypted = self.homeserver.rooms_are_encrypted();
        if encrypted == Encrypted::Always {
            // Each room that is tried is left behind on the homeserver.
            return Err(Failure::Encrypted);
        }
        let in_private = encrypted == Encrypted::WhenPrivate;
        let body = room::creation(&claim.subject, name, self.homeserver.config(), in_private);
        queue::set_room_asked(&self.pool, claim.id, true).await?;
        self.note_asked(claim.id);
        let created = self.homeserver.create_room(&body).await;
        if created.as_ref().is_err_and(|error| !error.is_unanswered()) {
            queue::set_room_asked(&self.pool, claim.id, false).await?;
        }
        let room_id = created?;
        self.metrics.rooms_created.inc();
        tracing::info!(%session_id, room_id, "room made");
        Ok((room_id, encrypted))
    }

    fn asked(&self) -> MutexGuard<'_, Asked> {
        // No invariant spans a panic.
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note_asked(&self, task: Uuid) {
        let mut asked = self.asked();
        asked.retain(|_, at| at.elapsed() < CREATE_ROOM_SETTLES_AT_LAST);
        asked.insert(task, Instant::now());
    }

    /// Leaves a room that the homeserver has encrypted, before anybody is invited to it, and remembers how not to
    /// get another.
    async fn leave_encrypted(
        &self,
        claim: &Claim,
        room_id: &str,
        made_for: Encrypted,
    ) -> Result<(), Failure> {
        let session_id = claim.subject.id;
        self.metrics.rooms_encrypted.inc();
        // First: nobody takes it for the session's room from here on.
        sessions::disown_room(&self.pool, session_id, room_id).await?;
        queue::set_room_asked(&self.pool, claim.id, false).await?;
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
                "the homeserver encrypts private rooms by default: rooms are made in another way from now on"
            );
        }
        Ok(())
    }

    /// The room that bears this session's marker.
    async fn find_room(&self, session_id: Uuid) -> Result<Option<String>, Failure> {
        let mut joined = self.homeserver.joined_rooms().await?;
        let former = sessions::former_rooms(&self.pool, &joined).await?;
        joined.retain(|room_id| !former.contains(room_id));
        let known = sessions::of_rooms(&self.pool, &joined).await?;
        for room_id in joined {
            if let Some((_, owner)) = known.iter().find(|(room, _)| *room == room_id) {
                // The syncer may have found it just now.
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

    /// Gives the session another room in place of one that is lost. When that fails, the lease runs out and the
    /// next attempt comes to the same end.
    pub(super) async fn replace_room(&self, claim: &Claim, room_id: &str) {
        let session_id = claim.subject.id;
        let replaced = async {
            let mut tx = self.pool.begin().await?;
            let replaced = queue::replace_room(&mut tx, claim, room_id, self.session_ttl).await?;
            tx.commit().await?;
            Ok::<_, sqlx::Error>(replaced)
        };
        match replaced.await {
            Ok(Replaced::ByNewRoom) => {
                self.metrics.rooms_lost.inc();
                tracing::warn!(%session_id, room_id, "the bot has lost the room: there will be a new one");
            }
            Ok(Replaced::ByNothing) => {
                tracing::warn!(%session_id, room_id, "the bot has lost the room of a conversation that has ended");
            }
            Ok(Replaced::Already) => {}
            Err(error) => {
                tracing::warn!(%session_id, room_id, %error, "a lost room cannot be replaced yet");
            }
        }
    }
}

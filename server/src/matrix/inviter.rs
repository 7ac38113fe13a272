//! The inviter: brings staff into the rooms, and removes from open conversations whoever is not on the staff any more.
//! Each person is invited or removed alone, again and again until it works, so that one person holds up nobody else and no
//! message.
//!
//! Who is on the staff is in Postgres (`configured_staff`), as the server that started last was configured.

use std::{borrow::Cow, sync::Arc, time::Duration};

use futures_util::{StreamExt, stream};
use incoming::event::RoomEvent;
use matrix_sdk::ruma::{OwnedUserId, api::error::ErrorKind};
use tokio::time;
use tokio_util::sync::CancellationToken;

use super::{
    homeserver::{Homeserver, MatrixError},
    ingest::RoomBatch,
};
use crate::{
    clock::Ambient,
    config,
    heartbeat::Heart,
    metrics::Metrics,
    relay::{backoff::Backoff, store::Store},
    storage::{
        configured_staff::Canary,
        staff_members::{LONGEST_DELAY, Membership, Observed, Wanted},
    },
};

/// How often is looked for those who are to be invited.
const POLL: Duration = Duration::from_secs(1);
/// People who are invited at the same time.
const CONCURRENCY: usize = 4;
/// People who are looked for at once.
const BATCH: usize = 16;
/// One invitation's time. A message may wait for it.
const TIME_LIMIT: Duration = Duration::from_secs(4);
/// The time of all that are looked for at once, with what is asked of Postgres.
const TURN_LIMIT: Duration = Duration::from_secs(40);
/// How often those are let go of whose conversations have ended.
const TIDY: Duration = Duration::from_mins(1);
/// The wait before somebody is invited again.
pub(super) const BACKOFF: Backoff = Backoff {
    first: Duration::from_secs(5),
    longest: LONGEST_DELAY,
};

/// Invites people, and records what comes of it. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Inviter {
    store: Arc<dyn Store>,
    homeserver: Arc<Homeserver>,
    metrics: Metrics,
    ambient: Ambient,
}

impl Inviter {
    /// An inviter that has not begun.
    #[must_use]
    pub const fn new(
        store: Arc<dyn Store>,
        homeserver: Arc<Homeserver>,
        metrics: Metrics,
        ambient: Ambient,
    ) -> Self {
        Self {
            store,
            homeserver,
            metrics,
            ambient,
        }
    }

    /// The staff.
    pub(crate) async fn staff(&self) -> Result<Vec<OwnedUserId>, sqlx::Error> {
        let staff = self.store.staff().await?;
        if staff.is_empty() {
            return Ok(self.homeserver.config().staff.clone());
        }
        Ok(staff)
    }

    /// Invites those who could not be invited when their rooms were made, and those who are wanted again, and removes
    /// those who are not wanted any more, until `shutdown`.
    pub async fn run(self, heart: Heart, shutdown: CancellationToken) {
        let mut tidied = None::<time::Instant>;
        loop {
            heart.beat();
            let turn = async {
                if tidied.is_none() {
                    let staff = self.homeserver.config().staff.iter();
                    let staff: Vec<_> = staff.map(|user_id| user_id.as_str()).collect();
                    self.store.set_staff(&staff).await?;
                }
                let people = self.people().await?;
                let people: Vec<_> = people.iter().map(|user_id| user_id.as_str()).collect();
                if tidied.is_none_or(|tidied| tidied.elapsed() > TIDY) {
                    self.tidy(&people).await?;
                    tidied = Some(time::Instant::now());
                }
                self.turn(&people).await
            };
            let found = tokio::select! {
                biased;
                () = shutdown.cancelled() => return,
                turn = time::timeout(TURN_LIMIT, turn) => turn,
            };
            match found {
                Ok(Ok(BATCH)) => continue,
                Ok(Ok(_)) => {}
                Ok(Err(error)) => tracing::warn!(%error, "invitations cannot be read or recorded"),
                Err(_) => tracing::warn!("invitations take too long"),
            }
            tokio::select! { biased; () = shutdown.cancelled() => return, () = time::sleep(POLL) => {} }
        }
    }

    /// The staff, and the canary.
    async fn people(&self) -> Result<Vec<OwnedUserId>, sqlx::Error> {
        let mut people = self.staff().await?;
        people.extend(self.homeserver.config().canary.clone());
        Ok(people)
    }

    /// Compares the people in the rooms with those who are to be there.
    async fn tidy(&self, people: &[&str]) -> Result<(), sqlx::Error> {
        let canary = self.homeserver.config().canary.as_ref();
        let canary = canary.map(|user_id| Canary {
            user_id: user_id.as_str(),
            page: config::CANARY_PAGE,
        });
        self.store.tidy_staff(people, canary).await
    }

    /// Invites and removes those whose time has come; answers with how many.
    async fn turn(&self, people: &[&str]) -> Result<usize, sqlx::Error> {
        let limit = i64::try_from(BATCH).unwrap_or(i64::MAX);
        let wanted = self.store.claim_invitations(people, limit).await?;
        let unwanted = self.store.claim_removals(limit).await?;
        let found = wanted.len().max(unwanted.len());
        self.invite(wanted).await?;
        self.remove(unwanted).await?;
        Ok(found)
    }

    /// Removes people, each alone, and records what came of it.
    async fn remove(&self, unwanted: Vec<Wanted>) -> Result<(), sqlx::Error> {
        let results: Vec<_> = stream::iter(unwanted)
            .map(async |unwanted| self.remove_one(&unwanted).await)
            .buffer_unordered(CONCURRENCY)
            .collect()
            .await;
        results.into_iter().collect()
    }

    async fn remove_one(&self, unwanted: &Wanted) -> Result<(), sqlx::Error> {
        let Wanted {
            session_id,
            room_id,
            user_id,
            attempts,
        } = unwanted;
        match time::timeout(TIME_LIMIT, self.remove_from(room_id, user_id)).await {
            Ok(Ok(())) => {
                tracing::info!(%session_id, room_id, user_id, "removed: not on the staff any more");
                self.store.record_removed(unwanted).await
            }
            failed => {
                let failure = failed.ok().and_then(Result::err);
                let (errcode, delay) = self.failure_of(failure.as_ref(), *attempts);
                tracing::warn!(
                    %session_id, room_id, user_id, %errcode, attempts, retry_in = ?delay,
                    "somebody who is not on the staff any more cannot be removed"
                );
                self.store
                    .postpone_invitation(unwanted, &errcode, delay)
                    .await
            }
        }
    }

    async fn remove_from(&self, room_id: &str, user_id: &str) -> Result<(), MatrixError> {
        let Err(refused) = self.homeserver.remove(room_id, user_id).await else {
            return Ok(());
        };
        // Homeservers refuse to remove somebody who is not in the room, and say no more than that.
        if !matches!(refused.kind(), Some(ErrorKind::Forbidden)) {
            return Err(refused);
        }
        let membership = self.homeserver.membership(room_id, user_id).await?;
        match membership.as_deref().and_then(Membership::named) {
            Some(Membership::Joined | Membership::Invited) => Err(refused),
            _ => Ok(()),
        }
    }

    /// Invites people, each alone, and records what came of it.
    pub(crate) async fn invite(&self, wanted: Vec<Wanted>) -> Result<(), sqlx::Error> {
        let results: Vec<_> = stream::iter(wanted)
            .map(async |wanted| self.invite_one(&wanted).await)
            .buffer_unordered(CONCURRENCY)
            .collect()
            .await;
        results.into_iter().collect()
    }

    async fn invite_one(&self, wanted: &Wanted) -> Result<(), sqlx::Error> {
        let Wanted {
            session_id,
            room_id,
            user_id,
            attempts,
        } = wanted;
        let attempt = time::timeout(TIME_LIMIT, self.membership_after(room_id, user_id)).await;
        let failure = match attempt {
            Ok(Ok(membership)) => {
                tracing::info!(%session_id, room_id, user_id, ?membership, "invited");
                return self
                    .store
                    .record_invited(*session_id, user_id, membership)
                    .await;
            }
            Ok(Err(error)) => Some(error),
            Err(_) => None,
        };
        let (errcode, delay) = self.failure_of(failure.as_ref(), *attempts);
        tracing::warn!(
            %session_id, room_id, user_id, %errcode, attempts, retry_in = ?delay,
            "somebody cannot be invited"
        );
        self.metrics.invitation_failed(&errcode);
        self.store
            .postpone_invitation(wanted, &errcode, delay)
            .await
    }

    /// Why an attempt failed, which took too long when there is no `failure`; and how long to wait before the next one.
    fn failure_of(
        &self,
        failure: Option<&MatrixError>,
        attempts: i32,
    ) -> (Cow<'static, str>, Duration) {
        let errcode = failure.map_or("timeout".into(), MatrixError::errcode);
        let asked = failure.and_then(MatrixError::retry_after);
        let delay = BACKOFF.delay(attempts, &mut self.ambient.dice());
        (errcode, delay.max(asked.unwrap_or_default()))
    }

    /// Invites somebody; answers with what they are in the room then.
    async fn membership_after(
        &self,
        room_id: &str,
        user_id: &str,
    ) -> Result<Membership, MatrixError> {
        let refused = match self.homeserver.invite(room_id, user_id).await {
            Ok(()) => return Ok(Membership::Invited),
            Err(error) => error,
        };
        // Homeservers refuse to invite somebody who is in the room, and say no more than that.
        if !matches!(refused.kind(), Some(ErrorKind::Forbidden)) {
            return Err(refused);
        }
        let membership = self.homeserver.membership(room_id, user_id).await?;
        match membership.as_deref().and_then(Membership::named) {
            Some(membership @ (Membership::Joined | Membership::Invited)) => Ok(membership),
            _ => Err(refused),
        }
    }
}

/// Who has come, gone or been invited by somebody else than the bot.
pub(super) fn moves<'a>(bot: &str, batches: &'a [RoomBatch]) -> Vec<Observed<'a>> {
    let mut moves = Vec::new();
    for batch in batches {
        let Some(session_id) = batch.session_id else {
            continue;
        };
        for (n, event) in batch.events.iter().enumerate() {
            // The bot's own invitations are recorded when they are made.
            let is_move = event.event_type == "m.room.member" && event.sender != bot;
            let user_id = event.state_key.as_deref().filter(|_| is_move);
            let membership = event.str_at("/membership").and_then(Membership::named);
            if let (Some(user_id), Some(membership)) = (user_id, membership) {
                let mut later = batch.events[n + 1..].iter();
                moves.push(Observed {
                    session_id,
                    user_id,
                    membership,
                    since: event.written_at(),
                    visitor_wrote_later: later.any(|event| is_visitors_text(bot, event)),
                });
            }
        }
    }
    moves
}

/// Of its own the bot says nothing as a text that answers and replaces nothing.
fn is_visitors_text(bot: &str, event: &RoomEvent) -> bool {
    event.sender == bot
        && event.event_type == "m.room.message"
        && event.str_at("/msgtype") == Some("m.text")
        && event.refers_to().is_none()
        && event.str_at("/m.relates_to/rel_type").is_none()
}

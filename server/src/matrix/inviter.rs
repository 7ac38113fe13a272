//! The inviter: brings staff into the rooms, and removes people who are no longer on the staff from open conversations.
//! Each person is invited or removed separately, and repeatedly until it works, so that one person delays no message
//! and nobody else.
//!
//! Postgres has the staff (`configured_staff`), as configured on the server that started last.

use std::{borrow::Cow, sync::Arc, time::Duration};

use futures_util::{StreamExt, stream};
use matrix_sdk::ruma::{OwnedUserId, api::error::ErrorKind};
use tokio::time;
use tokio_util::sync::CancellationToken;

use super::homeserver::{Homeserver, MatrixError};
use crate::{
    clock::Ambient,
    config,
    heartbeat::Heart,
    metrics::Metrics,
    relay::{backoff::Backoff, store::Store},
    storage::{
        configured_staff::Canary,
        staff_members::{LONGEST_DELAY, Membership, Wanted},
    },
};

/// How often the inviter looks for people who are to be invited.
const POLL: Duration = Duration::from_secs(1);
/// The number of people who are invited at the same time.
const CONCURRENCY: usize = 4;
/// The number of people who are claimed at once.
const BATCH: usize = 16;
/// How long one invitation may take. A message may be waiting for it.
const TIME_LIMIT: Duration = Duration::from_secs(4);
/// How long all invitations of one claim may take, with the statements for them.
const TURN_LIMIT: Duration = Duration::from_secs(40);
/// How often people are forgotten whose conversations have ended.
const TIDY: Duration = Duration::from_mins(1);
/// The wait before a person is invited again.
pub(super) const BACKOFF: Backoff = Backoff {
    first: Duration::from_secs(5),
    longest: LONGEST_DELAY,
};

/// Invites people, and records the results. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Inviter {
    store: Arc<dyn Store>,
    homeserver: Arc<Homeserver>,
    metrics: Metrics,
    ambient: Ambient,
}

impl Inviter {
    /// An inviter that does not run yet.
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

    /// Invites people whose first invitation failed and those who are wanted again, and removes people who are no
    /// longer wanted, until `shutdown`.
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

    /// Compares the people in the rooms with those who belong there.
    async fn tidy(&self, people: &[&str]) -> Result<(), sqlx::Error> {
        let canary = self.homeserver.config().canary.as_ref();
        let canary = canary.map(|user_id| Canary {
            user_id: user_id.as_str(),
            page: config::CANARY_PAGE,
        });
        self.store.tidy_staff(people, canary).await
    }

    /// Invites and removes the people who are due; returns their number.
    async fn turn(&self, people: &[&str]) -> Result<usize, sqlx::Error> {
        let limit = i64::try_from(BATCH).unwrap_or(i64::MAX);
        let wanted = self.store.claim_invitations(people, limit).await?;
        let unwanted = self.store.claim_removals(limit).await?;
        let found = wanted.len().max(unwanted.len());
        self.invite(wanted).await?;
        self.remove(unwanted).await?;
        Ok(found)
    }

    /// Removes people, each separately, and records the results.
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
                tracing::info!(%session_id, room_id, user_id, "removed, because they are no longer on the staff");
                self.store.record_removed(unwanted).await
            }
            failed => {
                let failure = failed.ok().and_then(Result::err);
                let (errcode, delay) = self.failure_of(failure.as_ref(), *attempts);
                tracing::warn!(
                    %session_id, room_id, user_id, %errcode, attempts, retry_in = ?delay,
                    "a person who is no longer on the staff cannot be removed"
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
        // Homeservers refuse to remove a person who is not in the room, and give no other reason.
        if !matches!(refused.kind(), Some(ErrorKind::Forbidden)) {
            return Err(refused);
        }
        let membership = self.homeserver.membership(room_id, user_id).await?;
        match membership.as_deref().and_then(Membership::named) {
            Some(Membership::Joined | Membership::Invited) => Err(refused),
            _ => Ok(()),
        }
    }

    /// Invites people, each separately, and records the results.
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
            "a person cannot be invited"
        );
        self.metrics.invitation_failed(&errcode);
        self.store
            .postpone_invitation(wanted, &errcode, delay)
            .await
    }

    /// The reason of a failed attempt, which took too long if there is no `failure`, and the wait before the next one.
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

    /// Invites a person; returns their membership afterwards.
    async fn membership_after(
        &self,
        room_id: &str,
        user_id: &str,
    ) -> Result<Membership, MatrixError> {
        let refused = match self.homeserver.invite(room_id, user_id).await {
            Ok(()) => return Ok(Membership::Invited),
            Err(error) => error,
        };
        // Homeservers refuse to invite a person who is in the room, and give no other reason.
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

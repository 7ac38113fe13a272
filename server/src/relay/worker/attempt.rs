//! One attempt on one task, and what its failure means.

use std::time::Duration;

use matrix_sdk::ruma::api::error::ErrorKind;
use tokio::time::{self, Instant};

use super::{Sender, pace::Pace};
use crate::{
    matrix::{Failure, room},
    relay::{
        backoff::Backoff,
        queue::{Claim, Outcome, RENEWAL, Task},
    },
};

/// The wait before a task is tried again.
const BACKOFF: Backoff = Backoff {
    first: Duration::from_millis(500),
    longest: Duration::from_secs(30),
};
/// The shortest wait before the worker looks again for a room about which the homeserver has not answered.
const FIRST_ROOM_RETRY: Duration = Duration::from_secs(5);

/// What a task that is not done waits for.
#[derive(Debug)]
pub(super) enum Postponed {
    /// For this time.
    For(Duration),
    /// For a room in place of this one.
    RoomLost(String),
}

impl Sender {
    /// Tries one task; returns how it ended, or what it waits for.
    pub(super) async fn attempt(
        &self,
        claim: &Claim,
        pace: &mut Pace,
        renewed: &mut Instant,
    ) -> Result<Outcome, Postponed> {
        let sent = async {
            // The claim may be old already, for example if this process was suspended for a while.
            if renewed.elapsed() > RENEWAL {
                self.renew(claim, renewed).await?;
            }
            tokio::select! {
                biased;
                sent = Box::pin(self.deliver_or_judge(claim, pace)) => sent,
                () = time::sleep(claim.task.time_limit()) => Err(Failure::TimedOut),
                () = self.keep(claim, renewed) => Err(Failure::TakenOver),
            }
        };
        let (session_id, task) = (claim.subject.id, &claim.task);
        sent.await.map_err(|failure| {
            if let Failure::RoomLost(room_id) = failure {
                return Postponed::RoomLost(room_id);
            }
            let delay = self.backoff(claim, &failure);
            tracing::warn!(
                %session_id, ?task, attempts = claim.attempts, retry_in = ?delay, %failure,
                "not delivered yet"
            );
            self.metrics.delivery_retries.inc();
            Postponed::For(delay)
        })
    }

    /// Carries out the task. A task that the homeserver refuses for good has failed, but only if the room is there to
    /// take it.
    async fn deliver_or_judge(&self, claim: &Claim, pace: &mut Pace) -> Result<Outcome, Failure> {
        let error = match self.deliver(claim, pace).await {
            Err(Failure::Matrix(error)) if error.is_final() => error,
            Ok(Some(event_id)) => return Ok(Outcome::Sent(event_id)),
            Ok(None) => return Ok(Outcome::Done),
            Err(failure) => return Err(failure),
        };
        let Some(room_id) = &claim.subject.room_id else {
            return Err(error.into());
        };
        let is_forbidden = matches!(error.kind(), Some(ErrorKind::Forbidden));
        if !self.homeserver.joined_rooms().await?.contains(room_id)
            || is_forbidden && !room::is_in_command(&self.homeserver, room_id).await?
        {
            return Err(Failure::RoomLost(room_id.clone()));
        }
        let (session_id, task) = (claim.subject.id, &claim.task);
        let may_be_found = matches!(error.kind(), Some(ErrorKind::NotFound));
        match task {
            Task::CreateRoom => Err(error.into()),
            Task::Message(_) if may_be_found => Err(error.into()),
            _ => {
                tracing::error!(%session_id, ?task, %error, "will never be delivered");
                Ok(Outcome::Failed)
            }
        }
    }

    /// Renews the claim and those behind it if it was last `renewed` long enough ago; ends when the claim is lost.
    async fn keep(&self, claim: &Claim, renewed: &mut Instant) {
        loop {
            time::sleep_until(*renewed + RENEWAL).await;
            // Without Postgres nobody else can claim it either.
            match self.renew(claim, renewed).await {
                Err(Failure::TakenOver) => return,
                Err(_) => time::sleep(RENEWAL).await,
                Ok(()) => {}
            }
        }
    }

    async fn renew(&self, claim: &Claim, renewed: &mut Instant) -> Result<(), Failure> {
        let now = Instant::now();
        if !self.store.renew(claim).await? {
            return Err(Failure::TakenOver);
        }
        *renewed = now;
        Ok(())
    }

    /// When to try again: when the homeserver asks for it, or later with each failure.
    fn backoff(&self, claim: &Claim, failure: &Failure) -> Duration {
        let least = if claim.task == Task::CreateRoom {
            FIRST_ROOM_RETRY
        } else {
            Duration::ZERO
        };
        let delay = failure
            .retry_after()
            .unwrap_or_else(|| BACKOFF.delay(claim.attempts - 1, &mut self.ambient.dice()));
        delay.max(least)
    }
}

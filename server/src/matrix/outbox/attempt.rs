//! One attempt on one task, and what its failure means.

use std::time::Duration;

use matrix_sdk::ruma::api::error::ErrorKind;
use rand::RngExt;
use serde_json::{Value, json};
use tokio::time::{self, Instant};
use uuid::Uuid;

use super::{Sender, pace::Pace};
use crate::{
    matrix::{
        details,
        homeserver::MatrixError,
        notice::{self, Notice},
        recap::{self, Join},
        room,
    },
    storage::{
        matrix_events,
        outbox::{self, Claim, Outcome, RENEWAL, Task},
        sessions::{self, State},
    },
};

/// The wait after a first failure; doubled with each further one.
const FIRST_RETRY: Duration = Duration::from_millis(500);
const LONGEST_RETRY: Duration = Duration::from_secs(30);
/// The least wait before a room is looked for that the homeserver did not answer for.
const FIRST_ROOM_RETRY: Duration = Duration::from_secs(5);

/// Why a task is not done yet.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error(transparent)]
    Matrix(#[from] MatrixError),
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    #[error("the session has no room yet")]
    NoRoom,
    #[error("the bot is not in the room {0} any more, or has no say there")]
    RoomLost(String),
    #[error("the homeserver encrypts rooms by default, in whichever way they are made")]
    Encrypted,
    #[error("the homeserver may be making the room still")]
    Settling,
    #[error("it took too long")]
    TimedOut,
    #[error("another server has taken it over")]
    TakenOver,
}

impl From<recap::Failure> for Failure {
    fn from(failure: recap::Failure) -> Self {
        match failure {
            recap::Failure::Matrix(error) => error.into(),
            recap::Failure::Database(error) => error.into(),
        }
    }
}

/// What a task that is not done waits for.
#[derive(Debug)]
pub(super) enum Postponed {
    /// For so long.
    For(Duration),
    /// For a room in place of this one.
    RoomLost(String),
}

impl Sender {
    /// Tries one task; answers with how it ended, or with what it waits for.
    pub(super) async fn attempt(
        &self,
        claim: &Claim,
        pace: &mut Pace,
        renewed: &mut Instant,
    ) -> Result<Outcome, Postponed> {
        let sent = async {
            // As when this process was stopped for a while.
            if renewed.elapsed() > RENEWAL {
                self.renew(claim, renewed).await?;
            }
            tokio::select! {
                sent = Box::pin(self.send_or_judge(claim, pace)) => sent,
                () = time::sleep(claim.task.time_limit()) => Err(Failure::TimedOut),
                () = self.keep(claim, renewed) => Err(Failure::TakenOver),
            }
        };
        let (session_id, task) = (claim.subject.id, &claim.task);
        sent.await.map_err(|failure| {
            if let Failure::RoomLost(room_id) = failure {
                return Postponed::RoomLost(room_id);
            }
            let delay = backoff(claim, &failure);
            tracing::warn!(
                %session_id, ?task, attempts = claim.attempts, retry_in = ?delay, %failure,
                "not delivered yet"
            );
            self.metrics.delivery_retries.inc();
            Postponed::For(delay)
        })
    }

    /// Does the task. What the homeserver refuses for good has failed, but only when the room is there to take it.
    async fn send_or_judge(&self, claim: &Claim, pace: &mut Pace) -> Result<Outcome, Failure> {
        let error = match self.send(claim, pace).await {
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

    /// Renews the claim, and those behind it, when it was last `renewed` long enough ago; ends when it is lost.
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
        if !outbox::renew(&self.pool, claim).await? {
            return Err(Failure::TakenOver);
        }
        *renewed = now;
        Ok(())
    }

    /// Does the task; answers with the event it became, when it became one.
    async fn send(&self, claim: &Claim, pace: &mut Pace) -> Result<Option<String>, Failure> {
        let subject = &claim.subject;
        if claim.task == Task::CreateRoom {
            self.create_room(claim).await?;
            return Ok(None);
        }
        let room_id = subject.room_id.as_deref().ok_or(Failure::NoRoom)?;
        if claim.task == Task::Rename {
            return self.rename(subject.id, room_id).await;
        }
        if claim.task == Task::Details {
            return self.tell_details(claim, room_id, pace).await;
        }
        let Some(content) = self.content(claim, room_id).await? else {
            return Ok(None);
        };
        let (event_id, _) = self.send_once(claim, room_id, &content, pace).await?;
        Ok(Some(event_id))
    }

    /// Makes the room's name say whether the conversation has ended.
    async fn rename(&self, session_id: Uuid, room_id: &str) -> Result<Option<String>, Failure> {
        let session = sessions::find(&self.pool, session_id, self.session_ttl).await?;
        let has_ended = session.is_some_and(|session| session.state != State::Open);
        room::mark(&self.homeserver, room_id, has_ended).await?;
        Ok(None)
    }

    /// Tells who the visitor is and where they are, unless the room says so already.
    async fn tell_details(
        &self,
        claim: &Claim,
        room_id: &str,
        pace: &mut Pace,
    ) -> Result<Option<String>, Failure> {
        let (pool, subject) = (&self.pool, &claim.subject);
        let Some(details) = details::compose(pool, subject, room_id).await? else {
            return Ok(None);
        };
        let (event_id, sent_now) = self
            .send_once(claim, room_id, &details.content, pace)
            .await?;
        let told = sent_now.then_some(&details);
        details::record(pool, subject, room_id, &event_id, told).await?;
        Ok(Some(event_id))
    }

    /// Sends the content, unless an earlier attempt has sent something; answers with the event, and with whether it was
    /// sent now.
    async fn send_once(
        &self,
        claim: &Claim,
        room_id: &str,
        content: &Value,
        pace: &mut Pace,
    ) -> Result<(String, bool), Failure> {
        let txn_id = claim.id.to_string();
        let earlier = if claim.attempts > 1 {
            self.find_event(claim, room_id, &txn_id).await?
        } else {
            None
        };
        let sent_now = earlier.is_none();
        let event_id = if let Some(event_id) = earlier {
            event_id
        } else {
            let sent = self.homeserver.send_message(room_id, &txn_id, content);
            pace.send(sent).await?
        };
        tracing::info!(session_id = %claim.subject.id, room_id, event_id, "sent to the room");
        Ok((event_id, sent_now))
    }

    /// What is to be sent; `None` when there is nothing to say.
    async fn content(&self, claim: &Claim, room_id: &str) -> Result<Option<Value>, Failure> {
        let subject = &claim.subject;
        let notice = match &claim.task {
            Task::CreateRoom | Task::Rename | Task::Details => None,
            // It mentions nobody, whatever it says.
            Task::Message(_) => {
                let text = json!({ "msgtype": "m.text", "body": claim.text, "m.mentions": {} });
                return Ok(Some(text));
            }
            Task::Retell => return Ok(recap::retell(&self.pool, subject, self.session_ttl).await?),
            Task::Notice(text) => Some(Notice::new(text)),
            Task::Answer { event_id, text } => {
                let to = matrix_events::addressee(&self.pool, event_id).await?;
                return Ok(Some(notice::answer(event_id, &to, text)));
            }
            Task::Recap {
                join_event_id,
                user_id,
            } => {
                let join = Join {
                    room: room_id,
                    event: join_event_id,
                    user: user_id,
                };
                let (pool, homeserver) = (&self.pool, &self.homeserver);
                recap::compose(pool, homeserver, subject, self.session_ttl, join).await?
            }
        };
        Ok(notice.map(|notice| notice.content()))
    }

    /// The event that an earlier attempt made. Homeservers forget transactions (Synapse after a day, and
    /// others when they restart), but not which one made an event: that is in its
    /// `unsigned.transaction_id`, for the device that sent it.
    async fn find_event(
        &self,
        claim: &Claim,
        room_id: &str,
        txn_id: &str,
    ) -> Result<Option<String>, Failure> {
        let mut from = None;
        loop {
            let (page, next) = self
                .homeserver
                .history(room_id, from.as_deref(), None)
                .await?;
            let mut own = page.iter().filter(|event| event.sender == self.bot());
            if let Some(event) = own.find(|event| event.transaction_id() == Some(txn_id)) {
                return Ok(Some(event.event_id.clone()));
            }
            // What was sent before it is older than what is looked for. The exception is an end that Postgres forgot
            // in a crash, and its transaction is young enough for the homeserver to know it.
            let ids: Vec<_> = page.iter().map(|event| event.event_id.clone()).collect();
            let sent_before = matrix_events::any_sent(&self.pool, claim.subject.id, &ids).await?;
            match next {
                Some(token) if !sent_before => from = Some(token),
                _ => return Ok(None),
            }
        }
    }

    fn bot(&self) -> &str {
        self.homeserver.config().bot.as_str()
    }
}

/// When to try again: as the homeserver says; else later with each failure, and not all at once.
fn backoff(claim: &Claim, failure: &Failure) -> Duration {
    let wanted = match failure {
        Failure::Matrix(error) => error.retry_after(),
        _ => None,
    };
    let least = if claim.task == Task::CreateRoom {
        FIRST_ROOM_RETRY
    } else {
        Duration::ZERO
    };
    let doublings = u32::try_from(claim.attempts - 1).unwrap_or(0).min(10);
    let growing = (FIRST_RETRY * 2_u32.pow(doublings)).min(LONGEST_RETRY);
    let jittered = growing.mul_f64(rand::rng().random_range(0.5..=1.0));
    wanted.unwrap_or(jittered).max(least)
}

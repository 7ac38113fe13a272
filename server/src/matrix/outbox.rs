//! The sender: takes what Postgres holds for the homeserver to its rooms, in order within a session,
//! side by side between sessions.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use rand::Rng;
use serde_json::{Value, json};
use sqlx::{PgPool, postgres::PgListener};
use tokio::{
    sync::Semaphore,
    task::JoinSet,
    time::{self, Instant},
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{
    homeserver::{Homeserver, MatrixError},
    recap, room,
};
use crate::{
    handoff::{self, Place},
    metrics::Metrics,
    storage::{
        matrix_events,
        outbox::{self, CHANNEL, Claim, Outcome, RENEWAL, Task},
        sessions,
    },
};

/// Sessions that are sent at the same time, of those that were found in the outbox.
const CONCURRENCY: usize = 16;
/// Wake-ups that NOTIFY lost, and tasks whose time has come, are found this often.
const POLL: Duration = Duration::from_secs(1);
/// After NOTIFY as long is waited for others, so that a burst is looked for once. Those that nothing comes
/// before are handed over and do not wait.
const GATHER: Duration = Duration::from_millis(10);
/// What is under way at the end may take this long.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(8);
/// The wait after a first failure; doubled with each further one.
const FIRST_RETRY: Duration = Duration::from_millis(500);
const LONGEST_RETRY: Duration = Duration::from_secs(30);
/// The least wait before a room is looked for that the homeserver did not answer for.
const FIRST_ROOM_RETRY: Duration = Duration::from_secs(5);
/// How long the homeserver may still be at work on a `createRoom` whose answer was lost: asked again
/// before, it could make a second room.
const CREATE_ROOM_SETTLES: Duration = Duration::from_mins(1);
/// A homeserver that is slower at looking for the room is behind with its work, and may be at work on
/// it for longer.
const PROMPT: Duration = Duration::from_secs(2);
/// One that is always slow must make the room all the same.
const SLOW_CREATE_ROOM_SETTLES: Duration = Duration::from_mins(10);

/// Why a task is not done yet.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Matrix(#[from] MatrixError),
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    #[error("the session has no room yet")]
    NoRoom,
    #[error("the homeserver may be making the room still")]
    Settling,
    #[error("it took too long")]
    TimedOut,
    #[error("another server has taken it over")]
    TakenOver,
}

/// What is sent from, and where to.
#[derive(Clone, Debug)]
struct Sender {
    pool: PgPool,
    homeserver: Arc<Homeserver>,
    metrics: Metrics,
    sent_here: Arc<SentHere>,
}

/// Sends until `shutdown`, then finishes what is under way.
pub async fn run(
    pool: PgPool,
    homeserver: Arc<Homeserver>,
    metrics: Metrics,
    mut handed_over: handoff::Receiver,
    shutdown: CancellationToken,
) {
    let sender = Sender {
        pool,
        homeserver,
        metrics,
        sent_here: Arc::default(),
    };
    let slots = Arc::new(Semaphore::new(CONCURRENCY));
    let mut at_work = JoinSet::new();
    let mut listener = None;
    while !shutdown.is_cancelled() {
        if listener.is_none() {
            listener = listen(&sender.pool).await;
        }
        for claim in claim_all(&sender.pool, slots.available_permits()).await {
            let Ok(permit) = slots.clone().try_acquire_owned() else {
                break;
            };
            sender.sent_here.begin(claim.subject.id);
            at_work.spawn(sender.clone().drain(claim, permit, shutdown.clone()));
        }
        // What was handed over is claimed, and no reason to look for more.
        let mut look_again = time::Instant::now() + POLL;
        loop {
            let full = slots.available_permits() == 0;
            tokio::select! {
                () = shutdown.cancelled() => {}
                () = time::sleep_until(look_again) => {}
                told = notified(&mut listener) => {
                    // Whoever sends the session goes on with it.
                    if !told.is_some_and(|session_id| sender.sent_here.tell(session_id)) {
                        look_again = look_again.min(time::Instant::now() + GATHER);
                    }
                    continue;
                }
                Some(more) = at_work.join_next() => {
                    // A free slot may be what the next session waits for.
                    if !full && !more.unwrap_or(true) {
                        continue;
                    }
                }
                Some((claim, place)) = handed_over.recv() => {
                    sender.sent_here.begin(claim.subject.id);
                    at_work.spawn(sender.clone().drain(claim, place, shutdown.clone()));
                    continue;
                }
            }
            break;
        }
    }
    drop((listener, handed_over));
    let finished = async { while at_work.join_next().await.is_some() {} };
    // What is cut off is sent again, as the same transaction, when its lease has run out.
    let _ = time::timeout(SHUTDOWN_GRACE, finished).await;
}

async fn listen(pool: &PgPool) -> Option<PgListener> {
    let mut listener = PgListener::connect_with(pool).await.ok()?;
    listener.listen(CHANNEL).await.ok()?;
    Some(listener)
}

/// Waits for NOTIFY: which session has something to send. A listener that lost its connection is dropped,
/// and the poll takes over until there is a new one.
async fn notified(listener: &mut Option<PgListener>) -> Option<Uuid> {
    match listener {
        Some(active) => {
            if let Ok(Some(told)) = active.try_recv().await {
                return told.payload().parse().ok();
            }
            *listener = None;
            None
        }
        None => std::future::pending().await,
    }
}

/// The sessions that this server is sending, and whether something was queued for them meanwhile. Who is at it
/// goes on with it, so it is no reason to look through the outbox.
#[derive(Debug, Default)]
struct SentHere(Mutex<HashMap<Uuid, bool>>);

impl SentHere {
    /// No invariant spans a panic.
    fn sessions(&self) -> MutexGuard<'_, HashMap<Uuid, bool>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(&self, session_id: Uuid) {
        self.sessions().insert(session_id, false);
    }

    /// That something was queued; `false` when the session is not being sent here.
    fn tell(&self, session_id: Uuid) -> bool {
        let mut sessions = self.sessions();
        let more = sessions.get_mut(&session_id);
        more.is_some_and(|more| {
            *more = true;
            true
        })
    }

    /// Whether something was queued that may not have been seen.
    fn end(&self, session_id: Uuid) -> bool {
        self.sessions().remove(&session_id).unwrap_or_default()
    }
}

async fn claim_all(pool: &PgPool, free: usize) -> Vec<Claim> {
    if free == 0 {
        return Vec::new();
    }
    let limit = i64::try_from(free).unwrap_or(i64::MAX);
    outbox::claim(pool, limit).await.unwrap_or_else(|error| {
        tracing::warn!(%error, "the outbox cannot be read");
        Vec::new()
    })
}

impl Sender {
    /// Sends a session's tasks one after the other, until there are none or one has to wait; and then gives
    /// up its place, and tells whether there may be more.
    async fn drain(self, first: Claim, place: Place, shutdown: CancellationToken) -> bool {
        let session_id = first.subject.id;
        let mut next = Some(first);
        while let Some(claim) = next {
            next = self.attempt(&claim, &shutdown).await;
        }
        drop(place);
        self.sent_here.end(session_id)
    }

    /// Tries one task; answers with the session's next one, claimed, when it may follow at once.
    async fn attempt(&self, claim: &Claim, shutdown: &CancellationToken) -> Option<Claim> {
        let sent = tokio::select! {
            sent = self.send(claim) => sent,
            () = time::sleep(claim.task.time_limit()) => Err(Failure::TimedOut),
            () = self.keep(claim) => Err(Failure::TakenOver),
        };
        let (session_id, task) = (claim.subject.id, &claim.task);
        let outcome = match &sent {
            Ok(Some(event_id)) => Outcome::Sent(event_id),
            Ok(None) => Outcome::Done,
            Err(Failure::Matrix(error)) if error.is_final() && *task != Task::CreateRoom => {
                tracing::error!(%session_id, ?task, %error, "will never be delivered");
                Outcome::Failed
            }
            Err(failure) => {
                let delay = backoff(claim, failure);
                tracing::warn!(
                    %session_id, ?task, attempts = claim.attempts, retry_in = ?delay, %failure,
                    "not delivered yet"
                );
                self.metrics.delivery_retries.inc();
                // When this fails too, the lease runs out.
                let _ = outbox::retry(&self.pool, claim, delay).await;
                return None;
            }
        };
        let next = self.finish(claim, outcome, !shutdown.is_cancelled()).await;
        next.unwrap_or_else(|error| {
            // The lease runs out and the same transaction is sent again, to no effect.
            tracing::warn!(%session_id, %error, "what was sent cannot be recorded yet");
            None
        })
    }

    /// Renews the claim; ends when it is lost.
    async fn keep(&self, claim: &Claim) {
        loop {
            time::sleep(RENEWAL).await;
            // Without Postgres nobody else can claim it either.
            if matches!(outbox::renew(&self.pool, claim).await, Ok(false)) {
                return;
            }
        }
    }

    async fn finish(
        &self,
        claim: &Claim,
        outcome: Outcome<'_>,
        go_on: bool,
    ) -> Result<Option<Claim>, sqlx::Error> {
        // Not when another server has recorded the message's end: it may have been another one.
        let finished = if outcome == Outcome::Failed {
            let notice = "A message of the visitor could not be delivered to this room.";
            let mut tx = self.pool.begin().await?;
            let finished = outbox::finish(&mut *tx, claim, outcome, go_on).await?;
            if finished.message_ended {
                outbox::push(&mut tx, claim.subject.id, &Task::Notice(notice.to_owned())).await?;
            }
            tx.commit().await?;
            finished
        } else {
            outbox::finish(&self.pool, claim, outcome, go_on).await?
        };
        if finished.message_ended {
            let counter = match outcome {
                Outcome::Sent(_) | Outcome::Done => &self.metrics.messages_delivered,
                Outcome::Failed => &self.metrics.messages_failed,
            };
            counter.inc();
        }
        Ok(finished.next)
    }

    /// Does the task; answers with the event it became, when it became one.
    async fn send(&self, claim: &Claim) -> Result<Option<String>, Failure> {
        let subject = &claim.subject;
        if claim.task == Task::CreateRoom {
            self.create_room(claim).await?;
            return Ok(None);
        }
        let room_id = subject.room_id.as_deref().ok_or(Failure::NoRoom)?;
        let content = match &claim.task {
            Task::CreateRoom => None,
            Task::Message(_) => Some(json!({ "msgtype": "m.text", "body": claim.text })),
            Task::Notice(text) => Some(notice(text)),
            Task::Details => recap::details(subject).as_deref().map(notice),
            Task::Recap {
                join_event_id,
                user_id,
            } => recap::compose(&self.homeserver, room_id, subject, join_event_id, user_id)
                .await?
                .as_deref()
                .map(notice),
        };
        let Some(content) = content else {
            return Ok(None);
        };
        let txn_id = claim.id.to_string();
        let earlier = if claim.attempts > 1 {
            self.find_event(claim, room_id, &txn_id).await?
        } else {
            None
        };
        let event_id = match earlier {
            Some(event_id) => event_id,
            None => {
                self.homeserver
                    .send_message(room_id, &txn_id, &content)
                    .await?
            }
        };
        tracing::info!(session_id = %claim.subject.id, room_id, event_id, "sent to the room");
        Ok(Some(event_id))
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
            // What was sent before it is older than what is looked for.
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

    /// Makes the session's room, or finds the one that an earlier attempt made.
    async fn create_room(&self, claim: &Claim) -> Result<(), Failure> {
        let subject = &claim.subject;
        let looked = Instant::now();
        let existing = match &subject.room_id {
            Some(room_id) => Some(room_id.clone()),
            None if claim.attempts > 1 => self.find_room(claim.subject.id).await?,
            None => None,
        };
        let room_id = if let Some(room_id) = existing {
            room::complete(&self.homeserver, &room_id, subject).await?;
            room_id
        } else {
            if claim
                .room_asked
                .is_some_and(|ago| may_be_made_still(ago, looked.elapsed()))
            {
                return Err(Failure::Settling);
            }
            let body = room::creation(subject, self.homeserver.config());
            outbox::set_room_asked(&self.pool, claim.id, true).await?;
            let created = self.homeserver.create_room(&body).await;
            if created.as_ref().is_err_and(|error| !error.is_unanswered()) {
                outbox::set_room_asked(&self.pool, claim.id, false).await?;
            }
            let room_id = created?;
            self.metrics.rooms_created.inc();
            room_id
        };
        sessions::set_room(&self.pool, claim.subject.id, &room_id).await?;
        tracing::info!(session_id = %claim.subject.id, room_id, "room ready");
        Ok(())
    }

    /// The room that bears this session's marker.
    async fn find_room(&self, session_id: Uuid) -> Result<Option<String>, Failure> {
        let joined = self.homeserver.joined_rooms().await?;
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
}

/// Whether a `createRoom` that was asked for `ago` and not answered may still make its room, when looking
/// for it just now took `looking` and found none.
fn may_be_made_still(ago: Duration, looking: Duration) -> bool {
    let settles = if looking > PROMPT {
        SLOW_CREATE_ROOM_SETTLES
    } else {
        CREATE_ROOM_SETTLES
    };
    ago < settles
}

/// A message of the bot's own. It mentions nobody, whatever its text quotes.
fn notice(text: &str) -> Value {
    json!({ "msgtype": "m.notice", "body": text, "m.mentions": {} })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_queued_is_told_to_who_sends_the_session() {
        let (sent_here, session_id) = (SentHere::default(), Uuid::new_v4());
        assert!(!sent_here.tell(session_id), "nobody does");
        sent_here.begin(session_id);
        assert!(!sent_here.tell(Uuid::new_v4()), "another session");
        assert!(!sent_here.end(session_id), "nothing was queued");
        sent_here.begin(session_id);
        assert!(sent_here.tell(session_id));
        assert!(sent_here.end(session_id), "it may not have been seen");
        assert!(!sent_here.tell(session_id), "nobody does any more");
    }

    #[test]
    fn a_room_is_asked_for_again_after_a_minute_or_when_it_is_always_slow_after_ten() {
        let (prompt, slow) = (Duration::from_millis(50), Duration::from_secs(5));
        let minutes = Duration::from_mins;
        for (ago, looking, still) in [
            (Duration::from_secs(59), prompt, true),
            (minutes(1), prompt, false),
            (minutes(1), slow, true),
            (minutes(9), slow, true),
            (minutes(10), slow, false),
        ] {
            assert_eq!(
                may_be_made_still(ago, looking),
                still,
                "{ago:?}, {looking:?}"
            );
        }
    }
}

//! The sender: takes what Postgres holds for the homeserver to its rooms, in order within a session,
//! side by side between sessions.

mod pace;
mod recorder;
mod sent_here;

use std::{panic, sync::Arc, time::Duration};

use rand::Rng;
use serde_json::{Value, json};
use tokio::{
    sync::{Semaphore, mpsc},
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
    heartbeat::Heart,
    metrics::Metrics,
    storage::{
        Db, Heard, Listener, Shares, matrix_events,
        outbox::{self, CHANNEL, Claim, End, Outcome, RENEWAL, Task},
        sessions,
    },
};

use pace::{Pace, Sends};
use recorder::Recorder;
use sent_here::{Sending, SentHere};

/// Sessions that are sent at the same time, of those that were found in the outbox.
const CONCURRENCY: usize = 16;
/// Tasks of one session that are claimed ahead, so that the next one is sent when one was answered, and not
/// when its end is recorded.
const AHEAD: usize = 16;
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
    pool: Db,
    homeserver: Arc<Homeserver>,
    metrics: Metrics,
    sent_here: Arc<SentHere>,
    recorder: Recorder,
    sends: Arc<Sends>,
}

/// Sends until `shutdown`, then finishes what is under way.
pub async fn run(
    shares: Shares,
    (heart, recorder_heart): (Heart, Heart),
    homeserver: Arc<Homeserver>,
    metrics: Metrics,
    mut handed_over: handoff::Receiver,
    shutdown: CancellationToken,
) {
    let pool = shares.relay.clone();
    let (recorder, recording) = Recorder::new(pool.clone(), metrics.clone(), recorder_heart);
    let mut recording = tokio::spawn(recording);
    let sender = Sender {
        pool,
        homeserver,
        metrics,
        sent_here: Arc::default(),
        recorder,
        sends: Arc::default(),
    };
    let slots = Arc::new(Semaphore::new(CONCURRENCY));
    let mut at_work = JoinSet::new();
    let mut listener = None;
    while !shutdown.is_cancelled() {
        heart.beat();
        if listener.is_none() {
            listener = Listener::connect(&shares.lines, &shares.reads, CHANNEL)
                .await
                .ok();
        }
        let free = slots.available_permits();
        let claims = claim_all(&sender.pool, free).await;
        // Then more may wait for a slot.
        let full = claims.len() == free;
        for claim in claims {
            let Ok(permit) = slots.clone().try_acquire_owned() else {
                break;
            };
            at_work.spawn(sender.start(claim, permit, &shutdown));
        }
        // What was handed over is claimed, and no reason to look for more.
        let mut look_again = Instant::now() + POLL;
        while !shutdown.is_cancelled() && Instant::now() < look_again {
            tokio::select! {
                () = shutdown.cancelled() => {}
                () = time::sleep_until(look_again) => {}
                // It lives as long as the sender, and nothing could be recorded without it.
                ended = &mut recording => {
                    if let Err(error) = ended {
                        panic::resume_unwind(error.into_panic());
                    }
                    return;
                }
                told = notified(&mut listener) => {
                    // Whoever sends the session goes on with it.
                    if !told.is_some_and(|session_id| sender.sent_here.tell(session_id)) {
                        look_again = look_again.min(Instant::now() + GATHER);
                    }
                }
                Some(more) = at_work.join_next() => {
                    if full {
                        break;
                    }
                    if more.unwrap_or(true) {
                        look_again = look_again.min(Instant::now() + GATHER);
                    }
                }
                Some((claim, place)) = handed_over.recv() => {
                    at_work.spawn(sender.start(claim, place, &shutdown));
                }
            }
        }
    }
    drop((listener, handed_over, sender));
    let finished = async {
        while at_work.join_next().await.is_some() {}
        let _ = recording.await;
    };
    // What is cut off is sent again, as the same transaction, when its lease has run out.
    let _ = time::timeout(SHUTDOWN_GRACE, finished).await;
}

/// Waits for NOTIFY: which session has something to send. A listener that lost its connection is dropped,
/// and the poll takes over until there is a new one.
async fn notified(listener: &mut Option<Listener>) -> Option<Uuid> {
    match listener {
        Some(active) => {
            while let Ok(heard) = active.next().await {
                if let Heard::News(session_id) = heard {
                    return session_id.parse().ok();
                }
            }
            *listener = None;
            None
        }
        None => std::future::pending().await,
    }
}

async fn claim_all(pool: &Db, free: usize) -> Vec<Claim> {
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
    /// A drain that news of its session reaches from now on, before it is first polled.
    fn start(
        &self,
        first: Claim,
        place: Place,
        shutdown: &CancellationToken,
    ) -> impl Future<Output = bool> + use<> {
        let sending = self.sent_here.begin(first.subject.id);
        self.clone().drain(first, place, sending, shutdown.clone())
    }

    /// Sends a session's tasks one after the other, until there are none or one has to wait, and records their
    /// ends behind it; and then gives up its place, and tells whether there may be more.
    async fn drain(
        self,
        first: Claim,
        place: Place,
        sending: Sending,
        shutdown: CancellationToken,
    ) -> bool {
        let (claimed, to_send) = mpsc::channel(AHEAD);
        let (ended, to_record) = mpsc::unbounded_channel();
        let last = first.position;
        tokio::join!(
            self.send_all(first, to_send, ended, &shutdown),
            self.record_all(to_record, claimed, last, &sending, &shutdown),
        );
        drop(place);
        sending.end()
    }

    /// Sends what is claimed, until nothing is any more; when one has to wait, those behind it do too.
    async fn send_all(
        &self,
        first: Claim,
        mut to_send: mpsc::Receiver<Claim>,
        ended: mpsc::UnboundedSender<(Claim, Outcome)>,
        shutdown: &CancellationToken,
    ) {
        let (mut next, mut renewed) = (Some(first), Instant::now());
        let mut pace = Pace::new(self.sends.clone());
        let postponed = loop {
            let Some(claim) = next else {
                return;
            };
            match self.attempt(&claim, &mut pace, &mut renewed).await {
                Ok(outcome) => {
                    let recorded = ended.send((claim, outcome));
                    // What is not recorded is sent again, to no effect, and nothing may overtake it.
                    if recorded.is_err() || shutdown.is_cancelled() {
                        break None;
                    }
                }
                Err(delay) => break Some((claim, delay)),
            }
            next = to_send.recv().await;
        };
        drop(ended);
        // When this fails too, the leases run out.
        if let Some((claim, delay)) = postponed {
            let _ = outbox::retry(&self.pool, &claim, delay).await;
        }
        let mut unsent = Vec::new();
        while let Some(claim) = to_send.recv().await {
            unsent.push(claim);
        }
        if !unsent.is_empty() {
            let _ = outbox::give_back(&self.pool, &unsent).await;
        }
    }

    /// Records ends in their order, and claims what comes behind them, until nothing that is claimed is left.
    async fn record_all(
        &self,
        mut to_record: mpsc::UnboundedReceiver<(Claim, Outcome)>,
        claimed: mpsc::Sender<Claim>,
        mut last: i64,
        sending: &Sending,
        shutdown: &CancellationToken,
    ) {
        let mut left = 1;
        while left > 0
            && let Some((claim, outcome)) = to_record.recv().await
        {
            left -= 1;
            let go_on = !shutdown.is_cancelled() && !to_record.is_closed();
            // Many at once: a claim has to reach the disk.
            let limit = if go_on && left <= AHEAD / 2 {
                AHEAD - left
            } else {
                0
            };
            // Ends that pile up would be looked for in the room after a crash.
            let urgent = left == 0 || !to_record.is_empty();
            // What is queued from here on is told of anew.
            sending.take_more();
            let end = End {
                claim,
                outcome,
                after: last,
                limit: i64::try_from(limit).unwrap_or(i64::MAX),
            };
            let Some(next) = self.recorder.record(end, urgent).await else {
                return;
            };
            for claim in next {
                let position = claim.position;
                // There is room for it, and who sends is there until this ends.
                if claimed.try_send(claim).is_ok() {
                    left += 1;
                    last = position;
                }
            }
        }
    }

    /// Tries one task; answers with how it ended, or with when it is to be tried again.
    async fn attempt(
        &self,
        claim: &Claim,
        pace: &mut Pace,
        renewed: &mut Instant,
    ) -> Result<Outcome, Duration> {
        let sent = async {
            // As when this process was stopped for a while.
            if renewed.elapsed() > RENEWAL {
                self.renew(claim, renewed).await?;
            }
            tokio::select! {
                sent = self.send(claim, pace) => sent,
                () = time::sleep(claim.task.time_limit()) => Err(Failure::TimedOut),
                () = self.keep(claim, renewed) => Err(Failure::TakenOver),
            }
        };
        let (session_id, task) = (claim.subject.id, &claim.task);
        match sent.await {
            Ok(Some(event_id)) => Ok(Outcome::Sent(event_id)),
            Ok(None) => Ok(Outcome::Done),
            Err(Failure::Matrix(error)) if error.is_final() && *task != Task::CreateRoom => {
                tracing::error!(%session_id, ?task, %error, "will never be delivered");
                Ok(Outcome::Failed)
            }
            Err(failure) => {
                let delay = backoff(claim, &failure);
                tracing::warn!(
                    %session_id, ?task, attempts = claim.attempts, retry_in = ?delay, %failure,
                    "not delivered yet"
                );
                self.metrics.delivery_retries.inc();
                Err(delay)
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
        let event_id = if let Some(event_id) = earlier {
            event_id
        } else {
            let sent = self.homeserver.send_message(room_id, &txn_id, &content);
            pace.send(sent).await?
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
            // What was sent before it is older than what is looked for; but for an end that Postgres forgot
            // in a crash, whose transaction is young enough for the homeserver to know it.
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

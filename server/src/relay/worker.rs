//! The sender: takes what Postgres holds for the homeserver to its rooms, in order within a session,
//! side by side between sessions.

pub(super) mod attempt;
mod pace;
mod recorder;
mod sent_here;
mod turn;

use std::{
    panic,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    sync::{Notify, Semaphore},
    task::JoinSet,
    time::{self, Instant},
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{
    handoff::{self, Place},
    queue::{self, CHANNEL, Claim, Lane},
    room_maker::Asked,
};
use crate::{
    heartbeat::Heart,
    matrix::{Homeserver, inviter::Inviter},
    metrics::Metrics,
    storage::{Db, Heard, Listener, Shares},
};

use pace::Sends;
use recorder::Recorder;
use sent_here::SentHere;
use turn::Drained;

/// Sessions that are sent at the same time, of those that were found in the outbox.
const CONCURRENCY: usize = 16;
/// Rooms that are made at the same time, of those that were found in the outbox. Synapse makes hardly more of
/// them in a second when it is asked for more at a time, and everything else waits for it longer.
const ROOM_CONCURRENCY: usize = 1;
/// Wake-ups that NOTIFY lost, and tasks whose time has come, are found this often.
const POLL: Duration = Duration::from_secs(1);
/// After NOTIFY as long is waited for others, so that a burst is looked for once. Those that nothing comes
/// before are handed over and do not wait.
const GATHER: Duration = Duration::from_millis(10);
/// What is under way at the end may take this long.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(8);

/// What is sent from, and where to.
#[derive(Clone, Debug)]
pub(super) struct Sender {
    pub(super) pool: Db,
    pub(super) homeserver: Arc<Homeserver>,
    pub(super) metrics: Metrics,
    pub(super) inviter: Inviter,
    pub(super) session_ttl: Duration,
    sent_here: Arc<SentHere>,
    recorder: Recorder,
    sends: Arc<Sends>,
    lanes: Arc<Lanes>,
    pub(super) asked: Arc<Mutex<Asked>>,
}

/// How much is done at the same time.
#[derive(Debug)]
struct Lanes {
    messages: Arc<Semaphore>,
    rooms: Arc<Semaphore>,
    /// A place in the lane of rooms has become free.
    room_ended: Notify,
}

/// A place in a lane, for as long as this lives.
#[derive(Debug)]
struct Held {
    lanes: Arc<Lanes>,
    lane: Lane,
    place: Option<Place>,
}

impl Held {
    /// Gives a place in the lane of rooms back for one in that of messages; `false` when there is none. Whoever
    /// is in that lane already stays there.
    fn move_to_messages(&mut self) -> bool {
        if self.lane == Lane::Messages {
            return true;
        }
        self.give_back();
        self.lane = Lane::Messages;
        self.place = self.lanes.messages.clone().try_acquire_owned().ok();
        self.place.is_some()
    }

    fn give_back(&mut self) {
        if self.place.take().is_some() && self.lane == Lane::Rooms {
            self.lanes.room_ended.notify_one();
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.give_back();
    }
}

impl Lanes {
    fn new() -> Self {
        Self {
            messages: Arc::new(Semaphore::new(CONCURRENCY)),
            rooms: Arc::new(Semaphore::new(ROOM_CONCURRENCY)),
            room_ended: Notify::new(),
        }
    }

    const fn of(&self, lane: Lane) -> &Arc<Semaphore> {
        match lane {
            Lane::Messages => &self.messages,
            Lane::Rooms => &self.rooms,
        }
    }
}

/// Sends until `shutdown`, then finishes what is under way.
pub async fn run(
    shares: Shares,
    (heart, recorder_heart): (Heart, Heart),
    homeserver: Arc<Homeserver>,
    metrics: Metrics,
    inviter: Inviter,
    mut handed_over: handoff::Receiver,
    shutdown: CancellationToken,
) {
    let pool = shares.relay.clone();
    let (recorder, recording) = Recorder::new(pool.clone(), metrics.clone(), recorder_heart);
    let mut recording = tokio::spawn(recording);
    let lanes = Arc::new(Lanes::new());
    let sender = Sender {
        pool,
        homeserver,
        metrics,
        session_ttl: inviter.session_ttl(),
        inviter,
        sent_here: Arc::default(),
        recorder,
        sends: Arc::default(),
        lanes: lanes.clone(),
        asked: Arc::default(),
    };
    let mut at_work = JoinSet::new();
    let mut listener = None;
    while !shutdown.is_cancelled() {
        heart.beat();
        if listener.is_none() {
            listener = Listener::connect(&shares.lines, &shares.reads, CHANNEL)
                .await
                .ok();
        }
        let messages = sender.begin_waiting(Lane::Messages, &mut at_work, &shutdown);
        let messages_wait = messages.await;
        let rooms_wait = sender
            .begin_waiting(Lane::Rooms, &mut at_work, &shutdown)
            .await;
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
                () = lanes.room_ended.notified() => {
                    if rooms_wait {
                        break;
                    }
                }
                Some(drained) = at_work.join_next() => {
                    let drained = drained.unwrap_or(Drained { lane: Lane::Messages, more: true });
                    if messages_wait && drained.lane == Lane::Messages {
                        break;
                    }
                    if drained.more {
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

impl Sender {
    /// Begins with what waits in the outbox, as far as this lane has free places; answers with whether more may
    /// wait for one.
    async fn begin_waiting(
        &self,
        lane: Lane,
        at_work: &mut JoinSet<Drained>,
        shutdown: &CancellationToken,
    ) -> bool {
        let slots = self.lanes.of(lane);
        let free = slots.available_permits();
        let claims = claim_all(&self.pool, lane, free).await;
        let full = claims.len() == free;
        for claim in claims {
            // A session whose room was made just now may have taken it.
            let Ok(permit) = slots.clone().try_acquire_owned() else {
                let _ = queue::give_back(&self.pool, &[claim]).await;
                continue;
            };
            at_work.spawn(self.start(claim, permit, shutdown));
        }
        full
    }
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

async fn claim_all(pool: &Db, lane: Lane, free: usize) -> Vec<Claim> {
    if free == 0 {
        return Vec::new();
    }
    let limit = i64::try_from(free).unwrap_or(i64::MAX);
    queue::claim(pool, lane, limit)
        .await
        .unwrap_or_else(|error| {
            tracing::warn!(%error, "the outbox cannot be read");
            Vec::new()
        })
}

//! The worker: claims queued tasks and sends them to the rooms, in order within a session and side by side between
//! sessions.

mod attempt;
mod delivery;
mod pace;
mod places;
mod recorder;
mod sent_here;
mod turn;

use std::{panic, sync::Arc, time::Duration};

use tokio::{
    task::JoinSet,
    time::{self, Instant},
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{
    handoff,
    queue::{Claim, Lane},
    room_maker::RoomMaker,
    store::{News, Store},
};
use crate::{
    clock::Ambient,
    heartbeat::Heart,
    matrix::{Homeserver, inviter::Inviter},
    metrics::Metrics,
};

use pace::Sends;
use places::Lanes;
use recorder::Recorder;
use sent_here::SentHere;
use turn::Over;

/// How often the worker looks for tasks whose NOTIFY was lost, and for tasks that have become due.
const POLL: Duration = Duration::from_secs(1);
/// After a NOTIFY the worker waits this long for others, so that it looks once for a whole burst. Tasks that have
/// nothing before them are handed over and do not wait.
const GATHER: Duration = Duration::from_millis(10);
/// When the server stops, turns that are under way may take this long.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(8);

/// What every turn needs. Cheap to clone.
#[derive(Clone, Debug)]
struct Sender {
    store: Arc<dyn Store>,
    homeserver: Arc<Homeserver>,
    metrics: Metrics,
    room_maker: RoomMaker,
    sent_here: Arc<SentHere>,
    recorder: Recorder,
    sends: Arc<Sends>,
    lanes: Arc<Lanes>,
    ambient: Ambient,
}

/// The parts that the worker uses.
#[derive(Debug)]
pub struct Parts {
    /// The relay's storage.
    pub store: Arc<dyn Store>,
    /// Beats while the worker looks for something to send.
    pub heart: Heart,
    /// Beats while the recorder works.
    pub recorder_heart: Heart,
    /// The homeserver.
    pub homeserver: Arc<Homeserver>,
    /// The metrics.
    pub metrics: Metrics,
    /// The inviter of staff to new rooms.
    pub inviter: Inviter,
    /// The clock and the dice.
    pub ambient: Ambient,
}

/// Sends until `shutdown`, then finishes what is under way.
pub async fn run(parts: Parts, mut handed_over: handoff::Receiver, shutdown: CancellationToken) {
    let Parts {
        store,
        heart,
        recorder_heart,
        homeserver,
        metrics,
        inviter,
        ambient,
    } = parts;
    let (recorder, recording) = Recorder::new(
        store.clone(),
        metrics.clone(),
        recorder_heart,
        homeserver.room_texts(),
    );
    let mut recording = tokio::spawn(recording);
    let lanes = Arc::new(Lanes::new());
    let room_maker = RoomMaker::new(
        store.clone(),
        homeserver.clone(),
        metrics.clone(),
        inviter,
        ambient.clone(),
    );
    let sender = Sender {
        store: store.clone(),
        homeserver,
        metrics,
        room_maker,
        sent_here: Arc::default(),
        recorder,
        sends: Arc::default(),
        lanes: lanes.clone(),
        ambient,
    };
    let mut at_work = JoinSet::new();
    let mut listener = None;
    while !shutdown.is_cancelled() {
        heart.beat();
        if listener.is_none() {
            listener = store.listen().await;
        }
        let messages = sender.begin_waiting(Lane::Messages, &mut at_work, &shutdown);
        let messages_wait = messages.await;
        let rooms_wait = sender
            .begin_waiting(Lane::Rooms, &mut at_work, &shutdown)
            .await;
        // A task that is handed over is claimed already, so it is no reason to look for more.
        let mut look_again = Instant::now() + POLL;
        while !shutdown.is_cancelled() && Instant::now() < look_again {
            // The order is fixed, so that a simulation can be repeated exactly. The number of places bounds what is
            // handed over.
            tokio::select! {
                biased;
                () = shutdown.cancelled() => {}
                // The recorder lives as long as the sender, and nothing could be recorded without it.
                ended = &mut recording => {
                    if let Err(error) = ended {
                        panic::resume_unwind(error.into_panic());
                    }
                    return;
                }
                Some((claim, place)) = handed_over.recv() => {
                    at_work.spawn(sender.turn(claim, place, &shutdown));
                }
                () = lanes.room_ended.notified() => {
                    if rooms_wait {
                        break;
                    }
                }
                Some(over) = at_work.join_next() => {
                    let over = over.unwrap_or(Over { lane: Lane::Messages, more: true });
                    if messages_wait && over.lane == Lane::Messages {
                        break;
                    }
                    if over.more {
                        look_again = look_again.min(Instant::now() + GATHER);
                    }
                }
                told = notified(&mut listener) => {
                    // The turn that is sending the session will send this too.
                    if !told.is_some_and(|session_id| sender.sent_here.tell(session_id)) {
                        look_again = look_again.min(Instant::now() + GATHER);
                    }
                }
                () = time::sleep_until(look_again) => {}
            }
        }
    }
    drop((listener, handed_over, sender));
    let finished = async {
        while at_work.join_next().await.is_some() {}
        let _ = recording.await;
    };
    // Whatever is cut off is sent again, as the same transaction, when its lease has expired.
    let _ = time::timeout(SHUTDOWN_GRACE, finished).await;
}

impl Sender {
    /// Starts turns for the sessions that wait in the queue, as far as this lane has free places. Returns whether more
    /// may be waiting for a place.
    async fn begin_waiting(
        &self,
        lane: Lane,
        at_work: &mut JoinSet<Over>,
        shutdown: &CancellationToken,
    ) -> bool {
        let free = self.lanes.free(lane);
        let claims = self.claim_all(lane, free).await;
        let full = claims.len() == free;
        for claim in claims {
            // A session whose room was made just now may have taken the place.
            let Some(place) = self.lanes.take(lane) else {
                let _ = self.store.give_back(&[claim]).await;
                continue;
            };
            at_work.spawn(self.turn(claim, place, shutdown));
        }
        full
    }

    async fn claim_all(&self, lane: Lane, free: usize) -> Vec<Claim> {
        if free == 0 {
            return Vec::new();
        }
        let limit = i64::try_from(free).unwrap_or(i64::MAX);
        let claims = self.store.claim(lane, limit).await;
        claims.unwrap_or_else(|error| {
            tracing::warn!(%error, "the queue cannot be read");
            Vec::new()
        })
    }
}

/// Waits for a NOTIFY, which says which session has something to send. A listener that lost its connection is dropped,
/// and the poll takes over until there is a new one.
async fn notified(listener: &mut Option<Box<dyn News>>) -> Option<Uuid> {
    let Some(active) = listener else {
        return std::future::pending().await;
    };
    let session_id = active.next().await;
    if session_id.is_none() {
        *listener = None;
    }
    session_id
}

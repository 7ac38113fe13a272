//! Shows the visitors' typing and reading in their rooms as the bot's.
//!
//! Nothing of it is stored or repeated: signals that the homeserver does not take soon are dropped.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use quick_cache::sync::Cache;
use tokio::{
    sync::{Semaphore, mpsc},
    task::JoinSet,
    time::{self, Instant},
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::homeserver::{Homeserver, MatrixError};
use crate::{
    heartbeat::Heart,
    metrics::Metrics,
    storage::{Db, signals},
    visitor_signals::VisitorSignal,
};

/// The number of requests that are under way at the same time.
const REQUESTS: usize = 4;
/// How often the bot's receipt moves in one room.
const READ_EVERY: Duration = Duration::from_secs(3);
/// How often receipts that are due are sent.
const TICK: Duration = Duration::from_millis(500);
/// The number of conversations in which a receipt waits.
const MAX_PENDING: usize = 1 << 10;
/// The number of conversations whose last signal is remembered.
const MAX_TOLD: usize = 1 << 14;
/// How long to wait for a homeserver that asks for it without saying how long.
const PAUSE: Duration = Duration::from_secs(10);

/// Sends signals until `shutdown`.
pub async fn run(
    pool: Db,
    homeserver: Arc<Homeserver>,
    metrics: Metrics,
    mut queued: mpsc::Receiver<VisitorSignal>,
    heart: Heart,
    shutdown: CancellationToken,
) {
    let teller = Arc::new(Teller {
        pool,
        homeserver,
        metrics,
        permits: Arc::new(Semaphore::new(REQUESTS)),
        told: Cache::new(MAX_TOLD),
        paused_until: Mutex::default(),
    });
    let mut reads = Reads::default();
    let mut requests = JoinSet::new();
    let mut ticks = time::interval(TICK);
    loop {
        heart.beat();
        tokio::select! {
            () = shutdown.cancelled() => break,
            signal = queued.recv() => match signal {
                Some(signal @ VisitorSignal::Typing(_)) => teller.start(&mut requests, signal),
                Some(VisitorSignal::Fetched(session_id, entry)) => reads.add(session_id, entry),
                None => break,
            },
            _ = ticks.tick() => {
                for (session_id, entry) in reads.due(Instant::now()) {
                    teller.start(&mut requests, VisitorSignal::Fetched(session_id, entry));
                }
            }
            Some(_) = requests.join_next() => {}
        }
    }
}

/// What visitors have fetched; the last entry of each conversation counts.
#[derive(Debug)]
struct Reads {
    pending: HashMap<Uuid, Uuid>,
    /// The entry that was sent last, and when.
    told: Cache<Uuid, (Uuid, Instant)>,
}

impl Default for Reads {
    fn default() -> Self {
        Self {
            pending: HashMap::new(),
            told: Cache::new(MAX_TOLD),
        }
    }
}

impl Reads {
    /// A repeated poll is no news.
    fn add(&mut self, session_id: Uuid, entry: Uuid) {
        if self
            .told
            .get(&session_id)
            .is_some_and(|(told, _)| told == entry)
        {
            self.pending.remove(&session_id);
        } else if self.pending.len() < MAX_PENDING || self.pending.contains_key(&session_id) {
            self.pending.insert(session_id, entry);
        }
    }

    /// Takes the receipts that are due, which count as sent.
    fn due(&mut self, now: Instant) -> Vec<(Uuid, Uuid)> {
        let told = &self.told;
        let due: Vec<_> = self
            .pending
            .extract_if(|session_id, _| {
                told.get(session_id)
                    .is_none_or(|(_, at)| now.duration_since(at) >= READ_EVERY)
            })
            .collect();
        for (session_id, entry) in &due {
            told.insert(*session_id, (*entry, now));
        }
        due
    }
}

struct Teller {
    pool: Db,
    homeserver: Arc<Homeserver>,
    metrics: Metrics,
    permits: Arc<Semaphore>,
    /// The last event in each conversation that the visitor was shown to have read.
    told: Cache<Uuid, String>,
    paused_until: Mutex<Option<Instant>>,
}

impl Teller {
    /// Sends a request, unless the homeserver is slow or has asked the relay to wait.
    fn start(self: &Arc<Self>, requests: &mut JoinSet<()>, signal: VisitorSignal) {
        let is_paused = self.paused().is_some_and(|until| Instant::now() < until);
        let permit = self.permits.clone().try_acquire_owned();
        let (false, Ok(permit)) = (is_paused, permit) else {
            self.metrics.signals_dropped.inc();
            return;
        };
        let teller = self.clone();
        requests.spawn(async move {
            if let Err(error) = teller.tell(signal).await {
                tracing::debug!(%error, "a visitor's signal cannot be sent to the room");
                teller.metrics.signals_dropped.inc();
                if error.concerns_all_rooms() {
                    let pause = error.retry_after().unwrap_or(PAUSE);
                    *teller.paused() = Some(Instant::now() + pause);
                }
            }
            drop(permit);
        });
    }

    async fn tell(&self, signal: VisitorSignal) -> Result<(), MatrixError> {
        match signal {
            VisitorSignal::Typing(session_id) => self.type_in(session_id).await,
            VisitorSignal::Fetched(session_id, entry) => self.read_in(session_id, entry).await,
        }
    }

    async fn type_in(&self, session_id: Uuid) -> Result<(), MatrixError> {
        let Some(room_id) = signals::room_of(&self.pool, session_id).await? else {
            return Ok(());
        };
        self.homeserver.set_typing(&room_id).await
    }

    async fn read_in(&self, session_id: Uuid, entry: Uuid) -> Result<(), MatrixError> {
        let Some(fetched) = signals::fetched(&self.pool, session_id, entry).await? else {
            return Ok(());
        };
        let signals::Fetched { room_id, event_id } = fetched;
        if self.told.get(&session_id).as_ref() == Some(&event_id) {
            return Ok(());
        }
        self.homeserver.set_read(&room_id, &event_id).await?;
        self.told.insert(session_id, event_id);
        Ok(())
    }

    /// No invariant spans a panic.
    fn paused(&self) -> MutexGuard<'_, Option<Instant>> {
        self.paused_until
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reading_is_gathered_and_told_once() {
        let (mut reads, start) = (Reads::default(), Instant::now());
        let id = Uuid::from_u128;
        let (ada, bob) = (id(1), id(2));
        for entry in [10, 11] {
            reads.add(ada, id(entry));
        }
        reads.add(bob, id(20));
        let mut due = reads.due(start);
        due.sort_unstable();
        assert_eq!(due, [(ada, id(11)), (bob, id(20))]);
        reads.add(bob, id(20));
        reads.add(ada, id(12));
        reads.add(ada, id(13));
        assert!(reads.due(start + TICK).is_empty(), "too soon");
        assert_eq!(reads.due(start + READ_EVERY), [(ada, id(13))]);
        assert!(reads.due(start + 2 * READ_EVERY).is_empty());
    }

    #[test]
    fn what_waits_is_bounded() {
        let mut reads = Reads::default();
        for n in 0..2 * MAX_PENDING {
            reads.add(Uuid::new_v4(), Uuid::from_u128(n as u128));
        }
        assert_eq!(reads.pending.len(), MAX_PENDING);
    }
}

//! Receipts and typing of the staff, for the visitors who are there.
//!
//! They come with `/sync`, which asks for them only in rooms whose visitors are there. Nothing waits for them, and no
//! error with them stops a message: a signal that cannot be passed on soon is dropped.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use incoming::signals::{Receipt, RoomSignals};
use matrix_sdk::ruma::{OwnedRoomId, OwnedUserId};
use tokio::{
    sync::{Mutex as AsyncMutex, mpsc},
    task::JoinSet,
    time::{self, Instant},
};
use uuid::Uuid;

use super::homeserver::{Homeserver, MatrixError};
use crate::{
    metrics::Metrics,
    poll_cache::PollCache,
    storage::{Db, session_rooms, signals},
};

/// The most bytes of rooms in the filter of a sync, which is enough for some 120 rooms. The filter is part of the
/// address, and proxies refuse addresses of more than 8 KiB.
const MAX_FILTER_BYTES: usize = 6_000;
/// More rooms than can ever fit.
const MAX_ROOMS: i64 = 300;
/// How long no signals are requested after the homeserver, or a proxy before it, has refused the request.
const SUSPENDED: Duration = Duration::from_mins(10);
/// The number of answers that may wait.
const QUEUE: usize = 64;
/// The number of receipts that are looked up at the same time.
const LOOKUPS: usize = 4;
/// The wait before a receipt is looked up again if its event, or the message before it, was not recorded yet.
const PAUSES: [Duration; 3] = [
    Duration::from_millis(300),
    Duration::from_secs(1),
    Duration::from_secs(4),
];
/// How often continued typing is announced again.
const TELL_AGAIN: Duration = Duration::from_secs(10);

/// The signals that the sync requests, and where they go.
#[derive(Debug)]
pub(super) struct StaffSignals {
    pool: Db,
    homeserver: Arc<Homeserver>,
    poll_cache: PollCache,
    metrics: Metrics,
    session_ttl: Duration,
    staff: HashSet<String>,
    suspended_until: Mutex<Option<Instant>>,
    queue: mpsc::Sender<Vec<RoomSignals>>,
    queued: AsyncMutex<mpsc::Receiver<Vec<RoomSignals>>>,
}

impl StaffSignals {
    pub(super) fn new(
        pool: Db,
        homeserver: Arc<Homeserver>,
        poll_cache: PollCache,
        metrics: Metrics,
        session_ttl: Duration,
    ) -> Self {
        let staff = homeserver.config().staff.iter();
        let staff = staff.map(OwnedUserId::to_string).collect();
        let (queue, queued) = mpsc::channel(QUEUE);
        Self {
            pool,
            homeserver,
            poll_cache,
            metrics,
            session_ttl,
            staff,
            suspended_until: Mutex::default(),
            queue,
            queued: AsyncMutex::new(queued),
        }
    }

    /// The rooms for which the next sync requests receipts and typing.
    pub(super) async fn rooms(&self) -> Vec<OwnedRoomId> {
        if self.suspended().is_some_and(|until| Instant::now() < until) {
            return Vec::new();
        }
        let rooms = signals::rooms_with_visitors(&self.pool, self.session_ttl, MAX_ROOMS).await;
        match rooms {
            Ok(rooms) => fitting(rooms),
            Err(error) => {
                tracing::debug!(%error, "the visitors' pages cannot be announced");
                Vec::new()
            }
        }
    }

    /// Called when the sync with these rooms has failed. If the request itself was at fault, the next ones request no
    /// signals.
    pub(super) fn failed(&self, rooms: &[OwnedRoomId], error: &MatrixError) {
        if !rooms.is_empty() && error.is_fault_of_request() {
            tracing::warn!(%error, "receipts and typing are not requested for ten minutes");
            *self.lock() = Some(Instant::now() + SUSPENDED);
        }
    }

    /// Takes the signals of a sync.
    pub(super) fn take(&self, signals: Vec<RoomSignals>) {
        if !signals.is_empty() && self.queue.try_send(signals).is_err() {
            self.metrics.signals_dropped.inc();
        }
    }

    /// Passes the signals on to visitors, for as long as this is polled.
    pub(super) async fn work(&self) {
        let mut queued = self.queued.lock().await;
        let mut lookups = JoinSet::new();
        let mut told = HashMap::new();
        loop {
            tokio::select! {
                Some(signals) = queued.recv() => {
                    if let Err(error) = self.tell(signals, &mut told, &mut lookups).await {
                        tracing::debug!(%error, "receipts and typing cannot be passed on");
                        self.metrics.signals_dropped.inc();
                    }
                }
                Some(_) = lookups.join_next() => {}
            }
        }
    }

    async fn tell(
        &self,
        signals: Vec<RoomSignals>,
        told: &mut HashMap<Uuid, Instant>,
        lookups: &mut JoinSet<()>,
    ) -> Result<(), sqlx::Error> {
        let rooms: Vec<_> = signals.iter().map(|it| it.room_id.clone()).collect();
        let sessions: HashMap<_, _> = session_rooms::of_rooms(&self.pool, &rooms)
            .await?
            .into_iter()
            .collect();
        for signals in signals {
            let Some(&session_id) = sessions.get(&signals.room_id) else {
                continue;
            };
            if let Some(typing) = signals.typing {
                let typing = typing.iter().any(|user| self.staff.contains(user));
                self.tell_typing(session_id, typing, told).await?;
            }
            let event_ids = self.read_by_staff(signals.receipts);
            if event_ids.is_empty() {
                continue;
            }
            let known = signals::read_up_to(&self.pool, session_id, &event_ids).await?;
            let mut rest = event_ids;
            rest.retain(|event_id| !known.contains(event_id));
            if rest.is_empty() || !signals::has_unread(&self.pool, session_id).await? {
                continue;
            }
            if lookups.len() < LOOKUPS {
                let lookup = Lookup {
                    pool: self.pool.clone(),
                    homeserver: self.homeserver.clone(),
                    session_id,
                    room_id: signals.room_id,
                };
                lookups.spawn(lookup.run(rest));
            } else {
                self.metrics.signals_dropped.inc();
            }
        }
        Ok(())
    }

    /// The homeserver sends everybody who types whenever that changes, including the bot; servers are notified only of
    /// changes.
    async fn tell_typing(
        &self,
        session_id: Uuid,
        typing: bool,
        told: &mut HashMap<Uuid, Instant>,
    ) -> Result<(), sqlx::Error> {
        let now = Instant::now();
        let before = told.get(&session_id).copied();
        if typing {
            if before.is_some_and(|at| now < at + TELL_AGAIN) {
                return Ok(());
            }
            // By then, people who have sent no news no longer count as typing.
            told.retain(|_, at| now < *at + Duration::from_mins(1));
            told.insert(session_id, now);
        } else if told.remove(&session_id).is_none() {
            return Ok(());
        }
        self.poll_cache.set_staff_typing(session_id, typing);
        signals::tell_typing(&self.pool, session_id, typing).await
    }

    fn read_by_staff(&self, receipts: Vec<Receipt>) -> Vec<String> {
        let receipts = receipts.into_iter();
        let of_staff = receipts.filter(|receipt| self.staff.contains(&receipt.user_id));
        let event_ids: HashSet<_> = of_staff.map(|receipt| receipt.event_id).collect();
        event_ids.into_iter().collect()
    }

    fn suspended(&self) -> Option<Instant> {
        *self.lock()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Instant>> {
        // No invariant spans a panic.
        self.suspended_until
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Receipts for events that are not messages of the visitor, or are not recorded as such yet.
struct Lookup {
    pool: Db,
    homeserver: Arc<Homeserver>,
    session_id: Uuid,
    room_id: String,
}

impl Lookup {
    /// Each counts up to the visitor's last message before it. Only the room knows the order.
    async fn run(self, mut event_ids: Vec<String>) {
        for pause in PAUSES {
            time::sleep(pause).await;
            match self.find(&mut event_ids).await {
                Ok(()) if event_ids.is_empty() => return,
                Ok(()) => {}
                Err(error) => {
                    tracing::debug!(session_id = %self.session_id, %error, "a receipt cannot be looked up yet");
                }
            }
        }
    }

    /// Takes those out that count.
    async fn find(&self, event_ids: &mut Vec<String>) -> Result<(), MatrixError> {
        let Self {
            pool, session_id, ..
        } = self;
        let known = signals::read_up_to(pool, *session_id, event_ids).await?;
        event_ids.retain(|event_id| !known.contains(event_id));
        for event_id in std::mem::take(event_ids) {
            let before = self.homeserver.sent_before(&self.room_id, &event_id).await;
            // If an event is gone, it is not known what came before it.
            let before = match before {
                Err(error) if error.is_final() => continue,
                before => before?,
            };
            let found = signals::read_up_to(pool, *session_id, &before).await?;
            if found.is_empty() {
                event_ids.push(event_id);
            }
        }
        Ok(())
    }
}

/// As many of the rooms as fit into an address, from the first one on.
fn fitting(rooms: Vec<String>) -> Vec<OwnedRoomId> {
    let mut left = MAX_FILTER_BYTES;
    let rooms = rooms.into_iter().map_while(|room_id| {
        let escaped: usize = room_id
            .bytes()
            .map(|byte| if byte.is_ascii_alphanumeric() { 1 } else { 3 })
            .sum();
        // Including the quotes and the comma.
        left = left.checked_sub(escaped + 9)?;
        Some(room_id)
    });
    let rooms = rooms.map(OwnedRoomId::try_from);
    rooms.filter_map(Result::ok).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_rooms_are_asked_for_as_an_address_has_room_for() {
        let rooms = |count: usize| {
            let rooms = 0..count;
            rooms.map(|n| format!("!AbCdEfGhIjKlMn{n:04}:matrix.example.org"))
        };
        let few: Vec<_> = rooms(7).collect();
        assert_eq!(fitting(few.clone()), few);
        let fit = fitting(rooms(1_000).collect());
        assert!(fit.len() > 100, "{}", fit.len());
        let json = serde_json::to_string(&fit).unwrap();
        let escaped: String = url::form_urlencoded::byte_serialize(json.as_bytes()).collect();
        assert!(escaped.len() <= MAX_FILTER_BYTES + 6, "{}", escaped.len());
        let first: Vec<_> = rooms(fit.len()).collect();
        assert_eq!(fit, first, "those first where somebody spoke last");
    }
}

//! Answers polls without asking Postgres: the cache keeps a snapshot of each conversation's newest message for minutes,
//! and holds the polls that wait for the next one.
//!
//! A snapshot can only justify the answer "nothing new", with the delivery marks that go with it; any other answer is
//! read from Postgres. The cache drops a snapshot as soon as its conversation changes: at once when this server has
//! changed it, and otherwise when NOTIFY says so (see [`changes`]). Snapshots count only while the connection that
//! brings NOTIFY is known to live, and none counts for longer than [`MAX_AGE`].
//!
//! A poll's cursor never skips a message, so a snapshot that is out of date can only delay one, by at most these
//! bounds.

mod changes;
mod signals;
mod waiter;

use std::{
    collections::{HashMap, HashSet},
    mem,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use rand::RngExt;
use sha2::{Digest, Sha256};
use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::model::Marks;

pub use changes::follow as follow_changes;
pub use signals::Signals;

use waiter::Waiter;

/// A snapshot is read again after at most this time, whatever NOTIFY says. Some are read again sooner, at random, so
/// that snapshots that were all read after a start do not all expire together.
const MAX_AGE: Duration = Duration::from_mins(10);
const MIN_AGE: Duration = Duration::from_mins(5);
/// The number of snapshots that are kept, of about 190 bytes each.
const MAX_SNAPSHOTS: usize = 1 << 17;
/// For how long staff count as typing unless the homeserver says that they have stopped.
const TYPING: Duration = Duration::from_secs(30);
/// The number of conversations in which staff can be typing.
const MAX_TYPING: usize = 1 << 14;
/// The number of polls that may wait at the same time.
const MAX_WAITERS: usize = 1 << 14;
/// The time in which a new connection replaces the one that brought NOTIFY, if one can be made at all.
const RECONNECTS: Duration = Duration::from_secs(10);
/// The cache is divided into shards, so that requests of different sessions do not wait for each other.
const SHARDS: usize = 256;

/// The digest of a token that opens a session. The token cannot be found from it, and it is never stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TokenDigest([u8; 32]);

impl TokenDigest {
    pub(crate) fn of(token: &str) -> Self {
        Self(Sha256::digest(token).into())
    }
}

/// The newest message of an open session.
#[derive(Clone, Copy, Debug)]
pub(super) struct Snapshot {
    /// Its id.
    pub(super) newest: Uuid,
    /// How far the visitor's messages have been delivered and read.
    pub(super) marks: Marks,
    /// A token that was found to open the session.
    pub(super) token: TokenDigest,
    /// When the session expires.
    pub(super) expires_at: Instant,
}

/// Notices changes while a snapshot is being read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ticket {
    session_id: Uuid,
    epoch: u64,
    version: u64,
    taken_at: Instant,
}

/// The snapshots of all conversations that are polled on this server. Cheap to clone.
#[derive(Clone, Debug)]
pub struct PollCache {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    shards: Box<[Mutex<Shard>]>,
    /// The number of the connection that brings NOTIFY: a snapshot that was read under another one may have missed a
    /// change.
    epoch: AtomicU64,
    /// Until when NOTIFY is relied on, in milliseconds since `started`.
    trusted_until: AtomicU64,
    /// The latest value that `trusted_until` has had.
    last_trusted: AtomicU64,
    started: Instant,
    places: Arc<Semaphore>,
    shutdown: CancellationToken,
}

#[derive(Debug, Default)]
struct Shard {
    /// How often any conversation of this shard has changed.
    version: u64,
    snapshots: HashMap<Uuid, Remembered>,
    waiting: HashMap<Uuid, Waiting>,
    /// The conversations in which staff are typing, and until when that counts.
    typing: HashMap<Uuid, Instant>,
    /// The conversations whose visitors have asked for something since the last [`PollCache::take_seen`].
    seen: HashSet<Uuid>,
}

#[derive(Debug)]
struct Remembered {
    snapshot: Snapshot,
    epoch: u64,
    good_until: Instant,
}

#[derive(Debug, Default)]
struct Waiting {
    polls: usize,
    changed: Arc<Notify>,
}

impl PollCache {
    /// An empty cache. No poll waits beyond `shutdown`.
    #[must_use]
    pub fn new(shutdown: CancellationToken) -> Self {
        Self::with_places(shutdown, MAX_WAITERS)
    }

    fn with_places(shutdown: CancellationToken, places: usize) -> Self {
        let shards = std::iter::repeat_with(Mutex::default)
            .take(SHARDS)
            .collect();
        Self {
            inner: Arc::new(Inner {
                shards,
                epoch: AtomicU64::new(0),
                trusted_until: AtomicU64::new(0),
                last_trusted: AtomicU64::new(0),
                started: Instant::now(),
                places: Arc::new(Semaphore::new(places)),
                shutdown,
            }),
        }
    }

    /// The signals of a session, if the cache is certain that `token` opens it and that nothing came after `message`.
    pub(super) fn nothing_after(
        &self,
        session_id: Uuid,
        token: &TokenDigest,
        message: Uuid,
    ) -> Option<Signals> {
        let now = Instant::now();
        let mut shard = self.shard(session_id);
        let snapshot = self.known(&shard, session_id, token, now)?;
        if snapshot.newest != message {
            return None;
        }
        shard.seen.insert(session_id);
        Some(Signals {
            marks: snapshot.marks,
            staff_typing: shard.staff_type(session_id, now),
        })
    }

    /// Whether the cache is certain that `token` opens the session.
    pub(super) fn opens(&self, session_id: Uuid, token: &TokenDigest) -> bool {
        let mut shard = self.shard(session_id);
        let opens = self
            .known(&shard, session_id, token, Instant::now())
            .is_some();
        if opens {
            shard.seen.insert(session_id);
        }
        opens
    }

    fn known(
        &self,
        shard: &Shard,
        session_id: Uuid,
        token: &TokenDigest,
        now: Instant,
    ) -> Option<Snapshot> {
        let Remembered {
            snapshot,
            epoch,
            good_until,
        } = shard.snapshots.get(&session_id)?;
        let is_good = self.is_trusted(now)
            && *epoch == self.epoch()
            && snapshot.token == *token
            && now < snapshot.expires_at
            && now < *good_until;
        is_good.then_some(*snapshot)
    }

    /// Whether a member of the staff is typing in the conversation.
    pub(super) fn staff_type(&self, session_id: Uuid) -> bool {
        self.shard(session_id)
            .staff_type(session_id, Instant::now())
    }

    /// Records whether members of the staff are typing in the conversation. Polls that wait may be answered then.
    pub fn set_staff_typing(&self, session_id: Uuid, typing: bool) {
        let now = Instant::now();
        let mut shard = self.shard(session_id);
        if typing {
            if shard.typing.len() >= MAX_TYPING / SHARDS {
                shard.typing.retain(|_, until| now < *until);
            }
            if shard.typing.len() < MAX_TYPING / SHARDS {
                shard.typing.insert(session_id, now + TYPING);
            }
        } else {
            shard.typing.remove(&session_id);
        }
        shard.wake(session_id);
    }

    /// Records that the conversation's visitor, who may read it, has asked for something.
    pub(super) fn saw(&self, session_id: Uuid) {
        self.shard(session_id).seen.insert(session_id);
    }

    /// The conversations whose visitors have asked for something since the last call, or have a poll that waits here.
    pub(super) fn take_seen(&self) -> Vec<Uuid> {
        let mut all = Vec::new();
        for shard in &self.inner.shards {
            let mut shard = lock(shard);
            let mut seen = mem::take(&mut shard.seen);
            seen.extend(shard.waiting.keys());
            all.extend(seen);
        }
        all
    }

    /// Takes a ticket, which is needed before a snapshot is read from Postgres.
    pub(super) fn ticket(&self, session_id: Uuid) -> Ticket {
        Ticket {
            session_id,
            epoch: self.epoch(),
            version: self.shard(session_id).version,
            taken_at: Instant::now(),
        }
    }

    /// Stores what was read since the ticket was taken, unless it may have changed since then.
    pub(super) fn remember(&self, ticket: &Ticket, snapshot: Snapshot) {
        let mut shard = self.shard(ticket.session_id);
        if shard.version != ticket.version {
            return;
        }
        if shard.snapshots.len() >= MAX_SNAPSHOTS / SHARDS {
            shard.forget_old();
            if shard.snapshots.len() >= MAX_SNAPSHOTS / SHARDS {
                return;
            }
        }
        let remembered = Remembered {
            snapshot,
            epoch: ticket.epoch,
            good_until: ticket.taken_at + rand::rng().random_range(MIN_AGE..MAX_AGE),
        };
        shard.snapshots.insert(ticket.session_id, remembered);
    }

    /// Records that the conversation may have changed: polls ask Postgres again, and those that wait do so now.
    pub fn changed(&self, session_id: Uuid) {
        let mut shard = self.shard(session_id);
        shard.version += 1;
        shard.snapshots.remove(&session_id);
        shard.wake(session_id);
    }

    /// Changes are notified from now on; nothing is known about earlier ones.
    pub(super) fn begin_epoch(&self) {
        self.inner.epoch.fetch_add(1, Ordering::SeqCst);
    }

    /// All changes up to now have been notified, and those until then will be.
    pub(super) fn trust_until(&self, instant: Instant) {
        let until = instant.saturating_duration_since(self.inner.started);
        let until = u64::try_from(until.as_millis()).unwrap_or(u64::MAX);
        self.inner.trusted_until.store(until, Ordering::SeqCst);
        self.inner.last_trusted.store(until, Ordering::SeqCst);
    }

    /// Whether changes were notified lately, so that a new connection may still be on its way.
    #[must_use]
    pub fn hear_changes(&self) -> bool {
        let told = self.inner.last_trusted.load(Ordering::SeqCst);
        let now = self.inner.started.elapsed().as_millis();
        now < u128::from(told) + RECONNECTS.as_millis()
    }

    /// Changes are no longer notified.
    pub(super) fn distrust(&self) {
        self.inner.trusted_until.store(0, Ordering::SeqCst);
    }

    fn is_trusted(&self, now: Instant) -> bool {
        let now = now
            .saturating_duration_since(self.inner.started)
            .as_millis();
        now < u128::from(self.inner.trusted_until.load(Ordering::SeqCst))
    }

    fn epoch(&self) -> u64 {
        self.inner.epoch.load(Ordering::SeqCst)
    }

    /// Drops snapshots that no longer count.
    pub(super) fn forget_old(&self) {
        for shard in &self.inner.shards {
            let mut shard = lock(shard);
            shard.forget_old();
            shard.snapshots.shrink_to_fit();
            shard.waiting.shrink_to_fit();
        }
    }

    /// A place among the polls that wait for news of this conversation; `None` when all places are taken.
    pub(super) fn waiter(&self, session_id: Uuid) -> Option<Waiter> {
        let place = self.inner.places.clone().try_acquire_owned().ok()?;
        let mut shard = self.shard(session_id);
        let waiting = shard.waiting.entry(session_id).or_default();
        waiting.polls += 1;
        Some(Waiter {
            session_id,
            changed: waiting.changed.clone(),
            cache: self.clone(),
            _place: place,
        })
    }

    fn shard(&self, session_id: Uuid) -> MutexGuard<'_, Shard> {
        // The ids of sessions are random, so they can be used as they are.
        let [.., last] = *session_id.as_bytes();
        lock(&self.inner.shards[usize::from(last) % SHARDS])
    }
}

/// No invariant spans a panic, so a poisoned shard can be used like any other.
fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shard {
    fn forget_old(&mut self) {
        let now = Instant::now();
        self.snapshots
            .retain(|_, snapshot| now < snapshot.good_until);
        self.typing.retain(|_, until| now < *until);
    }

    fn staff_type(&self, session_id: Uuid, now: Instant) -> bool {
        self.typing
            .get(&session_id)
            .is_some_and(|until| now < *until)
    }

    fn wake(&self, session_id: Uuid) {
        if let Some(waiting) = self.waiting.get(&session_id) {
            waiting.changed.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests;

//! Which visitors are there: when each of them last asked for something.
//!
//! A request leaves a mark in memory and nothing else. Marks are written to Postgres in one statement a second, and for one
//! conversation no more often than every [`SPARING`]; the last one always is. So what Postgres says of somebody who has gone is exact
//! after that time, and who comes back is known to be there within a second.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tokio::time;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{
    heartbeat::Heart,
    storage::{
        Db,
        visitors_seen::{self, Seen},
    },
};

/// How often a conversation's mark is written at most.
const SPARING: Duration = Duration::from_secs(30);
const PERIOD: Duration = Duration::from_secs(1);
/// Marks that are remembered at most; who comes beyond that is not known to be there. About 80 bytes each.
const MAX_MARKS: usize = 1 << 17;
/// Marks in one statement.
const BATCH: usize = 4_096;
/// Requests of different sessions should not wait for each other.
const SHARDS: usize = 64;

/// The marks. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Presence {
    shards: Arc<[Mutex<HashMap<Uuid, Mark>>]>,
}

#[derive(Clone, Copy, Debug)]
struct Mark {
    seen: Instant,
    /// When what was written last had been seen, and when it was written.
    written: Option<(Instant, Instant)>,
}

impl Default for Presence {
    fn default() -> Self {
        let shards = std::iter::repeat_with(Mutex::default).take(SHARDS);
        Self {
            shards: shards.collect(),
        }
    }
}

impl Presence {
    /// The session's visitor has asked for something.
    pub(super) fn seen(&self, session_id: Uuid) {
        let now = Instant::now();
        let mut shard = self.shard(session_id);
        if let Some(mark) = shard.get_mut(&session_id) {
            mark.seen = now;
        } else if shard.len() < MAX_MARKS / SHARDS {
            let mark = Mark {
                seen: now,
                written: None,
            };
            shard.insert(session_id, mark);
        }
    }

    /// Writes marks down until `shutdown`, and what is left then.
    pub async fn run(self, db: Db, heart: Heart, shutdown: CancellationToken) {
        let db = db.beating(heart.clone());
        let mut is_behind = false;
        while !shutdown.is_cancelled() {
            let pause = heart.idle(time::sleep(PERIOD));
            tokio::select! { () = shutdown.cancelled() => {}, () = pause => {} }
            let due = self.due(Instant::now(), shutdown.is_cancelled());
            for batch in due.chunks(BATCH) {
                let written = self.write(&db, batch).await;
                // Once, and not every second.
                if let Err(error) = &written
                    && !is_behind
                {
                    tracing::warn!(%error, "which visitors are there cannot be written down yet");
                }
                is_behind = written.is_err();
                if is_behind {
                    break;
                }
            }
        }
    }

    async fn write(&self, db: &Db, batch: &[(Uuid, Instant)]) -> Result<(), sqlx::Error> {
        let now = Instant::now();
        let seen = batch.iter().map(|(session_id, seen)| Seen {
            session_id: *session_id,
            ago: (now - *seen).as_secs_f64(),
        });
        visitors_seen::record(db, &seen.collect::<Vec<_>>()).await?;
        for (session_id, seen) in batch {
            if let Some(mark) = self.shard(*session_id).get_mut(session_id) {
                mark.written = Some((*seen, now));
            }
        }
        Ok(())
    }

    /// What is to be written; lets go of what needs no memory any more.
    fn due(&self, now: Instant, all: bool) -> Vec<(Uuid, Instant)> {
        let mut due = Vec::new();
        for shard in &*self.shards {
            lock(shard).retain(|session_id, mark| {
                let Some((seen, written)) = mark.written else {
                    due.push((*session_id, mark.seen));
                    return true;
                };
                let rested = now.saturating_duration_since(written) >= SPARING;
                if mark.seen == seen {
                    return !rested;
                }
                if all || rested {
                    due.push((*session_id, mark.seen));
                }
                true
            });
        }
        due
    }

    fn shard(&self, session_id: Uuid) -> MutexGuard<'_, HashMap<Uuid, Mark>> {
        // The ids of sessions are random.
        let [.., last] = *session_id.as_bytes();
        lock(&self.shards[usize::from(last) % SHARDS])
    }
}

/// No invariant spans a panic, so a poisoned shard is as good as any.
fn lock(shard: &Mutex<HashMap<Uuid, Mark>>) -> MutexGuard<'_, HashMap<Uuid, Mark>> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(presence: &Presence, now: Instant) -> usize {
        let due = presence.due(now, false);
        for (session_id, seen) in &due {
            let mut shard = presence.shard(*session_id);
            shard.get_mut(session_id).unwrap().written = Some((*seen, now));
        }
        due.len()
    }

    #[test]
    fn a_mark_is_written_at_once_then_sparingly_and_at_last() {
        let presence = Presence::default();
        let session_id = Uuid::new_v4();
        presence.seen(session_id);
        let start = Instant::now();
        assert_eq!(
            write(&presence, start),
            1,
            "whoever comes is known to be there"
        );
        for _ in 0..10 {
            presence.seen(session_id);
            assert_eq!(
                write(&presence, start + SPARING / 2),
                0,
                "not for each request"
            );
        }
        assert_eq!(write(&presence, start + SPARING), 1, "the last request is");
        assert_eq!(write(&presence, start + 2 * SPARING), 0);
        assert!(presence.shard(session_id).is_empty(), "and then forgotten");
        presence.seen(session_id);
        assert_eq!(
            write(&presence, start + 2 * SPARING),
            1,
            "whoever comes back is known to"
        );
    }

    #[test]
    fn memory_is_bounded() {
        let presence = Presence::default();
        for _ in 0..2 * MAX_MARKS {
            presence.seen(Uuid::new_v4());
        }
        assert!(presence.due(Instant::now(), false).len() <= MAX_MARKS);
    }
}

//! Records which visitors are present. It writes in batches, so that polls themselves write
//! nothing.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use tokio::time;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{
    heartbeat::Heart,
    poll_cache::PollCache,
    storage::{Db, presence},
};

/// How soon the arrival of a visitor is recorded.
const FLUSH: Duration = Duration::from_secs(5);
/// How often a present visitor is recorded again.
const REPEAT: Duration = Duration::from_secs(20);
/// After this time an entry that could not be recorded is dropped, since its conversation may have
/// been deleted.
const GIVE_UP: Duration = Duration::from_mins(1);
/// The maximum number of conversations in one statement.
const BATCH: usize = 500;

/// Records until `shutdown`, and then once more.
pub async fn record_presence(
    poll_cache: PollCache,
    db: Db,
    heart: Heart,
    shutdown: CancellationToken,
) {
    let db = db.beating(heart.clone());
    let mut recorder = Recorder::default();
    loop {
        let pause = heart.idle(time::sleep(FLUSH));
        let ends = tokio::select! { () = shutdown.cancelled() => true, () = pause => false };
        let repeat = if ends { Duration::ZERO } else { REPEAT };
        let due = recorder.due(poll_cache.take_seen(), Instant::now(), repeat);
        for batch in due.chunks(BATCH) {
            match presence::record(&db, batch).await {
                Ok(done) => recorder.recorded(done, Instant::now()),
                Err(error) => {
                    tracing::warn!(%error, "the presence of visitors cannot be recorded yet");
                    break;
                }
            }
        }
        if ends {
            break;
        }
    }
}

#[derive(Debug, Default)]
struct Recorder {
    /// The visitors that have to be recorded, and since when.
    pending: HashMap<Uuid, Instant>,
    /// The visitors that were recorded lately, and when.
    recorded: HashMap<Uuid, Instant>,
}

impl Recorder {
    /// Adds the visitors that were seen, and returns those that are to be recorded now. A visitor
    /// is recorded at most once in `repeat`.
    fn due(&mut self, seen: Vec<Uuid>, now: Instant, repeat: Duration) -> Vec<Uuid> {
        self.recorded.retain(|_, at| now < *at + repeat);
        self.pending.retain(|_, since| now < *since + GIVE_UP);
        for session_id in seen {
            self.pending.entry(session_id).or_insert(now);
        }
        let pending = self.pending.keys();
        pending
            .filter(|session_id| !self.recorded.contains_key(session_id))
            .copied()
            .collect()
    }

    fn recorded(&mut self, session_ids: Vec<Uuid>, now: Instant) {
        for session_id in session_ids {
            self.pending.remove(&session_id);
            self.recorded.insert(session_id, now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arrival_is_recorded_at_once_and_a_stay_from_time_to_time() {
        let (mut recorder, start) = (Recorder::default(), Instant::now());
        let (ada, bob) = (Uuid::from_u128(1), Uuid::from_u128(2));
        assert_eq!(recorder.due(vec![ada], start, REPEAT), [ada]);
        recorder.recorded(vec![ada], start);
        let soon = start + FLUSH;
        assert_eq!(recorder.due(vec![ada, bob], soon, REPEAT), [bob]);
        recorder.recorded(vec![bob], soon);
        // The last sighting of each is recorded, although neither polls any more.
        assert_eq!(recorder.due(vec![], start + REPEAT, REPEAT), [ada]);
        recorder.recorded(vec![ada], start + REPEAT);
        assert!(recorder.due(vec![], soon + REPEAT, REPEAT).is_empty());
    }

    #[test]
    fn a_failed_record_is_tried_again_for_a_while() {
        let (mut recorder, start) = (Recorder::default(), Instant::now());
        let ada = Uuid::from_u128(1);
        assert_eq!(recorder.due(vec![ada], start, REPEAT), [ada]);
        assert_eq!(recorder.due(vec![], start + FLUSH, REPEAT), [ada]);
        assert!(recorder.due(vec![], start + GIVE_UP, REPEAT).is_empty());
    }
}

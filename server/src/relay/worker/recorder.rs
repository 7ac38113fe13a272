//! The recorder: writes down how tasks ended, those of all sessions together.

use std::{iter, time::Duration};

use tokio::{
    sync::{mpsc, oneshot},
    time::{self, Instant},
};

use crate::{
    heartbeat::Heart,
    metrics::Metrics,
    relay::queue::{self, Claim, End, Finished, Outcome, Task},
    storage::{self, Db, sessions},
};

/// An end that nothing waits for may wait so long for others. It leaves the processor to the sends that follow:
/// sessions that send in step wake those who sync less often.
const GATHER: Duration = Duration::from_millis(10);

/// Postgres may take so long. A connection that has gone silent must not hold up the ends of all sessions.
const TIME_LIMIT: Duration = Duration::from_secs(5);

/// An end, and who waits for what is claimed with it.
#[derive(Debug)]
struct Entry {
    end: End,
    urgent: bool,
    answer: oneshot::Sender<Vec<Claim>>,
}

/// To the recorder. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Recorder(mpsc::UnboundedSender<Entry>);

impl Recorder {
    /// A recorder, and what it does until all who can tell it something are gone.
    pub(super) fn new(
        pool: Db,
        metrics: Metrics,
        heart: Heart,
    ) -> (Self, impl Future<Output = ()>) {
        let (sender, entries) = mpsc::unbounded_channel();
        (Self(sender), record(pool, metrics, heart, entries))
    }

    /// Records an end, at once when it is `urgent`; answers with what was claimed with it, or with `None` when it
    /// could not be recorded.
    pub(super) async fn record(&self, end: End, urgent: bool) -> Option<Vec<Claim>> {
        let (answer, answered) = oneshot::channel();
        let entry = Entry {
            end,
            urgent,
            answer,
        };
        self.0.send(entry).ok()?;
        answered.await.ok()
    }
}

async fn record(
    pool: Db,
    metrics: Metrics,
    heart: Heart,
    mut entries: mpsc::UnboundedReceiver<Entry>,
) {
    while let Some(first) = heart.idle(entries.recv()).await {
        let deadline = Instant::now() + GATHER;
        let mut urgent = first.urgent;
        let mut batch = vec![first];
        loop {
            let next = if urgent {
                entries.try_recv().ok()
            } else {
                time::timeout_at(deadline, entries.recv())
                    .await
                    .ok()
                    .flatten()
            };
            let Some(next) = next else {
                break;
            };
            urgent |= next.urgent;
            batch.push(next);
        }
        let (failed, others): (Vec<_>, Vec<_>) = batch
            .into_iter()
            .partition(|entry| entry.end.outcome == Outcome::Failed);
        // A notice follows each of those that failed, in the same transaction.
        let failed = failed.into_iter().map(|entry| vec![entry]);
        for batch in iter::once(others).chain(failed) {
            if !batch.is_empty() {
                write(&pool, &metrics, batch).await;
            }
        }
    }
}

async fn write(pool: &Db, metrics: &Metrics, batch: Vec<Entry>) {
    let (ends, answers): (Vec<_>, Vec<_>) = batch
        .into_iter()
        .map(|entry| (entry.end, entry.answer))
        .unzip();
    let written = storage::again_if_lost(|| finish(pool, &ends));
    let written = time::timeout(TIME_LIMIT, written).await;
    match written.unwrap_or(Err(sqlx::Error::PoolTimedOut)) {
        Ok(finished) => {
            for ((end, finished), answer) in ends.iter().zip(finished).zip(answers) {
                if finished.message_ended {
                    let counter = match end.outcome {
                        Outcome::Sent(_) | Outcome::Done => &metrics.messages_delivered,
                        Outcome::Failed => &metrics.messages_failed,
                    };
                    counter.inc();
                }
                // Who asked is gone when the server ends.
                let _ = answer.send(finished.next);
            }
        }
        Err(error) => {
            // The leases run out and the same transactions are sent again, to no effect.
            let sessions: Vec<_> = ends.iter().map(|end| end.claim.subject.id).collect();
            tracing::warn!(?sessions, %error, "what was sent cannot be recorded yet");
        }
    }
}

async fn finish(pool: &Db, ends: &[End]) -> Result<Vec<Finished>, sqlx::Error> {
    let [
        End {
            claim,
            outcome: Outcome::Failed,
            ..
        },
    ] = ends
    else {
        return queue::finish(pool, ends).await;
    };
    let notice = "A message of the visitor could not be delivered to this room.";
    let mut tx = pool.begin().await?;
    // Positions are given under this lock: nothing that is stored meanwhile may get in before the notice.
    sessions::lock(&mut tx, claim.subject.id, Duration::ZERO).await?;
    let finished = queue::finish(&mut *tx, ends).await?;
    // Not when another server has recorded the message's end: it may have been another one.
    if finished.iter().any(|finished| finished.message_ended) {
        queue::push(&mut tx, claim.subject.id, &Task::Notice(notice.to_owned())).await?;
    }
    tx.commit().await?;
    Ok(finished)
}

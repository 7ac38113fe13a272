//! The recorder: records how tasks ended, those of all sessions in one statement.

use std::{iter, sync::Arc, time::Duration};

use tokio::{
    sync::{mpsc, oneshot},
    time::{self, Instant},
};

use crate::{
    heartbeat::Heart,
    metrics::Metrics,
    relay::{
        queue::{Claim, End, Finished, Outcome},
        store::Store,
    },
    staff_texts::RoomTexts,
    storage,
};

/// How long an end that nothing waits for may wait for others. That leaves the processor to the sends that follow, and
/// sessions that send in step wake those who sync less often.
const GATHER: Duration = Duration::from_millis(10);

/// How long Postgres may take. A connection that no longer answers must not hold up the ends of all sessions.
const TIME_LIMIT: Duration = Duration::from_secs(5);

/// An end, and the turn that waits for the tasks that are claimed with it.
#[derive(Debug)]
struct Entry {
    end: End,
    urgent: bool,
    answer: oneshot::Sender<Vec<Claim>>,
}

/// Leads to the recorder. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Recorder(mpsc::UnboundedSender<Entry>);

impl Recorder {
    /// A recorder, and its work, which ends when all turns that can use it are gone.
    pub(super) fn new(
        store: Arc<dyn Store>,
        metrics: Metrics,
        heart: Heart,
        texts: &'static RoomTexts,
    ) -> (Self, impl Future<Output = ()>) {
        let (sender, entries) = mpsc::unbounded_channel();
        (Self(sender), record(store, metrics, heart, texts, entries))
    }

    /// Records an end, at once if it is `urgent`. The receiver gets the tasks that were claimed with it, or an error if
    /// it could not be recorded.
    pub(super) fn record(&self, end: End, urgent: bool) -> oneshot::Receiver<Vec<Claim>> {
        let (answer, answered) = oneshot::channel();
        let entry = Entry {
            end,
            urgent,
            answer,
        };
        // A recorder that is gone drops the entry, and with it the sender of the answer.
        let _ = self.0.send(entry);
        answered
    }
}

async fn record(
    store: Arc<dyn Store>,
    metrics: Metrics,
    heart: Heart,
    texts: &'static RoomTexts,
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
        // Each message that failed is followed by a notice, in the same transaction.
        let failed = failed.into_iter().map(|entry| vec![entry]);
        for batch in iter::once(others).chain(failed) {
            if !batch.is_empty() {
                write(&*store, &metrics, texts, batch).await;
            }
        }
    }
}

async fn write(store: &dyn Store, metrics: &Metrics, texts: &RoomTexts, batch: Vec<Entry>) {
    let (ends, answers): (Vec<_>, Vec<_>) = batch
        .into_iter()
        .map(|entry| (entry.end, entry.answer))
        .unzip();
    let written = storage::again_if_lost(|| finish(store, texts, &ends));
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
                // When the server stops, the turn that asked may be gone.
                let _ = answer.send(finished.next);
            }
        }
        Err(error) => {
            // The leases expire and the same transactions are sent again, which changes nothing.
            let sessions: Vec<_> = ends.iter().map(|end| end.claim.subject.id).collect();
            tracing::warn!(?sessions, %error, "the ends of tasks cannot be recorded yet");
        }
    }
}

async fn finish(
    store: &dyn Store,
    texts: &RoomTexts,
    ends: &[End],
) -> Result<Vec<Finished>, sqlx::Error> {
    match ends {
        [end] if end.outcome == Outcome::Failed => {
            Ok(vec![store.finish_failed(end, texts.undelivered).await?])
        }
        _ => store.finish(ends).await,
    }
}

//! Reads for polls, many conversations in one statement.
//!
//! A statement costs about the same for one conversation as for a dozen. So while a few are under way, whoever
//! comes next is gathered, and all of them are asked for together: nobody waits for company, and the more
//! is asked, the less each costs.

use std::{
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{sync::oneshot, task, time};

use crate::storage::{
    self, Db,
    messages::{self, Ask, Poll},
};

/// Statements under way at the same time: fewer gather more, but one that is slow holds up more.
const STATEMENTS: usize = 4;
/// Conversations in one statement: a whole answer of each has to fit into memory.
const BATCH: usize = 64;

/// A statement that takes longer is given up: it would hold up everybody's polls.
const TIME_LIMIT: Duration = Duration::from_secs(4);

type Answer = Result<Option<Poll>, Arc<sqlx::Error>>;

/// Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Reader {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    pool: Db,
    session_ttl: Duration,
    queue: Mutex<Queue>,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: Vec<(Ask, oneshot::Sender<Answer>)>,
    under_way: usize,
}

impl Reader {
    pub(super) fn new(pool: Db, session_ttl: Duration) -> Self {
        let inner = Inner {
            pool,
            session_ttl,
            queue: Mutex::default(),
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    /// What there is at a moment after this call.
    pub(super) async fn read(&self, ask: Ask) -> Answer {
        let (sender, receiver) = oneshot::channel();
        let starts = {
            let mut queue = self.inner.queue();
            queue.waiting.push((ask, sender));
            let starts = queue.under_way < STATEMENTS;
            queue.under_way += usize::from(starts);
            starts
        };
        if starts {
            let mut turn = Turn {
                inner: self.inner.clone(),
                ended: false,
            };
            // Who asked may hang up; the others want their answers.
            tokio::spawn(async move { while turn.next().await {} });
        }
        let lost = || Err(Arc::new(sqlx::Error::WorkerCrashed));
        receiver.await.unwrap_or_else(|_| lost())
    }
}

impl Inner {
    /// No invariant spans a panic.
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One of the statements that may be under way.
struct Turn {
    inner: Arc<Inner>,
    ended: bool,
}

impl Turn {
    /// Answers some of those who wait; `false` when nobody did.
    async fn next(&mut self) -> bool {
        // Requests that have arrived already come first, and are in it.
        task::yield_now().await;
        let mut batch: Vec<_> = {
            let mut queue = self.inner.queue();
            if queue.waiting.is_empty() {
                queue.under_way -= 1;
                self.ended = true;
                return false;
            }
            let count = queue.waiting.len().min(BATCH);
            queue.waiting.drain(..count).collect()
        };
        batch.retain(|(_, answer)| !answer.is_closed());
        let asks: Vec<_> = batch.iter().map(|(ask, _)| *ask).collect();
        let Inner {
            pool, session_ttl, ..
        } = &*self.inner;
        let read = storage::again_if_lost(|| messages::poll(pool, &asks, *session_ttl));
        let read = time::timeout(TIME_LIMIT, read).await;
        match read.unwrap_or(Err(sqlx::Error::PoolTimedOut)) {
            Ok(polls) => {
                for ((_, answer), poll) in batch.into_iter().zip(polls) {
                    // Whoever hung up meanwhile does not mind.
                    let _ = answer.send(Ok(poll));
                }
            }
            Err(error) => {
                // Who came meanwhile would wait as long, and meet the same.
                let error = Arc::new(error);
                let rest = mem::take(&mut self.inner.queue().waiting);
                for (_, answer) in batch.into_iter().chain(rest) {
                    let _ = answer.send(Err(error.clone()));
                }
            }
        }
        true
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if !self.ended {
            self.inner.queue().under_way -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;
    use uuid::Uuid;

    use super::*;
    use crate::{config::Database, storage::Shares};

    fn out_of_reach() -> Reader {
        let options = "postgres://127.0.0.1:1/nowhere".parse().unwrap();
        let shares = Shares::new(&Database { options });
        Reader::new(shares.reads, Duration::from_hours(1))
    }

    fn ask() -> Ask {
        Ask {
            session_id: Uuid::new_v4(),
            after: None,
        }
    }

    #[tokio::test]
    async fn a_fault_is_told_to_all_who_wait() {
        let reader = out_of_reach();
        let mut answers = Vec::new();
        for _ in 0..3 * BATCH {
            let (sender, answer) = oneshot::channel();
            reader.inner.queue().waiting.push((ask(), sender));
            answers.push(answer);
        }
        reader.inner.queue().under_way = 1;
        let mut turn = Turn {
            inner: reader.inner.clone(),
            ended: false,
        };
        assert!(turn.next().await);
        for mut answer in answers {
            assert!(answer.try_recv().unwrap().is_err());
        }
        assert!(!turn.next().await, "nobody waits any more");
        drop(turn);
        assert_eq!(reader.inner.queue().under_way, 0);
    }

    #[tokio::test]
    async fn after_a_fault_the_next_are_asked_for_again() {
        let reader = out_of_reach();
        for _ in ["once", "again"] {
            let asks = (0..10 * STATEMENTS).map(|_| reader.read(ask()));
            let answers = time::timeout(Duration::from_secs(30), join_all(asks)).await;
            assert!(answers.unwrap().iter().all(Result::is_err));
        }
    }

    #[tokio::test]
    async fn a_turn_that_is_cut_off_is_given_back() {
        let reader = out_of_reach();
        reader.inner.queue().under_way = STATEMENTS;
        drop(Turn {
            inner: reader.inner.clone(),
            ended: false,
        });
        assert_eq!(reader.inner.queue().under_way, STATEMENTS - 1);
    }
}

//! Reads many conversations in one statement for the polls.
//!
//! A statement for a dozen conversations costs about as much as for one. While a few statements are
//! running, the reader collects the polls that arrive and then reads all of them with the next
//! statement. No poll waits for others to arrive, and the more polls arrive, the less each of them
//! costs.

use std::{
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use app::contract::MAX_POLL_BYTES;
use tokio::{sync::oneshot, task, time};

use super::{
    answer_memory::{AnswerMemory, Share},
    answer_size::AnswerSize,
};
use crate::storage::{
    self, Db,
    polls::{self, Ask, Poll},
};

/// How many statements run at the same time. Fewer would collect more polls in each, but a slow one
/// would delay more of them.
const STATEMENTS: usize = 4;
/// The maximum number of conversations in one statement. The size of the result is limited as well
/// (see [`AnswerSize`]).
const BATCH: usize = 64;

/// An answer is held in memory twice, as entries and as JSON.
const COPIES: usize = 2;

/// A statement that takes longer is cancelled, because it would delay everybody's polls.
const TIME_LIMIT: Duration = Duration::from_secs(4);

/// The result for one conversation. If it has entries, it holds their share of the memory for
/// answers.
#[derive(Debug)]
pub(super) enum Found {
    Nothing,
    Poll(Poll, Option<Share>),
    /// There was not enough memory for its entries.
    NoRoom,
}

/// Why nothing could be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The answers in progress use all the memory that is allotted to them.
    #[error("there is no memory for another answer")]
    NoMemory,
    /// Postgres failed. All polls of a statement share its error.
    #[error(transparent)]
    Database(#[from] Arc<sqlx::Error>),
}

type Answer = Result<Found, Arc<sqlx::Error>>;

#[derive(Debug)]
struct Waiting {
    ask: Ask,
    share: Option<Share>,
    answer: oneshot::Sender<Answer>,
}

/// Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct PollReader {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    pool: Db,
    session_ttl: Duration,
    memory: AnswerMemory,
    queue: Mutex<Queue>,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: Vec<Waiting>,
    under_way: usize,
}

impl PollReader {
    pub(super) fn new(pool: Db, session_ttl: Duration, memory: AnswerMemory) -> Self {
        let inner = Inner {
            pool,
            session_ttl,
            memory,
            queue: Mutex::default(),
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    /// Reads a conversation as it is at some moment after this call, and reserves memory for its
    /// entries. Returns `None` if the conversation does not exist.
    pub(super) async fn read(&self, ask: Ask) -> Result<Option<(Poll, Option<Share>)>, ReadError> {
        let mut share = None;
        loop {
            let has_share = share.is_some();
            match self.read_with(ask, share).await? {
                Found::Nothing => return Ok(None),
                Found::Poll(poll, share) => return Ok(Some((poll, share))),
                Found::NoRoom if has_share => return Err(ReadError::NoMemory),
                // The entries were dropped, so that the batch does not wait for memory. This poll
                // waits for it alone and then reads again.
                Found::NoRoom => {
                    let room = self.inner.memory.share(COPIES * MAX_POLL_BYTES).await;
                    share = Some(room.ok_or(ReadError::NoMemory)?);
                }
            }
        }
    }

    async fn read_with(&self, ask: Ask, share: Option<Share>) -> Answer {
        let (answer, receiver) = oneshot::channel();
        let starts = {
            let mut queue = self.inner.queue();
            queue.waiting.push(Waiting { ask, share, answer });
            let starts = queue.under_way < STATEMENTS;
            queue.under_way += usize::from(starts);
            starts
        };
        if starts {
            let mut turn = Turn {
                inner: self.inner.clone(),
                ended: false,
            };
            // The task is spawned, because the client of this poll may disconnect while others in
            // the batch still wait for their answers.
            tokio::spawn(async move { while turn.next().await {} });
        }
        let lost = || Err(Arc::new(sqlx::Error::WorkerCrashed));
        receiver.await.unwrap_or_else(|_| lost())
    }
}

impl Inner {
    /// A panic cannot leave the queue inconsistent, so poisoning is ignored.
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One of the statements that may run at the same time.
struct Turn {
    inner: Arc<Inner>,
    ended: bool,
}

impl Turn {
    /// Answers the next batch of waiting polls; returns `false` if none are waiting.
    async fn next(&mut self) -> bool {
        // Lets requests that have already arrived join the batch.
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
        batch.retain(|waiting| !waiting.answer.is_closed());
        let asks: Vec<_> = batch.iter().map(|waiting| waiting.ask).collect();
        let Inner {
            pool,
            session_ttl,
            memory,
            ..
        } = &*self.inner;
        let size = AnswerSize::of_each(asks.len());
        let read = || polls::poll(pool, &asks, *session_ttl, size.limits());
        let read = storage::again_if_lost(read);
        let read = time::timeout(TIME_LIMIT, read).await;
        match read.unwrap_or(Err(sqlx::Error::PoolTimedOut)) {
            Ok(polls) => {
                for (waiting, poll) in batch.into_iter().zip(polls) {
                    let found = poll.map_or(Found::Nothing, |poll| {
                        fit(poll, size, waiting.share, memory)
                    });
                    // Sending fails only if the client has disconnected.
                    let _ = waiting.answer.send(Ok(found));
                }
            }
            Err(error) => {
                // The polls that arrived meanwhile would wait as long and meet the same fault.
                let error = Arc::new(error);
                let rest = mem::take(&mut self.inner.queue().waiting);
                for waiting in batch.into_iter().chain(rest) {
                    let _ = waiting.answer.send(Err(error.clone()));
                }
            }
        }
        true
    }
}

/// Reserves memory for the entries, or drops them.
fn fit(mut poll: Poll, size: AnswerSize, share: Option<Share>, memory: &AnswerMemory) -> Found {
    if poll.entries.is_empty() {
        return Found::Poll(poll, None);
    }
    let bytes = COPIES * size.cut(&mut poll);
    match share {
        Some(mut share) => {
            share.shrink_to(bytes);
            Found::Poll(poll, Some(share))
        }
        None => match memory.try_share(bytes) {
            Some(share) => Found::Poll(poll, Some(share)),
            None => Found::NoRoom,
        },
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

    fn out_of_reach() -> PollReader {
        let options = "postgres://127.0.0.1:1/nowhere".parse().unwrap();
        let shares = Shares::new(&Database {
            options,
            requires_sync_replication: false,
        });
        PollReader::new(shares.reads, Duration::from_hours(1), AnswerMemory::new())
    }

    fn ask() -> Ask {
        Ask {
            session_id: Uuid::new_v4(),
            after: None,
        }
    }

    #[tokio::test]
    async fn a_fault_is_reported_to_all_that_wait() {
        let reader = out_of_reach();
        let mut answers = Vec::new();
        for _ in 0..3 * BATCH {
            let (answer, receiver) = oneshot::channel();
            let (ask, share) = (ask(), None);
            let waiting = Waiting { ask, share, answer };
            reader.inner.queue().waiting.push(waiting);
            answers.push(receiver);
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

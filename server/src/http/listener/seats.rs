//! The seats for connections: how many there are, and who has them.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::progress::Progress;

/// How many of a client's connections are searched for one that answers no request.
const LOOKED_AT: usize = 64;

/// How many connections there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capacity {
    /// All connections together.
    pub total: usize,
    /// Connections that do not come from a trusted proxy; the rest is for the proxies.
    pub strangers: usize,
}

/// The connections that there are now.
#[derive(Clone, Debug)]
pub(super) struct Seats {
    capacity: Capacity,
    taken: Arc<Mutex<Taken>>,
}

#[derive(Debug, Default)]
struct Taken {
    next: u64,
    total: usize,
    strangers: usize,
    /// The connections of each stranger, oldest first.
    by_address: HashMap<IpAddr, BTreeMap<u64, Arc<Progress>>>,
    /// The same strangers by their number of connections, the largest last.
    by_count: BTreeSet<(usize, IpAddr)>,
}

impl Seats {
    pub(super) fn new(capacity: Capacity) -> Self {
        Self {
            capacity,
            taken: Arc::default(),
        }
    }

    /// A seat for a connection of this stranger, or of a trusted proxy. When all are taken, the client with the most
    /// connections gives one up, unless that is the newcomer.
    pub(super) fn take(&self, stranger: Option<IpAddr>, progress: &Arc<Progress>) -> Option<Seat> {
        let mut taken = self.taken();
        let is_full = taken.total >= self.capacity.total
            || stranger.is_some() && taken.strangers >= self.capacity.strangers;
        if is_full {
            let own = stranger.map_or(0, |address| taken.count(address));
            let &(most, address) = taken.by_count.last()?;
            // The newcomer must not be the next one to give up a seat.
            if own + 1 >= most && stranger.is_some() {
                return None;
            }
            let evicted = taken.by_address.get(&address).and_then(|connections| {
                let mut newest = connections.iter().rev().take(LOOKED_AT);
                let idle = newest.find(|(_, progress)| !progress.is_answering());
                idle.or_else(|| connections.last_key_value())
                    .map(|(id, progress)| (*id, progress.clone()))
            });
            let (id, evicted) = evicted?;
            taken.remove(Some(address), id);
            evicted.evict();
        }
        let id = taken.add(stranger, progress);
        Some(Seat {
            stranger,
            id,
            taken: self.taken.clone(),
        })
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        lock(&self.taken)
    }
}

/// No invariant spans a panic.
fn lock(taken: &Mutex<Taken>) -> MutexGuard<'_, Taken> {
    taken.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Taken {
    fn count(&self, address: IpAddr) -> usize {
        self.by_address.get(&address).map_or(0, BTreeMap::len)
    }

    fn add(&mut self, stranger: Option<IpAddr>, progress: &Arc<Progress>) -> u64 {
        let id = self.next;
        self.next += 1;
        self.total += 1;
        if let Some(address) = stranger {
            self.strangers += 1;
            let connections = self.by_address.entry(address).or_default();
            self.by_count.remove(&(connections.len(), address));
            connections.insert(id, progress.clone());
            self.by_count.insert((connections.len(), address));
        }
        id
    }

    /// Does nothing if the seat was given up before.
    fn remove(&mut self, stranger: Option<IpAddr>, id: u64) {
        let Some(address) = stranger else {
            self.total -= 1;
            return;
        };
        let Some(connections) = self.by_address.get_mut(&address) else {
            return;
        };
        let before = connections.len();
        if connections.remove(&id).is_none() {
            return;
        }
        self.total -= 1;
        self.strangers -= 1;
        self.by_count.remove(&(before, address));
        if connections.is_empty() {
            self.by_address.remove(&address);
        } else {
            self.by_count.insert((before - 1, address));
        }
    }
}

/// A connection's seat, for as long as this value lives.
#[derive(Debug)]
pub(super) struct Seat {
    stranger: Option<IpAddr>,
    id: u64,
    taken: Arc<Mutex<Taken>>,
}

impl Drop for Seat {
    fn drop(&mut self) {
        lock(&self.taken).remove(self.stranger, self.id);
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use futures_util::FutureExt;

    use super::*;

    /// The connection of the stranger with this number, or of a proxy.
    struct Guest {
        progress: Arc<Progress>,
        seat: Option<Seat>,
    }

    impl Guest {
        fn of(seats: &Seats, stranger: Option<u8>) -> Self {
            let progress = Arc::new(Progress::new());
            let address = stranger.map(|number| IpAddr::from([192, 0, 2, number]));
            let seat = seats.take(address, &progress);
            Self { progress, seat }
        }

        fn is_seated(&self) -> bool {
            self.seat.is_some() && self.progress.evicted().now_or_never().is_none()
        }
    }

    fn seats(total: usize, strangers: usize) -> Seats {
        Seats::new(Capacity { total, strangers })
    }

    #[tokio::test]
    async fn whoever_has_most_gives_one_up_and_gets_no_more() {
        let seats = seats(4, 4);
        let greedy: Vec<_> = (0..4).map(|_| Guest::of(&seats, Some(1))).collect();
        assert!(!Guest::of(&seats, Some(1)).is_seated());
        let newcomer = Guest::of(&seats, Some(2));
        assert!(newcomer.is_seated());
        let seated: Vec<_> = greedy.iter().map(Guest::is_seated).collect();
        assert_eq!(seated, [true, true, true, false], "the newest goes");
        // One has three connections and the other one: with one more they are even, and then nobody has more than the
        // newcomer would.
        assert!(Guest::of(&seats, Some(2)).seat.is_some());
        drop(greedy);
        assert!(newcomer.is_seated());
        assert!(Guest::of(&seats, Some(1)).is_seated(), "places come back");
    }

    #[tokio::test]
    async fn a_request_under_way_is_the_last_to_go() {
        let seats = seats(3, 3);
        let guests: Vec<_> = (0..3).map(|_| Guest::of(&seats, Some(1))).collect();
        let request = axum::http::Request::new(());
        let _under_way = guests[2].progress.begin(&request);
        assert!(Guest::of(&seats, Some(2)).seat.is_some());
        let seated: Vec<_> = guests.iter().map(Guest::is_seated).collect();
        assert_eq!(seated, [true, false, true]);
    }

    #[tokio::test]
    async fn strangers_leave_the_proxies_their_share() {
        let seats = seats(4, 2);
        let strangers = [Guest::of(&seats, Some(1)), Guest::of(&seats, Some(2))];
        assert!(!Guest::of(&seats, Some(3)).is_seated());
        let proxies = [Guest::of(&seats, None), Guest::of(&seats, None)];
        assert!(strangers.iter().chain(&proxies).all(Guest::is_seated));
        // Proxies carry the requests of many, and take precedence.
        let third = Guest::of(&seats, None);
        assert!(third.is_seated());
        assert_eq!(
            strangers.iter().filter(|guest| guest.is_seated()).count(),
            1
        );
        drop((strangers, proxies, third));
        let taken = seats.taken();
        assert_eq!((taken.total, taken.strangers), (0, 0));
        assert!(taken.by_address.is_empty() && taken.by_count.is_empty());
    }

    #[tokio::test]
    async fn an_eviction_is_not_missed() {
        let progress = Progress::new();
        progress.evict();
        let mut evicted = Box::pin(progress.evicted());
        poll_fn(|context| evicted.poll_unpin(context)).await;
    }
}

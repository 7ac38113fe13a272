//! The progress of a connection: what it waits for, and since when.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};

use axum::{
    body::{Body, Bytes, HttpBody},
    http::{Request, Version},
};
use http_body::{Frame, SizeHint};
use tokio::{sync::Notify, time::Instant};

use super::{HEAD_TIME, IDLE_TIME, WRITE_TIME};
use crate::http::arrival::Arrival;

/// The connection's task, its transport, its requests and its seat share it.
#[derive(Debug)]
pub(super) struct Progress {
    state: Mutex<State>,
    evicted: Notify,
}

#[derive(Debug)]
struct State {
    /// The state between two requests.
    between: Between,
    since: Instant,
    /// The bodies of the requests that are not answered yet.
    requests: Vec<Arrival>,
    /// When the client stopped taking bytes.
    stuck: Option<Instant>,
    is_http2: bool,
    /// Whether the client may still be sending when the connection ends.
    lingers: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Between {
    /// Part of a head, or a new connection.
    Head,
    Nothing,
}

impl Progress {
    pub(super) fn new() -> Self {
        Self {
            state: Mutex::new(State {
                between: Between::Head,
                since: Instant::now(),
                requests: Vec::new(),
                stuck: None,
                is_http2: false,
                lingers: false,
            }),
            evicted: Notify::new(),
        }
    }

    /// No invariant spans a panic.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// When the connection will have waited too long. The router limits the time of answers.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let state = self.state();
        let time = match state.between {
            Between::Head => HEAD_TIME,
            Between::Nothing => IDLE_TIME,
        };
        let between = state.requests.is_empty().then(|| state.since + time);
        let stuck = state.stuck.map(|since| since + WRITE_TIME);
        between.into_iter().chain(stuck).min()
    }

    /// Whether a request is under way.
    pub(super) fn is_answering(&self) -> bool {
        !self.state().requests.is_empty()
    }

    /// Whether all requests that are under way are still arriving.
    pub(super) fn awaits_bodies_only(&self) -> bool {
        self.state().requests.iter().all(Arrival::is_awaited)
    }

    /// Bytes have come.
    pub(super) fn received(&self) {
        let mut state = self.state();
        // Frames of HTTP/2 may carry nothing.
        if state.requests.is_empty() && state.between == Between::Nothing && !state.is_http2 {
            state.between = Between::Head;
            state.since = Instant::now();
        }
    }

    /// Bytes were sent, or the client took none.
    pub(super) fn sent(&self, any: bool) {
        let mut state = self.state();
        if any {
            state.stuck = None;
        } else {
            state.stuck.get_or_insert_with(Instant::now);
        }
    }

    /// Whether the client may still be sending bytes that nobody will read.
    pub(super) fn is_to_linger(&self) -> bool {
        let state = self.state();
        // A head that the HTTP layer refuses may go on.
        state.lingers || state.between == Between::Head
    }

    /// A whole head has come.
    pub(super) fn begin<B>(self: &Arc<Self>, request: &Request<B>) -> UnderWay {
        let arrival: Arrival = request.extensions().get().cloned().unwrap_or_default();
        let mut state = self.state();
        state.between = Between::Nothing;
        state.is_http2 = request.version() == Version::HTTP_2;
        state.requests.push(arrival.clone());
        drop(state);
        UnderWay {
            progress: self.clone(),
            arrival,
        }
    }

    /// Tells the connection to end, so that another one gets its seat.
    pub(super) fn evict(&self) {
        self.evicted.notify_one();
    }

    pub(super) async fn evicted(&self) {
        self.evicted.notified().await;
    }
}

/// A request that is under way, for as long as this value lives.
#[derive(Debug)]
pub(super) struct UnderWay {
    progress: Arc<Progress>,
    arrival: Arrival,
}

impl UnderWay {
    /// The client may not have sent all of it when it is answered, and nobody will read the rest.
    pub(super) fn lingers(&self) {
        self.progress.state().lingers = true;
    }

    /// Its answer.
    pub(super) fn with(self, body: Body) -> Answering {
        Answering {
            body,
            _under_way: self,
        }
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let mut state = self.progress.state();
        state.requests.retain(|other| !other.is(&self.arrival));
        state.since = Instant::now();
    }
}

/// The body of an answer. The request is over once it is sent.
#[derive(Debug)]
pub(super) struct Answering {
    body: Body,
    _under_way: UnderWay,
}

impl HttpBody for Answering {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time;

    use super::*;

    /// The seconds until it will have waited too long.
    fn left(progress: &Progress) -> Option<u64> {
        let deadline = progress.deadline()?;
        Some(deadline.duration_since(Instant::now()).as_secs())
    }

    async fn pass(seconds: u64) {
        time::advance(Duration::from_secs(seconds)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn each_wait_has_its_own_time() {
        let progress = Arc::new(Progress::new());
        assert_eq!(left(&progress), Some(30));
        pass(10).await;
        progress.received();
        assert_eq!(left(&progress), Some(20), "a part of a head gains nothing");

        let under_way = progress.begin(&Request::new(()));
        assert!(progress.is_answering());
        assert_eq!(left(&progress), None);
        pass(100).await;
        progress.received();
        assert_eq!(left(&progress), None);
        let answer = under_way.with(Body::empty());
        assert!(progress.is_answering(), "until it is sent");
        drop(answer);
        assert_eq!(left(&progress), Some(75));
        pass(40).await;
        assert_eq!(left(&progress), Some(35));
        progress.received();
        assert_eq!(left(&progress), Some(30), "the next head");
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_takes_nothing_is_not_waited_for() {
        let progress = Arc::new(Progress::new());
        let _under_way = progress.begin(&Request::new(()));
        progress.sent(false);
        pass(20).await;
        progress.sent(false);
        assert_eq!(left(&progress), Some(10));
        progress.sent(true);
        assert_eq!(left(&progress), None);
    }

    #[tokio::test(start_paused = true)]
    async fn frames_of_http_2_are_no_head() {
        let progress = Arc::new(Progress::new());
        let mut request = Request::new(());
        *request.version_mut() = Version::HTTP_2;
        drop(progress.begin(&request));
        pass(40).await;
        progress.received();
        assert_eq!(left(&progress), Some(35));
    }
}

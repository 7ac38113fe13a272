//! The arrival of request bodies, and bodies that no handler reads.
//!
//! A request that is refused early leaves its body unread, and a client that is still sending it would see a broken
//! connection instead of the answer. So the rest is read before the answer is given, up to a limit. Beyond the limit
//! the answer says that the connection closes, and the listener lingers until the client has read it.

use std::{
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::{
    body::{Body, Bytes, HttpBody},
    http::{HeaderMap, HeaderValue, Request, Response, StatusCode, Version, header},
};
use http_body::{Frame, SizeHint};
use tokio::time::{self, Instant};

/// The maximum size of an unread body that is read, which is that of any body.
const MAX_UNREAD_BYTES: u64 = 256 * 1024;

/// How long the answer waits for the rest of the body.
const MAX_UNREAD_TIME: Duration = Duration::from_secs(5);

/// How far a request's body has arrived. Clones belong to the same request.
#[derive(Clone, Debug, Default)]
pub(super) struct Arrival(Arc<Progress>);

#[derive(Debug, Default)]
struct Progress {
    awaited: AtomicBool,
    completed_at: OnceLock<Instant>,
}

impl Arrival {
    /// Whether both belong to the same request.
    pub(super) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// When the whole body had arrived; `None` when there was no body or some of it is missing.
    pub(super) fn completed_at(&self) -> Option<Instant> {
        self.0.completed_at.get().copied()
    }

    /// Whether a handler waits for more of it.
    pub(super) fn is_awaited(&self) -> bool {
        self.0.awaited.load(Ordering::Acquire)
    }

    pub(super) fn set_awaited(&self, awaited: bool) {
        self.0.awaited.store(awaited, Ordering::Release);
    }

    pub(super) fn complete(&self) {
        self.set_awaited(false);
        self.0.completed_at.get_or_init(Instant::now);
    }
}

/// Prepares a request for the router: its body reports to an [`Arrival`] in the extensions, and returns to `Unread`
/// when it is dropped too early.
pub(super) fn receive<B>(request: Request<B>) -> (Request<Body>, Option<Unread<B>>)
where
    B: HttpBody<Data = Bytes, Error: Into<axum::BoxError>> + Send + Unpin + 'static,
{
    if request.body().is_end_stream() {
        return (request.map(|_| Body::empty()), None);
    }
    let unread = Unread {
        slot: Slot::default(),
        waits_for_leave: request.headers().contains_key(header::EXPECT),
        // A stream of HTTP/2 can be left unread without breaking the connection.
        is_exclusive: request.version() < Version::HTTP_2,
    };
    let arrival = Arrival::default();
    let (mut parts, body) = request.into_parts();
    parts.extensions.insert(arrival.clone());
    let body = Arriving {
        body: Some(body),
        arrival,
        slot: unread.slot.clone(),
        received: 0,
        is_polled: false,
    };
    (Request::from_parts(parts, Body::new(body)), Some(unread))
}

/// The place for a body that was dropped before its end.
struct Slot<B>(Arc<Mutex<Option<Left<B>>>>);

impl<B> Clone for Slot<B> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<B> Default for Slot<B> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<B> Slot<B> {
    /// No invariant spans a panic.
    fn lock(&self) -> MutexGuard<'_, Option<Left<B>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A body that was dropped before its end.
struct Left<B> {
    body: B,
    received: u64,
    is_polled: bool,
}

/// A body on its way to a handler.
struct Arriving<B> {
    /// `None` after its end.
    body: Option<B>,
    arrival: Arrival,
    slot: Slot<B>,
    received: u64,
    is_polled: bool,
}

impl<B: HttpBody<Data = Bytes> + Unpin> HttpBody for Arriving<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let this = &mut *self;
        let Some(body) = &mut this.body else {
            return Poll::Ready(None);
        };
        this.is_polled = true;
        this.arrival.set_awaited(true);
        let frame = ready!(Pin::new(&mut *body).poll_frame(context));
        this.arrival.set_awaited(false);
        if let Some(Ok(frame)) = &frame {
            this.received += frame.data_ref().map_or(0, |data| data.len() as u64);
        }
        // After an error there is nothing to read either.
        if body.is_end_stream() || !matches!(frame, Some(Ok(_))) {
            this.body = None;
            this.arrival.complete();
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body
            .as_ref()
            .map_or_else(|| SizeHint::with_exact(0), HttpBody::size_hint)
    }
}

impl<B> Drop for Arriving<B> {
    fn drop(&mut self) {
        if let Some(body) = self.body.take() {
            *self.slot.lock() = Some(Left {
                body,
                received: self.received,
                is_polled: self.is_polled,
            });
        }
    }
}

/// The part of a body that no handler has read.
pub(super) struct Unread<B> {
    slot: Slot<B>,
    /// The client waits for leave before it sends the body (`Expect: 100-continue`), and reading would give it.
    waits_for_leave: bool,
    is_exclusive: bool,
}

impl<B: HttpBody<Data = Bytes> + Unpin> Unread<B> {
    /// Reads the rest before `response` is given, or adds to it that the connection closes.
    pub(super) async fn settle<R>(self, response: &mut Response<R>) {
        let left = self.slot.lock().take();
        let Some(left) = left.filter(|_| self.is_exclusive) else {
            return;
        };
        let has_time = response.status() != StatusCode::REQUEST_TIMEOUT;
        let comes = left.is_polled || !self.waits_for_leave;
        if !(has_time && comes && read_to_end(left).await) {
            close_after(response.headers_mut());
        }
    }
}

/// Whether the body ended within the limits.
async fn read_to_end<B: HttpBody<Data = Bytes> + Unpin>(left: Left<B>) -> bool {
    let Left {
        mut body,
        mut received,
        ..
    } = left;
    if received.saturating_add(body.size_hint().lower()) > MAX_UNREAD_BYTES {
        return false;
    }
    let read = async {
        while received <= MAX_UNREAD_BYTES {
            match std::future::poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
                Some(Ok(frame)) => {
                    received += frame.data_ref().map_or(0, |data| data.len() as u64);
                }
                Some(Err(_)) => return false,
                None => return true,
            }
        }
        false
    };
    time::timeout(MAX_UNREAD_TIME, read).await.unwrap_or(false)
}

fn close_after(answer: &mut HeaderMap) {
    answer.insert(header::CONNECTION, HeaderValue::from_static("close"));
}

//! The listener: accepts connections. Every wait for a client has a limit, and the number of connections has a limit
//! that no single client can use up.
//!
//! A client has [`HEAD_TIME`] for a request's head, and [`IDLE_TIME`] between requests. The router limits the time for
//! a body and for an answer (`http::time_limit`). When the server stops, a connection without a whole head is closed at
//! once, and requests that arrived before are answered.

mod head;
mod io;
mod progress;
mod seats;

use std::{
    convert::Infallible,
    net::{IpAddr, SocketAddr},
    pin::pin,
    sync::Arc,
    time::Duration,
};

use axum::{
    body::Body,
    extract::ConnectInfo,
    http::{Request, header},
    response::Response,
};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto, graceful::GracefulConnection},
};
use ipnet::IpNet;
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::{self, Instant},
};
use tokio_util::sync::CancellationToken;
use tower_service::Service;

use super::arrival;
use crate::{config::Http, support_chat::counted_as};
use io::Watched;
use progress::{Answering, Progress};
use seats::{Seat, Seats};

pub use seats::Capacity;

/// How long a request's head may take to arrive.
const HEAD_TIME: Duration = Duration::from_secs(30);

/// How long a connection may be idle between two requests. Proxies keep an idle connection to their upstream for less
/// (nginx: 60 s), so that none of them sends a request on a connection that is just being closed.
const IDLE_TIME: Duration = Duration::from_secs(75);

/// How long a client may take none of the bytes that are sent to it.
const WRITE_TIME: Duration = Duration::from_secs(30);

/// How long the rest of a body may take once the server stops.
const STOPPING_BODY_TIME: Duration = Duration::from_secs(2);

/// How many bytes a connection may buffer of an incomplete head, and of an unsent answer.
const BUFFER_BYTES: usize = 64 * 1024;

/// Every poll that waits has a connection, of which there may be 16,384, and so has every other client.
const MAX_CONNECTIONS: usize = 20_480;

/// Monitoring needs a few connections; a benchmark compares hundreds with those of the public listener.
const MAX_ADMIN_CONNECTIONS: usize = 1_024;

/// The most files that the process has open besides the public listener's connections.
const OTHER_FILES: usize = 256;

/// The pause after an error that is not the connection's own, such as too many open files.
const ACCEPT_AGAIN: Duration = Duration::from_secs(1);

const HTTP2_STREAMS: u32 = 64;
const HTTP2_PING: Duration = Duration::from_secs(20);

/// How connections are served.
#[derive(Clone, Debug)]
pub struct Terms {
    /// How many connections there may be.
    pub capacity: Capacity,
    /// The proxies whose connections carry the requests of many clients.
    pub trusted_proxies: Vec<IpNet>,
    /// Whether clients may use HTTP/2 without TLS.
    pub http2: bool,
}

impl Terms {
    /// The terms of the public listener.
    #[must_use]
    pub fn public(config: &Http) -> Self {
        let total = MAX_CONNECTIONS.min(open_files().saturating_sub(OTHER_FILES).max(OTHER_FILES));
        let strangers = if config.trusted_proxies.is_empty() {
            total
        } else {
            total / 4
        };
        Self {
            capacity: Capacity { total, strangers },
            trusted_proxies: config.trusted_proxies.clone(),
            http2: config.http2,
        }
    }

    /// The terms of the admin listener, which has few clients.
    #[must_use]
    pub fn admin() -> Self {
        Self {
            capacity: Capacity {
                total: MAX_ADMIN_CONNECTIONS,
                strangers: MAX_ADMIN_CONNECTIONS,
            },
            trusted_proxies: Vec::new(),
            http2: false,
        }
    }
}

/// How many files this process may have open, including connections.
fn open_files() -> usize {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    let limit = limit.current.and_then(|limit| usize::try_from(limit).ok());
    limit.unwrap_or(usize::MAX)
}

/// Serves until `shutdown`, and then finishes the requests that are under way.
pub async fn serve<S>(listener: TcpListener, service: S, terms: Terms, shutdown: CancellationToken)
where
    S: Service<Request<Body>, Response = Response, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
{
    let seats = Seats::new(terms.capacity);
    let is_trusted = |peer: IpAddr| {
        let peer = peer.to_canonical();
        terms
            .trusted_proxies
            .iter()
            .any(|network| network.contains(&peer))
    };
    // The connections end with this future.
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = connections.join_next(), if !connections.is_empty() => continue,
            () = shutdown.cancelled() => break,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) if is_of_the_connection(&error) => continue,
            Err(error) => {
                tracing::error!(%error, "no connection can be accepted");
                time::sleep(ACCEPT_AGAIN).await;
                continue;
            }
        };
        let progress = Arc::new(Progress::new());
        let counted = (!is_trusted(peer.ip())).then(|| counted_as(peer.ip()));
        let Some(seat) = seats.take(counted, &progress) else {
            tracing::debug!("a connection was refused: there are too many");
            continue;
        };
        let connection = Connection {
            peer,
            progress,
            shutdown: shutdown.clone(),
        };
        connections.spawn(connection.run(stream, seat, service.clone(), terms.http2));
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

fn is_of_the_connection(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset
    )
}

/// One client's connection.
struct Connection {
    peer: SocketAddr,
    progress: Arc<Progress>,
    shutdown: CancellationToken,
}

impl Connection {
    async fn run<S>(self, stream: TcpStream, seat: Seat, service: S, http2: bool)
    where
        S: Service<Request<Body>, Response = Response, Error = Infallible> + Clone + Send + 'static,
        S::Future: Send,
    {
        tokio::select! {
            arrived = head::arrives(&stream) => {
                if !arrived.is_ok_and(|arrived| arrived) {
                    return;
                }
            }
            () = self.progress.evicted() => return,
            () = self.shutdown.cancelled() => return,
            () = time::sleep(HEAD_TIME) => return,
        }
        // This is a separate future, so that a connection without a head does not take memory for it.
        Box::pin(self.converse(stream, seat, service, http2)).await;
    }

    async fn converse<S>(self, stream: TcpStream, seat: Seat, service: S, http2: bool)
    where
        S: Service<Request<Body>, Response = Response, Error = Infallible> + Clone + Send + 'static,
        S::Future: Send,
    {
        // The buffers are sent in one piece.
        let _ = stream.set_nodelay(true);
        let io = TokioIo::new(Watched::new(stream, self.progress.clone(), seat));
        let (peer, progress) = (self.peer, self.progress.clone());
        let service = service_fn(move |request| {
            Box::pin(answer(service.clone(), request, peer, progress.clone()))
        });
        if http2 {
            let mut builder = auto::Builder::new(TokioExecutor::new());
            builder
                .http1()
                .max_buf_size(BUFFER_BYTES)
                .header_read_timeout(None)
                .http2()
                .timer(TokioTimer::new())
                .max_concurrent_streams(HTTP2_STREAMS)
                .max_header_list_size(16 * 1024)
                .max_send_buf_size(BUFFER_BYTES)
                .keep_alive_interval(HTTP2_PING)
                .keep_alive_timeout(HTTP2_PING);
            self.drive(builder.serve_connection(io, service)).await;
        } else {
            let mut builder = http1::Builder::new();
            builder.max_buf_size(BUFFER_BYTES).header_read_timeout(None);
            self.drive(builder.serve_connection(io, service)).await;
        }
    }

    /// Serves the connection until it ends by itself, is told to end, or has waited too long.
    async fn drive(&self, connection: impl GracefulConnection) {
        let mut connection = pin!(connection);
        let mut wake = Instant::now() + HEAD_TIME;
        let mut is_stopping = false;
        loop {
            tokio::select! {
                // This is mostly the client's fault, and is not logged.
                _ = connection.as_mut() => return,
                () = self.progress.evicted() => return,
                () = self.shutdown.cancelled(), if !is_stopping => {
                    if !self.progress.is_answering() {
                        return;
                    }
                    is_stopping = true;
                    connection.as_mut().graceful_shutdown();
                    wake = Instant::now() + STOPPING_BODY_TIME;
                }
                () = time::sleep_until(wake) => {
                    let now = Instant::now();
                    if is_stopping && self.progress.awaits_bodies_only() {
                        return;
                    }
                    let deadline = self.progress.deadline();
                    if deadline.is_some_and(|deadline| deadline <= now) {
                        return;
                    }
                    // A wait that begins meanwhile lasts at least this long.
                    let latest = now + if is_stopping { STOPPING_BODY_TIME } else { HEAD_TIME };
                    wake = deadline.map_or(latest, |deadline| deadline.min(latest));
                }
            }
        }
    }
}

async fn answer<S>(
    mut service: S,
    mut request: Request<Incoming>,
    peer: SocketAddr,
    progress: Arc<Progress>,
) -> Result<Response<Answering>, Infallible>
where
    S: Service<Request<Body>, Response = Response, Error = Infallible>,
{
    request.extensions_mut().insert(ConnectInfo(peer));
    let (request, unread) = arrival::receive(request);
    let answering = progress.begin(&request);
    let mut response = service.call(request).await?;
    if let Some(unread) = unread {
        unread.settle(&mut response).await;
    }
    if response.headers().contains_key(header::CONNECTION) {
        answering.lingers();
    }
    Ok(response.map(|body| answering.with(body)))
}

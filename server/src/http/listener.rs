//! What accepts connections. Every wait for a client has an end, and the connections of all clients together have
//! a limit that no client can use up alone.
//!
//! A client has [`HEAD_TIME`] for a request's head, and [`IDLE_TIME`] between requests. How long a body and an
//! answer may take is the router's to say (`http::bounded`). When the server stops, a connection without a whole
//! head is closed at once, and what was asked before is answered.

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

/// For a request's head to arrive.
const HEAD_TIME: Duration = Duration::from_secs(30);

/// Between two requests. Longer than proxies keep an idle connection to their upstream (nginx: 60 s), so that none
/// of them sends a request on a connection that is just being closed.
const IDLE_TIME: Duration = Duration::from_secs(75);

/// For a client to take at least a part of what is sent to it.
const WRITE_TIME: Duration = Duration::from_secs(30);

/// For the rest of a body, once the server stops.
const STOPPING_BODY_TIME: Duration = Duration::from_secs(2);

/// What a connection may hold of a head that is not complete, and of an answer that is not sent.
const BUFFER_BYTES: usize = 64 * 1024;

/// Every poll that waits has one, of which there may be 16,384; and so has whoever asks something else.
const MAX_CONNECTIONS: usize = 20_480;

/// Monitoring needs a few; a benchmark compares hundreds with those of the public listener.
const MAX_ADMIN_CONNECTIONS: usize = 1_024;

/// What the process has open besides the public listener's connections, at most.
const OTHER_FILES: usize = 256;

/// After a fault that is not the connection's own, such as too many open files.
const ACCEPT_AGAIN: Duration = Duration::from_secs(1);

const HTTP2_STREAMS: u32 = 64;
const HTTP2_PING: Duration = Duration::from_secs(20);

/// How connections are served.
#[derive(Clone, Debug)]
pub struct Terms {
    /// How many there may be.
    pub capacity: Capacity,
    /// Whose connections carry the requests of many.
    pub trusted_proxies: Vec<IpNet>,
    /// HTTP/2 without TLS, for clients that begin with it.
    pub http2: bool,
}

impl Terms {
    /// Of the public listener.
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

    /// Of the admin listener, where only few ask.
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

/// How many files this process may have open, connections among them.
fn open_files() -> usize {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    let limit = limit.current.and_then(|limit| usize::try_from(limit).ok());
    limit.unwrap_or(usize::MAX)
}

/// Serves until `shutdown`, and then what is under way.
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
    // They end with this future.
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
        // Apart, so that a connection without a head has no place for it.
        Box::pin(self.converse(stream, seat, service, http2)).await;
    }

    async fn converse<S>(self, stream: TcpStream, seat: Seat, service: S, http2: bool)
    where
        S: Service<Request<Body>, Response = Response, Error = Infallible> + Clone + Send + 'static,
        S::Future: Send,
    {
        // What is sent is sent in one piece.
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

    /// Until it ends by itself, is told to, or has waited for too long.
    async fn drive(&self, connection: impl GracefulConnection) {
        let mut connection = pin!(connection);
        let mut wake = Instant::now() + HEAD_TIME;
        let mut is_stopping = false;
        loop {
            tokio::select! {
                // A client's fault, mostly; nobody is told.
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
                    // Whatever begins to wait meanwhile waits for at least so long.
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

//! Closed loops: each worker sends its next request when the previous one was answered.

pub(crate) mod conversations;
pub(crate) mod visitor;

use std::{
    future::Future,
    net::SocketAddr,
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use http_body_util::{BodyExt, Full};
use hyper::{Request, Response, body::Bytes, client::conn::http1};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, task::JoinSet, time};

use crate::Result;

/// Work that is repeated.
pub(crate) trait Work: Send + 'static {
    /// Does the work once. `n` differs each time, among all workers.
    fn once(&mut self, n: usize) -> impl Future<Output = Result<()>> + Send;
}

/// The result of a closed loop.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    pub(crate) per_second: f64,
    pub(crate) p99: Duration,
}

/// Lets all workers work for this long. A failure of one ends the measurement.
pub(crate) async fn closed_loop<W: Work>(workers: Vec<W>, lasting: Duration) -> Result<Pace> {
    let started = Instant::now();
    let (deadline, count) = (started + lasting, workers.len());
    let mut tasks = JoinSet::new();
    for (first, mut worker) in workers.into_iter().enumerate() {
        tasks.spawn(async move {
            let mut took = Vec::with_capacity(1 << 14);
            let mut n = first;
            while Instant::now() < deadline {
                let began = Instant::now();
                worker.once(n).await?;
                took.push(began.elapsed());
                n += count;
            }
            Ok::<_, crate::Error>(took)
        });
    }
    let mut all = Vec::new();
    while let Some(took) = tasks.join_next().await {
        all.extend(took??);
    }
    let elapsed = started.elapsed();
    all.sort_unstable();
    Ok(Pace {
        per_second: per_second(all.len(), elapsed),
        p99: p99(&all),
    })
}

/// Distributes the numbers among all workers; each number is used once.
pub(crate) async fn each_once<W: Work>(workers: Vec<W>, numbers: Range<usize>) -> Result<()> {
    let next = Arc::new(AtomicUsize::new(numbers.start));
    let mut tasks = JoinSet::new();
    for mut worker in workers {
        let next = next.clone();
        tasks.spawn(async move {
            loop {
                let n = next.fetch_add(1, Ordering::Relaxed);
                if n >= numbers.end {
                    return Ok(());
                }
                worker.once(n).await?;
            }
        });
    }
    all(tasks).await
}

/// Waits for all tasks; one that fails ends the others.
pub(crate) async fn all(mut tasks: JoinSet<Result<()>>) -> Result<()> {
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    Ok(())
}

/// Repeats a question until it has an answer.
pub(crate) async fn until<T>(
    patience: Duration,
    what: &str,
    mut attempt: impl AsyncFnMut() -> Result<Option<T>>,
) -> Result<T> {
    let deadline = Instant::now() + patience;
    loop {
        if let Some(done) = attempt().await? {
            return Ok(done);
        }
        if Instant::now() > deadline {
            return Err(format!("waited for {what} for {} s", patience.as_secs()).into());
        }
        time::sleep(Duration::from_millis(10)).await;
    }
}

pub(crate) fn per_second(count: usize, elapsed: Duration) -> f64 {
    number(count) / elapsed.as_secs_f64()
}

/// The 99th percentile of sorted values.
pub(crate) fn p99(sorted: &[Duration]) -> Duration {
    let index = (sorted.len() * 99 / 100).min(sorted.len().saturating_sub(1));
    sorted.get(index).copied().unwrap_or_default()
}

/// A count as a floating-point number.
pub(crate) fn number(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

/// A keep-alive connection.
pub(crate) struct Connection(http1::SendRequest<Full<Bytes>>);

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(Self(sender))
    }

    /// Workers with a connection each.
    pub(crate) async fn workers<W: Work>(
        address: SocketAddr,
        count: usize,
        worker: impl Fn(Self) -> W,
    ) -> Result<Vec<W>> {
        let connections = Self::open_many(address, count).await?;
        Ok(connections.into_iter().map(worker).collect())
    }

    pub(crate) async fn open_many(address: SocketAddr, count: usize) -> Result<Vec<Self>> {
        let mut connections = Vec::with_capacity(count);
        for _ in 0..count {
            connections.push(Self::open(address).await?);
        }
        Ok(connections)
    }

    /// Sends a request that must succeed.
    pub(crate) async fn ask(&mut self, request: Request<Full<Bytes>>) -> Result<Bytes> {
        self.0.ready().await?;
        let response: Response<_> = self.0.send_request(request).await?;
        let status = response.status();
        let body = response.into_body().collect().await?.to_bytes();
        if status.is_success() {
            return Ok(body);
        }
        Err(format!("{status}: {}", String::from_utf8_lossy(&body)).into())
    }
}

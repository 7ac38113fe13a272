//! The network between a server and the homeserver, as a TCP proxy that can fail.
//!
//! Each connection carries one HTTP request, so that a fault can concern one: the request is read whole and forwarded
//! with `Connection: close`, and everything that comes back until the end is the answer.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use rand::{RngExt, SeedableRng, rngs::StdRng};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy, sink},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::{JoinHandle, JoinSet},
    time::sleep,
};
use uuid::Uuid;

/// The probability of each fault of a request. By default there are no faults.
#[derive(Clone, Debug, Default)]
pub(crate) struct Weather {
    /// The connection is cut when the request has arrived, and nothing is forwarded.
    pub(crate) cut_before: f64,
    /// The request is forwarded, and the connection is cut before the answer comes back.
    pub(crate) cut_after: f64,
    /// The request is forwarded after a while.
    pub(crate) delay: f64,
    /// Messages get a new transaction id with each attempt, as a broken server would do, and their answers are cut.
    pub(crate) random_transactions: bool,
    /// The connection of a `createRoom` is cut at once, and the homeserver gets it only this much later, as if it were
    /// busy.
    pub(crate) late_rooms: Option<Duration>,
    /// Requests for this room's history are answered with 500.
    pub(crate) broken_history: Option<String>,
    /// The second text replaces the first one in answers, since the homeserver would not accept it.
    pub(crate) rewrite: Option<(String, String)>,
}

/// Faults that have happened.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) cut_before: AtomicUsize,
    pub(crate) cut_after: AtomicUsize,
    pub(crate) delayed: AtomicUsize,
    pub(crate) broken: AtomicUsize,
}

struct State {
    homeserver: SocketAddr,
    weather: Mutex<Weather>,
    rng: Mutex<StdRng>,
    counts: Counts,
}

enum Fate {
    Forward,
    CutBefore,
    /// `true`: when the answer is there; otherwise at once, while the homeserver is working.
    CutAfter(bool),
    Delay(Duration),
}

/// The answer of a homeserver that cannot read a room's history.
const BROKEN: &[u8] = b"HTTP/1.1 500 Internal Server Error\r\nContent-Type: application/json\r\n\
    Content-Length: 40\r\nConnection: close\r\n\r\n\
    {\"errcode\":\"M_UNKNOWN\",\"error\":\"Broken\"}";

/// The proxy, which ends when this is dropped.
pub(crate) struct Proxy {
    address: SocketAddr,
    state: Arc<State>,
    up: watch::Sender<bool>,
    running: JoinHandle<()>,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.running.abort();
    }
}

impl Proxy {
    /// Forwards to the homeserver at this base URL.
    pub(crate) async fn start(homeserver: &str, seed: u64) -> Self {
        let homeserver = homeserver.trim_start_matches("http://");
        let state = Arc::new(State {
            homeserver: homeserver.trim_end_matches('/').parse().unwrap(),
            weather: Mutex::default(),
            rng: Mutex::new(StdRng::seed_from_u64(seed)),
            counts: Counts::default(),
        });
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (up, watched) = watch::channel(true);
        Self {
            address,
            running: tokio::spawn(run(listener, state.clone(), watched)),
            state,
            up,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn set(&self, weather: Weather) {
        *self.state.weather.lock().unwrap() = weather;
    }

    pub(crate) fn counts(&self) -> &Counts {
        &self.state.counts
    }

    /// Cuts requests that are under way, and refuses connections for this long.
    pub(crate) async fn refuse_for(&self, duration: Duration) {
        self.up.send_replace(false);
        sleep(duration).await;
        self.up.send_replace(true);
    }
}

async fn run(mut listener: TcpListener, state: Arc<State>, mut up: watch::Receiver<bool>) {
    let address = listener.local_addr().unwrap();
    loop {
        // When the network goes down, this and every connection are dropped.
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                accepted = listener.accept() => {
                    if let Ok((client, _)) = accepted {
                        let state = state.clone();
                        connections.spawn(async move { relay(client, &state).await });
                    }
                }
                Some(_) = connections.join_next() => {}
                _ = up.wait_for(|up| !up) => break,
            }
        }
        drop(listener);
        drop(connections);
        if up.wait_for(|up| *up).await.is_err() {
            return;
        }
        listener = TcpListener::bind(address).await.unwrap();
    }
}

async fn relay(mut client: TcpStream, state: &State) -> io::Result<()> {
    let Some(request) = Request::read(&mut client).await? else {
        return Ok(());
    };
    let weather = state.weather.lock().unwrap().clone();
    if let Some(room_id) = &weather.broken_history
        && request.is_about_history_of(room_id)
    {
        state.counts.broken.fetch_add(1, Ordering::Relaxed);
        return client.write_all(BROKEN).await;
    }
    if let Some(late) = weather.late_rooms
        && request.head.contains("/createRoom ")
    {
        state.counts.delayed.fetch_add(1, Ordering::Relaxed);
        drop(client);
        sleep(late).await;
        let mut homeserver = TcpStream::connect(state.homeserver).await?;
        homeserver.write_all(&request.forwarded(false)).await?;
        return copy(&mut homeserver, &mut sink()).await.map(drop);
    }
    let fate = if weather.random_transactions && !request.is_message() {
        Fate::Forward
    } else {
        state.fate(&weather)
    };
    match fate {
        Fate::CutBefore => return Ok(()),
        Fate::Delay(delay) => sleep(delay).await,
        Fate::Forward | Fate::CutAfter(_) => {}
    }
    let mut homeserver = TcpStream::connect(state.homeserver).await?;
    homeserver
        .write_all(&request.forwarded(weather.random_transactions))
        .await?;
    if let Fate::CutAfter(done) = fate {
        if done {
            homeserver.read_u8().await?;
        }
        return Ok(());
    }
    let (mut from_client, mut to_client) = client.split();
    if let Some((from, to)) = &weather.rewrite {
        let mut answer = Vec::new();
        tokio::select! {
            answered = homeserver.read_to_end(&mut answer) => answered.map(drop)?,
            _ = from_client.read_u8() => return Ok(()),
        }
        return to_client.write_all(&rewritten(&answer, from, to)).await;
    }
    tokio::select! {
        answered = copy(&mut homeserver, &mut to_client) => answered.map(drop),
        // The client has gone.
        _ = from_client.read_u8() => Ok(()),
    }
}

impl State {
    fn fate(&self, weather: &Weather) -> Fate {
        let mut rng = self.rng.lock().unwrap();
        let count = |counter: &AtomicUsize| counter.fetch_add(1, Ordering::Relaxed);
        let dice: f64 = rng.random();
        if dice < weather.cut_before {
            count(&self.counts.cut_before);
            Fate::CutBefore
        } else if dice < weather.cut_before + weather.cut_after {
            count(&self.counts.cut_after);
            Fate::CutAfter(weather.random_transactions || rng.random())
        } else if dice < weather.cut_before + weather.cut_after + weather.delay {
            count(&self.counts.delayed);
            Fate::Delay(Duration::from_millis(rng.random_range(50..1500)))
        } else {
            Fate::Forward
        }
    }
}

struct Request {
    head: String,
    body: Vec<u8>,
}

impl Request {
    /// Reads a request; `None` when the client has no more.
    async fn read(client: &mut TcpStream) -> io::Result<Option<Self>> {
        let mut bytes = Vec::new();
        let head_length = loop {
            if let Some(at) = bytes.windows(4).position(|it| it == b"\r\n\r\n") {
                break at + 2;
            }
            if client.read_buf(&mut bytes).await? == 0 {
                return Ok(None);
            }
        };
        let head = String::from_utf8_lossy(&bytes[..head_length]).into_owned();
        let mut body = bytes.split_off(head_length + 2);
        let length = header(&head, "content-length").map_or(0, |value| value.parse().unwrap());
        while body.len() < length {
            if client.read_buf(&mut body).await? == 0 {
                return Ok(None);
            }
        }
        Ok(Some(Self { head, body }))
    }

    /// Whether this is a request for a page of a room's history.
    fn is_about_history_of(&self, room_id: &str) -> bool {
        // The room's id without characters that may be escaped in a path.
        let opaque = room_id.trim_start_matches('!').split(':').next();
        let mut path = self.head.lines().next().unwrap_or_default().split('/');
        let in_room = path.any(|part| opaque.is_some_and(|opaque| part.contains(opaque)));
        in_room && path.any(|part| part.starts_with("messages?") || part == "messages")
    }

    fn is_message(&self) -> bool {
        self.head.contains("/send/m.room.message/")
    }

    fn forwarded(&self, random_transaction: bool) -> Vec<u8> {
        let mut lines = self.head.lines();
        let mut first = lines.next().unwrap().to_owned();
        if random_transaction && self.is_message() {
            let (target, version) = first.rsplit_once(' ').unwrap();
            let (path, _) = target.rsplit_once('/').unwrap();
            first = format!("{path}/{} {version}", Uuid::new_v4());
        }
        let mut head = format!("{first}\r\nConnection: close\r\n");
        for line in lines.filter(|line| header(line, "connection").is_none()) {
            head.push_str(line);
            head.push_str("\r\n");
        }
        head.push_str("\r\n");
        [head.as_bytes(), &self.body].concat()
    }
}

/// An answer in whose body one text is replaced.
fn rewritten(answer: &[u8], from: &str, to: &str) -> Vec<u8> {
    let Some(end) = answer.windows(4).position(|it| it == b"\r\n\r\n") else {
        return Vec::new();
    };
    let (head, body) = (String::from_utf8_lossy(&answer[..end]), &answer[end + 4..]);
    let body = if header(&head, "transfer-encoding").is_some() {
        unchunked(body)
    } else {
        body.to_vec()
    };
    let body = String::from_utf8_lossy(&body).replace(from, to);
    let framing = ["content-length", "transfer-encoding"];
    let mut lines: Vec<_> = head
        .lines()
        .filter(|line| framing.iter().all(|name| header(line, name).is_none()))
        .collect();
    let length = format!("Content-Length: {}\r\n", body.len());
    lines.extend([&*length, &*body]);
    lines.join("\r\n").into_bytes()
}

/// The content of a chunked body (RFC 9112, section 7.1), as far as it has arrived.
fn unchunked(mut body: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    while let Some(end) = body.windows(2).position(|it| it == b"\r\n") {
        let length = String::from_utf8_lossy(&body[..end]);
        let length = usize::from_str_radix(length.trim(), 16).unwrap_or(0);
        let rest = &body[end + 2..];
        if length == 0 || rest.len() < length {
            break;
        }
        whole.extend_from_slice(&rest[..length]);
        body = rest.get(length + 2..).unwrap_or_default();
    }
    whole
}

fn header<'a>(head: &'a str, wanted: &str) -> Option<&'a str> {
    head.lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case(wanted))
        .map(|(_, value)| value.trim())
}

#[test]
fn an_answer_in_chunks_is_rewritten_whole() {
    let answer =
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nab $\r\n3\r\nold\r\n0\r\n\r\n";
    let rewritten = String::from_utf8(rewritten(answer, "$old", "new")).unwrap();
    assert_eq!(
        rewritten,
        "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nab new"
    );
}

//! Visitors and staff, who go on whatever happens, and write down what they were promised.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use rand::{Rng, SeedableRng, rngs::StdRng};
use reqwest::{Client, Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use sqlx::PgPool;
use tokio::{
    task::{JoinHandle, JoinSet},
    time::{Instant, sleep},
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{homeserver::Account, parts};

/// So much may wait in the outbox before visitors come no more: the homeserver is to be broken, not
/// just swamped.
const BACKLOG: i64 = 250;
/// Enough for a reply before, during and after a fault.
const REPLIES: usize = 4;

/// What a poll showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) id: String,
    pub(crate) sender: String,
    pub(crate) body: String,
}

/// A session, as its visitor knows it.
#[derive(Clone, Debug)]
pub(crate) struct Conversation {
    pub(crate) session_id: String,
    pub(crate) token: String,
    /// The texts that were answered with 2xx, in the order they were sent in.
    pub(crate) promised: Vec<String>,
    /// Texts that were sent once, with no telling answer: they may be there or not.
    pub(crate) uncertain: Vec<String>,
    pub(crate) closed: bool,
    /// What polls showed, each asked for what came after the last.
    pub(crate) seen: Vec<Entry>,
}

/// The servers' API, as a client uses it that does not give up.
#[derive(Clone)]
pub(crate) struct Api {
    client: Client,
    bases: Vec<String>,
}

impl Api {
    /// Over all of these servers, each attempt at any of them.
    pub(crate) fn new(bases: Vec<String>) -> Self {
        let client = Client::builder().timeout(Duration::from_secs(10)).build();
        let client = client.unwrap();
        Self { client, bases }
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let base = &self.bases[rand::rng().random_range(0..self.bases.len())];
        self.client
            .request(method, format!("{base}/v1/support-chat{path}"))
    }

    /// Repeats a request under one key until it is accepted. An answer that was lost, or says that
    /// the outcome is not known, is as good as a 503: the key sees to it that the request counts once.
    async fn insist(&self, path: &str, token: Option<&str>, body: Option<&Value>) -> Value {
        let deadline = Instant::now() + parts::PATIENCE;
        let key = Uuid::new_v4().to_string();
        loop {
            let mut request = self
                .request(Method::POST, path)
                .header("Idempotency-Key", &key);
            if let Some(token) = token {
                request = request.bearer_auth(token);
            }
            if let Some(body) = body {
                request = request.json(body);
            }
            let answer = async {
                let response = request.send().await?;
                let status = response.status();
                Ok::<_, reqwest::Error>((status, response.text().await?))
            };
            match answer.await {
                Ok((status, text)) if status.is_success() => {
                    return serde_json::from_str(&text).unwrap_or_default();
                }
                Ok((status, text)) if !status.is_server_error() => {
                    panic!("{path} was refused: {status} {text}");
                }
                failure => assert!(Instant::now() < deadline, "{path}: {failure:?}"),
            }
            sleep(Duration::from_millis(50)).await;
        }
    }

    pub(crate) async fn create(&self, text: &str) -> Conversation {
        let body = json!({ "initialMessage": text, "visitorName": "Ada" });
        let created = self.insist("/sessions", None, Some(&body)).await;
        let field = |name: &str| created[name].as_str().expect(name).to_owned();
        Conversation {
            session_id: field("sessionId"),
            token: field("token"),
            promised: vec![text.to_owned()],
            uncertain: Vec::new(),
            closed: false,
            seen: Vec::new(),
        }
    }

    pub(crate) async fn send(&self, conversation: &mut Conversation, text: String) {
        let path = format!("/sessions/{}/messages", conversation.session_id);
        let body = json!({ "body": text });
        self.insist(&path, Some(&conversation.token), Some(&body))
            .await;
        conversation.promised.push(text);
    }

    /// Sends without a key, and takes the answer for what it says: 503 means that the text was not
    /// accepted, and never will be.
    async fn send_once(&self, conversation: &mut Conversation, text: String) {
        let path = format!("/sessions/{}/messages", conversation.session_id);
        let request = self.request(Method::POST, &path);
        let request = request.bearer_auth(&conversation.token);
        let response = request.json(&json!({ "body": text })).send().await;
        match response.map(|response| response.status()) {
            Ok(StatusCode::CREATED) => conversation.promised.push(text),
            Ok(StatusCode::SERVICE_UNAVAILABLE) => {}
            Ok(status) if !status.is_server_error() => panic!("{path} was refused: {status}"),
            _ => conversation.uncertain.push(text),
        }
    }

    async fn close(&self, conversation: &mut Conversation) {
        let path = format!("/sessions/{}/close", conversation.session_id);
        self.insist(&path, Some(&conversation.token), None).await;
        conversation.closed = true;
    }

    /// Asks once for what came after the last entry seen; `None` when there is no answer.
    pub(crate) async fn poll(&self, conversation: &mut Conversation) -> Option<usize> {
        let mut path = format!("/sessions/{}/messages", conversation.session_id);
        if let Some(last) = conversation.seen.last() {
            path = format!("{path}?after={}", last.id);
        }
        let request = self.request(Method::GET, &path);
        let response = request.bearer_auth(&conversation.token).send();
        let response = response.await.ok()?;
        let status = response.status();
        let text = response.text().await.ok()?;
        if status == StatusCode::SERVICE_UNAVAILABLE {
            return None;
        }
        assert_eq!(status, StatusCode::OK, "{path}: {text}");
        let answer: Value = serde_json::from_str(&text).unwrap();
        let entries = answer["messages"].as_array().unwrap();
        conversation.seen.extend(entries.iter().map(|entry| {
            let field = |name: &str| entry[name].as_str().expect(name).to_owned();
            Entry {
                id: field("id"),
                sender: field("sender"),
                body: field("body"),
            }
        }));
        Some(entries.len())
    }

    /// Asks until nothing more comes.
    pub(crate) async fn poll_all(&self, conversation: &mut Conversation) {
        let deadline = Instant::now() + parts::PATIENCE;
        while self.poll(conversation).await != Some(0) {
            assert!(Instant::now() < deadline, "polls have no end");
        }
    }
}

/// What the homeserver accepted from staff, in order, by room.
#[derive(Default)]
pub(crate) struct Replies(Mutex<HashMap<String, Vec<String>>>);

impl Replies {
    pub(crate) fn accepted(&self, room_id: &str) -> Vec<String> {
        let replies = self.0.lock().unwrap();
        replies.get(room_id).cloned().unwrap_or_default()
    }

    pub(crate) async fn send(&self, staff: &Account, room_id: &str, text: String) {
        staff.say(room_id, &text).await;
        let mut replies = self.0.lock().unwrap();
        replies.entry(room_id.to_owned()).or_default().push(text);
    }
}

/// Visitors and staff at work.
pub(crate) struct Workload {
    leave: CancellationToken,
    visitors: JoinSet<Vec<Conversation>>,
    stop: CancellationToken,
    staff: JoinHandle<()>,
}

impl Workload {
    pub(crate) fn start(
        count: u64,
        api: &Api,
        pool: &PgPool,
        staff: Arc<Account>,
        replies: Arc<Replies>,
        seed: u64,
    ) -> Self {
        let (leave, stop) = (CancellationToken::new(), CancellationToken::new());
        let mut visitors = JoinSet::new();
        for number in 0..count {
            let rng = StdRng::seed_from_u64(seed.wrapping_add(number));
            visitors.spawn(visit(api.clone(), pool.clone(), number, rng, leave.clone()));
        }
        let staff = tokio::spawn(answer(staff, replies, stop.clone(), seed));
        Self {
            leave,
            visitors,
            stop,
            staff,
        }
    }

    /// Lets visitors finish what they are at.
    pub(crate) async fn visitors_leave(&mut self) -> Vec<Conversation> {
        self.leave.cancel();
        let mut conversations = Vec::new();
        while let Some(visitor) = self.visitors.join_next().await {
            conversations.extend(visitor.unwrap());
        }
        conversations
    }

    /// Lets staff answer every invitation that was sent by now.
    pub(crate) async fn staff_leave(self) {
        self.stop.cancel();
        self.staff.await.unwrap();
    }
}

/// One conversation after the other.
async fn visit(
    api: Api,
    pool: PgPool,
    visitor: u64,
    mut rng: StdRng,
    leave: CancellationToken,
) -> Vec<Conversation> {
    let mut conversations = Vec::new();
    loop {
        wait_for_quiet(&pool, &leave).await;
        if leave.is_cancelled() {
            return conversations;
        }
        let name = format!("visitor {visitor}, session {}", conversations.len());
        let mut conversation = api.create(&format!("{name}, text 0")).await;
        for number in 1..rng.random_range(4..16) {
            think(&mut rng, 900).await;
            let text = format!("{name}, text {number}");
            if rng.random_bool(0.2) {
                api.send_once(&mut conversation, text).await;
            } else {
                api.send(&mut conversation, text).await;
            }
            api.poll(&mut conversation).await;
        }
        if rng.random_bool(0.25) {
            api.close(&mut conversation).await;
        }
        conversations.push(conversation);
    }
}

async fn wait_for_quiet(pool: &PgPool, leave: &CancellationToken) {
    while !leave.is_cancelled() {
        let waiting: Result<i64, _> = sqlx::query_scalar("SELECT count(*) FROM outbox")
            .fetch_one(pool)
            .await;
        if waiting.is_ok_and(|waiting| waiting < BACKLOG) {
            return;
        }
        sleep(Duration::from_millis(250)).await;
    }
}

/// Accepts every invitation, and says something there a few times.
async fn answer(staff: Arc<Account>, replies: Arc<Replies>, stop: CancellationToken, seed: u64) {
    let mut rooms = JoinSet::new();
    let mut since = None;
    let mut last_look = false;
    while !last_look {
        last_look = stop.is_cancelled();
        let (invited, position) = staff.invitations(since.as_deref()).await;
        since = Some(position);
        for room_id in invited {
            let (staff, replies) = (staff.clone(), replies.clone());
            let mut rng = StdRng::seed_from_u64(seed.wrapping_add(rooms.len() as u64));
            rooms.spawn(async move {
                staff.join(&room_id).await;
                for number in 0..REPLIES {
                    think(&mut rng, 3000).await;
                    let text = format!("reply {number} in {room_id}");
                    replies.send(&staff, &room_id, text).await;
                }
            });
        }
    }
    rooms.join_all().await;
}

/// The pause of someone who types: what makes the moments of faults random.
async fn think(rng: &mut StdRng, longest_ms: u64) {
    sleep(Duration::from_millis(rng.random_range(0..longest_ms))).await;
}

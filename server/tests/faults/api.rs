//! The server's API, used by a client that does not give up and that records what it was promised.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use rand::RngExt;
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode, header::RETRY_AFTER};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use crate::parts;

/// An entry of a poll's answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) id: String,
    pub(crate) sender: String,
    pub(crate) body: String,
    /// The entry that this one replaces.
    pub(crate) replaces: Option<String>,
    pub(crate) removed: bool,
    pub(crate) delivery: Option<String>,
}

impl Entry {
    fn new(entry: &Value) -> Self {
        let optional = |name: &str| entry[name].as_str().map(str::to_owned);
        let field = |name: &str| optional(name).expect(name);
        Self {
            id: field("id"),
            sender: field("sender"),
            body: field("body"),
            replaces: optional("replaces"),
            removed: entry["removed"] == true,
            delivery: optional("delivery"),
        }
    }
}

/// A session, as its visitor knows it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Conversation {
    pub(crate) session_id: String,
    pub(crate) token: String,
    /// The texts that were answered with 2xx, in the order they were sent in.
    pub(crate) promised: Vec<String>,
    /// Texts that were sent once without a conclusive answer: they may or may not be there.
    pub(crate) uncertain: Vec<String>,
    pub(crate) closed: bool,
    /// The entries of all polls, each of which asked for what came after the last entry.
    pub(crate) seen: Vec<Entry>,
    /// The results of the visitor's texts, from reading the conversation from its start at the end.
    pub(crate) delivery: HashMap<String, String>,
}

/// The answer to a text that was sent once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Promised,
    /// It was not accepted, and never will be.
    Refused,
    Unknown,
}

/// How long answers took, including requests without one.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Slowest {
    pub(crate) poll: Duration,
    pub(crate) write: Duration,
    /// Polls without a useful answer.
    pub(crate) failed_polls: usize,
}

/// The servers' API.
#[derive(Clone)]
pub(crate) struct Api {
    client: Client,
    bases: Vec<String>,
    slowest: Arc<Mutex<Slowest>>,
}

impl Api {
    /// A client of these servers; each attempt goes to any of them.
    pub(crate) fn new(bases: Vec<String>) -> Self {
        let client = Client::builder().timeout(Duration::from_secs(10)).build();
        Self {
            client: client.unwrap(),
            bases,
            slowest: Arc::default(),
        }
    }

    /// The durations of all requests through this client and its clones.
    pub(crate) fn slowest(&self) -> Slowest {
        *self.slowest.lock().unwrap()
    }

    fn wrote(&self, began: Instant) {
        let mut slowest = self.slowest.lock().unwrap();
        slowest.write = slowest.write.max(began.elapsed());
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let base = &self.bases[rand::rng().random_range(0..self.bases.len())];
        self.client
            .request(method, format!("{base}/v1/support-chat{path}"))
    }

    /// Repeats a request with one key until it is accepted. A lost answer, or one that says that the outcome is not
    /// known, is repeated like a 503: the key makes the request count once.
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
            let began = Instant::now();
            let answer = answer.await;
            self.wrote(began);
            match answer {
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
            ..Conversation::default()
        }
    }

    /// The status of one attempt to begin a session, if there is an answer.
    pub(crate) async fn status_of_creation(&self, text: &str) -> Option<StatusCode> {
        let body = json!({ "initialMessage": text });
        let request = self.request(Method::POST, "/sessions").json(&body);
        Some(request.send().await.ok()?.status())
    }

    pub(crate) async fn send(&self, conversation: &mut Conversation, text: String) {
        let path = messages_of(conversation);
        let body = json!({ "body": text });
        self.insist(&path, Some(&conversation.token), Some(&body))
            .await;
        conversation.promised.push(text);
    }

    /// Sends once without a key, and believes the answer.
    pub(crate) async fn send_once(&self, conversation: &mut Conversation, text: String) -> Outcome {
        let request = self.request(Method::POST, &messages_of(conversation));
        let request = request.bearer_auth(&conversation.token);
        let began = Instant::now();
        let response = request.json(&json!({ "body": text })).send().await;
        let outcome = outcome(response).await;
        self.wrote(began);
        match outcome {
            Outcome::Promised => conversation.promised.push(text),
            Outcome::Unknown => conversation.uncertain.push(text),
            Outcome::Refused => {}
        }
        outcome
    }

    pub(crate) async fn close(&self, conversation: &mut Conversation) {
        let path = format!("/sessions/{}/close", conversation.session_id);
        self.insist(&path, Some(&conversation.token), None).await;
        conversation.closed = true;
    }

    /// Polls once for what came after the last entry; `None` without an answer, and otherwise whether there may be
    /// more.
    pub(crate) async fn poll(&self, conversation: &mut Conversation) -> Option<bool> {
        let after = conversation.seen.last().map(|last| last.id.clone());
        let (entries, more) = self.page(conversation, after.as_deref()).await?;
        conversation.seen.extend(entries);
        Some(more)
    }

    /// A page of the conversation, and whether there may be more; `None` without an answer.
    pub(crate) async fn page(
        &self,
        conversation: &Conversation,
        after: Option<&str>,
    ) -> Option<(Vec<Entry>, bool)> {
        let mut path = messages_of(conversation);
        if let Some(after) = after {
            path = format!("{path}?after={after}");
        }
        let request = self.request(Method::GET, &path);
        let request = request.bearer_auth(&conversation.token);
        let answer = async {
            let response = request.send().await?;
            let status = response.status();
            Ok::<_, reqwest::Error>((status, response.text().await?))
        };
        let began = Instant::now();
        let answer = answer.await;
        {
            let mut slowest = self.slowest.lock().unwrap();
            slowest.poll = slowest.poll.max(began.elapsed());
            let answered = answer.as_ref().is_ok_and(|(status, _)| status.is_success());
            slowest.failed_polls += usize::from(!answered);
        }
        let (status, text) = answer.ok()?;
        if status.is_server_error() {
            return None;
        }
        assert_eq!(status, StatusCode::OK, "{path}: {text}");
        let answer: Value = serde_json::from_str(&text).unwrap();
        let entries = answer["messages"].as_array().unwrap();
        let entries: Vec<_> = entries.iter().map(Entry::new).collect();
        let more = !entries.is_empty();
        Some((entries, more))
    }

    /// Polls for what comes after everything that is there, waiting for it; returns the answer's status.
    pub(crate) async fn wait(&self, conversation: &Conversation) -> Option<StatusCode> {
        let (entries, _) = self.page(conversation, None).await?;
        let last = &entries.last()?.id;
        let path = format!("{}?after={last}&wait=25", messages_of(conversation));
        let request = self.request(Method::GET, &path);
        let response = request.bearer_auth(&conversation.token).send().await;
        Some(response.ok()?.status())
    }

    /// Polls until nothing more comes, and then once more from the start for the result of each text.
    pub(crate) async fn poll_all(&self, conversation: &mut Conversation) {
        let deadline = Instant::now() + parts::PATIENCE;
        while self.poll(conversation).await != Some(false) {
            assert!(Instant::now() < deadline, "polls have no end");
        }
        let mut after: Option<String> = None;
        loop {
            assert!(Instant::now() < deadline, "polls have no end");
            let Some((entries, more)) = self.page(conversation, after.as_deref()).await else {
                continue;
            };
            let delivered = entries.iter().filter_map(|entry| {
                let delivery = entry.delivery.clone()?;
                Some((entry.body.clone(), delivery))
            });
            conversation.delivery.extend(delivered);
            if !more {
                return;
            }
            after = entries.last().map(|entry| entry.id.clone());
        }
    }
}

fn messages_of(conversation: &Conversation) -> String {
    format!("/sessions/{}/messages", conversation.session_id)
}

/// A lost answer is treated like one that says that the outcome is not known.
async fn outcome(response: reqwest::Result<Response>) -> Outcome {
    let Ok(response) = response else {
        return Outcome::Unknown;
    };
    let (status, later) = (
        response.status(),
        response.headers().contains_key(RETRY_AFTER),
    );
    let Ok(text) = response.text().await else {
        return Outcome::Unknown;
    };
    let problem: Value = serde_json::from_str(&text).unwrap_or_default();
    let outcome = match (status.as_u16(), problem["code"].as_str()) {
        (201, _) => return Outcome::Promised,
        (503, Some("database_unavailable" | "relay_unavailable")) => Outcome::Refused,
        (500 | 502 | 504, Some("outcome_unknown")) => Outcome::Unknown,
        _ => panic!("an answer that says nothing of the outcome: {status} {text}"),
    };
    assert!(later, "no Retry-After: {status} {text}");
    outcome
}

//! Accounts on the test's Synapse, and a staff member's actions.

mod team;
mod waiting;

use std::{env, time::Duration};

use matrix_client::{Answer, Client, Request, request};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use server::config::Config;
use sqlx::PgPool;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

pub(crate) use team::Team;
pub(crate) use waiting::{readiness, wait_for_messages, wait_until};

use crate::{
    common::{self, TestApp},
    record::Record,
    registration::register,
};

/// Nothing here takes this long; a longer wait is a failure.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// The desk's name.
const DESK: &str = "Support desk";

/// A homeserver, with the secret for registering accounts.
#[derive(Clone, Debug)]
pub(crate) struct Site {
    url: String,
    secret: String,
}

impl Site {
    /// The homeserver that most tests use.
    fn usual() -> Self {
        Self::named("SYNAPSE")
    }

    /// A homeserver that encrypts private rooms by default.
    pub(crate) fn encrypting() -> Self {
        Self::named("SYNAPSE_ENCRYPTING")
    }

    fn named(name: &str) -> Self {
        let variable = |part| {
            let name = format!("{name}_{part}");
            env::var(&name).unwrap_or_else(|_| {
                panic!("{name}: run these tests with `cargo xtask test synapse`")
            })
        };
        Self {
            url: variable("URL"),
            secret: variable("REGISTRATION_SECRET"),
        }
    }
}

/// An account, made for one test.
pub(crate) struct Account {
    client: Client,
    pub(crate) user_id: String,
    pub(crate) access_token: String,
    pub(crate) password: String,
    since: Option<String>,
    /// Every timeline event seen so far, oldest first, each with its `room_id`.
    seen: Vec<Value>,
    invited_to: Vec<String>,
    /// Invitations to a desk, which are not among those to conversations.
    invited_to_desk: Vec<String>,
}

pub(crate) fn homeserver_url() -> String {
    Site::usual().url
}

impl Account {
    pub(crate) async fn register(name: &str) -> Self {
        Self::register_as(&Site::usual(), name, false).await
    }

    async fn register_as(site: &Site, name: &str, admin: bool) -> Self {
        let client = Client::new(reqwest::Client::new(), &site.url);
        let username = format!("{name}-{}", Uuid::new_v4().simple());
        let password = Uuid::new_v4().to_string();
        let registered = register(&client, &site.secret, &username, &password, admin);
        let (user_id, client) = registered.await.expect("registered");
        Self {
            access_token: client.token().to_owned(),
            client,
            user_id,
            password,
            since: None,
            seen: Vec::new(),
            invited_to: Vec::new(),
            invited_to_desk: Vec::new(),
        }
    }

    /// Sends a test's own request.
    pub(crate) async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> (StatusCode, Value) {
        let path = path.to_owned();
        self.ask(&Request { method, path, body }).await
    }

    async fn ask(&self, request: &Request) -> (StatusCode, Value) {
        loop {
            let Answer { status, body } = self.client.ask(request).await.unwrap();
            if status != StatusCode::TOO_MANY_REQUESTS {
                return (status, body);
            }
            // A hardened homeserver limits how fast people may send, and says how long to wait.
            sleep(Duration::from_millis(
                body["retry_after_ms"].as_u64().unwrap(),
            ))
            .await;
        }
    }

    /// Sends a request that must succeed.
    async fn must(&self, request: Request) -> Value {
        let (status, answer) = self.ask(&request).await;
        assert_eq!(status, StatusCode::OK, "{request}: {answer}");
        answer
    }

    pub(crate) async fn ok(&self, method: Method, path: &str, body: Option<Value>) -> Value {
        let (status, answer) = self.call(method, path, body).await;
        assert_eq!(status, StatusCode::OK, "{path}: {answer}");
        answer
    }

    /// A new access token, on a new device.
    pub(crate) async fn log_in_again(&self) -> String {
        let log_in = request::log_in(&self.user_id, &self.password, "again");
        let answer = self.must(log_in).await;
        answer["access_token"].as_str().unwrap().to_owned()
    }

    /// Follows `/sync` until `find` finds something in the events so far.
    pub(crate) async fn wait_for<T>(&mut self, what: &str, find: impl Fn(&Self) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(found) = find(self) {
                return found;
            }
            assert!(
                Instant::now() < deadline,
                "{} waits for {what}: {:#?}",
                self.user_id,
                self.seen
            );
            self.sync().await;
        }
    }

    async fn sync(&mut self) {
        let filter = json!({ "room": { "timeline": { "limit": 500 } } });
        let sync = request::sync(&filter, self.since.as_deref(), 2000);
        let answer = self.must(sync).await;
        self.since = answer["next_batch"].as_str().map(str::to_owned);
        let rooms = |kind: &str| {
            answer["rooms"][kind]
                .as_object()
                .cloned()
                .unwrap_or_default()
        };
        for (room_id, room) in rooms("invite") {
            let state = room["invite_state"]["events"].as_array().into_iter();
            let is_desk = state
                .flatten()
                .any(|event| event["content"]["name"] == DESK);
            let list = if is_desk {
                &mut self.invited_to_desk
            } else {
                &mut self.invited_to
            };
            list.push(room_id);
        }
        for (room_id, room) in rooms("join") {
            for event in room["timeline"]["events"].as_array().into_iter().flatten() {
                let mut event = event.clone();
                event["room_id"] = json!(room_id);
                self.seen.push(event);
            }
        }
    }

    pub(crate) async fn invitation(&mut self) -> String {
        self.wait_for("an invitation", |account| {
            account.invited_to.last().cloned()
        })
        .await
    }

    pub(crate) fn invited_to_room(&self, room_id: &str) -> bool {
        self.invited_to.iter().any(|invited| invited == room_id)
    }

    /// The number of invitations so far.
    pub(crate) fn invitations(&self) -> usize {
        self.invited_to.len()
    }

    pub(crate) async fn join(&self, room_id: &str) {
        self.must(request::join(room_id)).await;
    }

    pub(crate) async fn invite(&self, room_id: &str, user_id: &str) {
        self.must(request::invite(room_id, user_id)).await;
    }

    /// Accepts the newest invitation.
    pub(crate) async fn accept(&mut self) -> String {
        let room_id = self.invitation().await;
        self.join(&room_id).await;
        room_id
    }

    /// Sends an `m.room.message`; returns its event id.
    pub(crate) async fn send(&self, room_id: &str, content: Value) -> String {
        self.send_as("m.room.message", room_id, content).await
    }

    /// Sends an event of this type; returns its id.
    pub(crate) async fn send_as(&self, kind: &str, room_id: &str, content: Value) -> String {
        let transaction = Uuid::new_v4().to_string();
        let answer = self
            .must(request::send(room_id, kind, &transaction, content))
            .await;
        answer["event_id"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn say(&self, room_id: &str, text: &str) -> String {
        self.send(room_id, json!({ "msgtype": "m.text", "body": text }))
            .await
    }

    pub(crate) async fn redact(&self, room_id: &str, event_id: &str) {
        let transaction = Uuid::new_v4().to_string();
        self.must(request::redact(room_id, event_id, &transaction))
            .await;
    }

    /// Every timeline event seen in the room.
    pub(crate) fn timeline(&self, room_id: &str) -> impl Iterator<Item = &Value> {
        let room_id = room_id.to_owned();
        let events = self.seen.iter();
        events.filter(move |event| event["room_id"] == room_id)
    }

    /// `(msgtype, body)` of each message seen in the room.
    pub(crate) fn messages(&self, room_id: &str) -> Vec<(String, String)> {
        self.seen
            .iter()
            .filter(|event| event["room_id"] == room_id && event["type"] == "m.room.message")
            .filter_map(|event| {
                let content = &event["content"];
                Some((
                    content["msgtype"].as_str()?.to_owned(),
                    content["body"].as_str()?.to_owned(),
                ))
            })
            .collect()
    }

    /// Bodies of the texts, or of the notices, in the room.
    pub(crate) fn bodies(&self, room_id: &str, msgtype: &str) -> Vec<String> {
        let messages = self.messages(room_id).into_iter();
        messages
            .filter(|(kind, _)| kind == msgtype)
            .map(|(_, body)| body)
            .collect()
    }

    pub(crate) async fn wait_for_texts(&mut self, room_id: &str, count: usize) -> Vec<String> {
        self.wait_for(&format!("{count} texts"), |account| {
            Some(account.bodies(room_id, "m.text")).filter(|texts| texts.len() >= count)
        })
        .await
    }

    pub(crate) async fn wait_for_notice(&mut self, room_id: &str, part: &str) -> String {
        self.wait_for(&format!("a notice with {part:?}"), |account| {
            account
                .bodies(room_id, "m.notice")
                .into_iter()
                .find(|body| body.contains(part))
        })
        .await
    }

    /// The bot's answer to an event, which mentions this account.
    pub(crate) async fn wait_for_answer(&mut self, event_id: &str) -> String {
        let content = self
            .wait_for(&format!("an answer to {event_id}"), |account| {
                account.answers(event_id).into_iter().next()
            })
            .await;
        assert_eq!(content["msgtype"], "m.text", "{content}");
        let mentions = json!({ "user_ids": [self.user_id] });
        assert_eq!(content["m.mentions"], mentions, "{content}");
        content["body"].as_str().unwrap().to_owned()
    }

    /// The contents of the answers to an event that were seen so far.
    pub(crate) fn answers(&self, event_id: &str) -> Vec<Value> {
        let answers = self.seen.iter().filter(|event| {
            event["sender"] != *self.user_id
                && event["content"]["m.relates_to"]["m.in_reply_to"]["event_id"] == event_id
        });
        answers.map(|event| event["content"].clone()).collect()
    }

    /// The number of the bot's answers that were seen so far.
    pub(crate) fn all_answers(&self, bot: &str) -> usize {
        let answers = self.seen.iter().filter(|event| {
            event["sender"] == bot && event["content"]["m.relates_to"]["m.in_reply_to"].is_object()
        });
        answers.count()
    }

    /// Waits for a text of the bot in the room, and returns its event id.
    pub(crate) async fn wait_for_event(&mut self, sender: &str, body: &str) -> String {
        self.wait_for(&format!("{body:?}"), |account| {
            let mut events = account.seen.iter();
            let found = events
                .find(|event| event["sender"] == sender && event["content"]["body"] == body)?;
            Some(found["event_id"].as_str()?.to_owned())
        })
        .await
    }

    pub(crate) async fn state(&self, room_id: &str) -> Vec<Value> {
        let state = self.must(request::state(room_id)).await;
        state.as_array().unwrap().clone()
    }

    /// The rooms that the account is in, and their names.
    async fn named_rooms(&self) -> Vec<(String, Value)> {
        let rooms = self.must(request::joined_rooms()).await;
        let mut named = Vec::new();
        for room_id in rooms["joined_rooms"].as_array().unwrap() {
            let room_id = room_id.as_str().unwrap();
            let name = request::state_event(room_id, "m.room.name");
            let (_, content) = self.ask(&name).await;
            named.push((room_id.to_owned(), content["name"].clone()));
        }
        named
    }

    /// The number of conversations' rooms that the account is in.
    pub(crate) async fn joined_rooms(&self) -> usize {
        let rooms = self.named_rooms().await.into_iter();
        rooms.filter(|(_, name)| name != DESK).count()
    }

    /// The desks that the account is in.
    pub(crate) async fn joined_desks(&self) -> Vec<String> {
        let rooms = self.named_rooms().await.into_iter();
        let desks = rooms.filter(|(_, name)| name == DESK);
        desks.map(|(room_id, _)| room_id).collect()
    }

    pub(crate) fn invited_to_desks(&self) -> &[String] {
        &self.invited_to_desk
    }

    /// Accepts the newest invitation to a desk.
    pub(crate) async fn accept_desk(&mut self) -> String {
        let room_id = self
            .wait_for("an invitation to the desk", |account| {
                account.invited_to_desk.last().cloned()
            })
            .await;
        self.join(&room_id).await;
        room_id
    }

    /// The events of the messages in the room that were seen so far.
    pub(crate) fn events(&self, room_id: &str) -> Vec<Value> {
        let events = self
            .seen
            .iter()
            .filter(|event| event["room_id"] == room_id && event["type"] == "m.room.message");
        events.cloned().collect()
    }
}

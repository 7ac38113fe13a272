//! Accounts on the homeserver, which is asked without the proxy and again until it answers: it may
//! be down at any moment.

use std::{env, time::Duration};

use hmac::{Hmac, Mac};
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use sha1::Sha1;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use crate::parts;

/// Where the state event stands that says whose room it is.
const MARKER: &str = "pro.webdevelop.support_chat.session_id";
const API: &str = "/_matrix/client/v3";

/// The homeserver's own address.
pub(crate) fn url() -> String {
    env::var("SYNAPSE_URL").expect("SYNAPSE_URL: run these tests with `cargo xtask test faults`")
}

/// A text in a room.
pub(crate) struct Text {
    pub(crate) sender: String,
    pub(crate) body: String,
}

/// An account, made for one scenario.
pub(crate) struct Account {
    client: Client,
    pub(crate) user_id: String,
    pub(crate) access_token: String,
    pub(crate) password: String,
}

impl Account {
    /// An account without limits on what it does; `admin` lifts them.
    pub(crate) async fn unlimited(name: &str, admin: &Self) -> Self {
        let account = Self::register(name, false).await;
        let path = format!(
            "/_synapse/admin/v1/users/{}/override_ratelimit",
            account.user_id
        );
        let none = json!({ "messages_per_second": 0, "burst_count": 0 });
        admin.ok(Method::POST, &path, Some(&none)).await;
        account
    }

    /// An account that may change others.
    pub(crate) async fn admin() -> Self {
        Self::register("admin", true).await
    }

    async fn register(name: &str, admin: bool) -> Self {
        const REGISTER: &str = "/_synapse/admin/v1/register";
        let mut account = Self {
            client: Client::builder()
                .timeout(Duration::from_mins(1))
                .build()
                .unwrap(),
            user_id: String::new(),
            access_token: String::new(),
            password: Uuid::new_v4().to_string(),
        };
        let nonce = account.ok(Method::GET, REGISTER, None).await;
        let nonce = nonce["nonce"].as_str().unwrap();
        let username = format!("{name}-{}", Uuid::new_v4().simple());
        let password = account.password.as_str();
        let secret = env::var("SYNAPSE_REGISTRATION_SECRET").expect("SYNAPSE_REGISTRATION_SECRET");
        let mut mac = Hmac::<Sha1>::new_from_slice(secret.as_bytes()).unwrap();
        let role = if admin { "admin" } else { "notadmin" };
        mac.update([nonce, &username, password, role].join("\0").as_bytes());
        let body = json!({
            "nonce": nonce, "username": username, "password": password, "admin": admin,
            "mac": format!("{:x}", mac.finalize().into_bytes()),
        });
        let registered = account.ok(Method::POST, REGISTER, Some(&body)).await;
        let text = |name: &str| registered[name].as_str().expect(name).to_owned();
        (account.user_id, account.access_token) = (text("user_id"), text("access_token"));
        account
    }

    /// Asks until there is an answer that will not change.
    async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> (StatusCode, Value) {
        let deadline = Instant::now() + parts::PATIENCE;
        loop {
            let mut request = self
                .client
                .request(method.clone(), format!("{}{path}", url()))
                .bearer_auth(&self.access_token);
            if let Some(body) = body {
                request = request.json(body);
            }
            let answer = async {
                let response = request.send().await?;
                let status = response.status();
                Ok::<_, reqwest::Error>((status, response.json::<Value>().await?))
            };
            match answer.await {
                Ok((status, answer))
                    if !status.is_server_error() && status != StatusCode::TOO_MANY_REQUESTS =>
                {
                    return (status, answer);
                }
                failure => assert!(Instant::now() < deadline, "{path}: {failure:?}"),
            }
            sleep(Duration::from_millis(200)).await;
        }
    }

    async fn ok(&self, method: Method, path: &str, body: Option<&Value>) -> Value {
        let (status, answer) = self.call(method, path, body).await;
        assert_eq!(status, StatusCode::OK, "{path}: {answer}");
        answer
    }

    /// The rooms that this account is newly invited to, and where to go on.
    pub(crate) async fn invitations(&self, since: Option<&str>) -> (Vec<String>, String) {
        let filter = r#"{"room":{"timeline":{"limit":1},"state":{"types":[]}}}"#;
        let since = since.map(|since| format!("&since={since}"));
        let since = since.unwrap_or_default();
        let path = format!("{API}/sync?timeout=1000&filter={filter}{since}");
        let answer = self.ok(Method::GET, &path, None).await;
        let rooms = answer["rooms"]["invite"].as_object();
        let rooms = rooms.into_iter().flatten().map(|(id, _)| id.clone());
        (
            rooms.collect(),
            answer["next_batch"].as_str().unwrap().to_owned(),
        )
    }

    /// Accepts an invitation; doing it again changes nothing.
    pub(crate) async fn join(&self, room_id: &str) {
        let path = format!("{API}/join/{room_id}");
        self.ok(Method::POST, &path, Some(&json!({}))).await;
    }

    /// A room of this account's own, with the other one in it.
    pub(crate) async fn make_room(&self, other: &Self) -> String {
        let path = format!("{API}/createRoom");
        let body = json!({ "preset": "private_chat", "invite": [other.user_id] });
        let made = self.ok(Method::POST, &path, Some(&body)).await;
        let room_id = made["room_id"].as_str().unwrap();
        other.join(room_id).await;
        room_id.to_owned()
    }

    /// Says something, under the same transaction id until the homeserver has accepted it.
    pub(crate) async fn say(&self, room_id: &str, text: &str) {
        let transaction = Uuid::new_v4();
        let path = format!("{API}/rooms/{room_id}/send/m.room.message/{transaction}");
        let content = json!({ "msgtype": "m.text", "body": text });
        self.ok(Method::PUT, &path, Some(&content)).await;
    }

    /// How far this account could read on now.
    pub(crate) async fn position(&self) -> String {
        self.invitations(None).await.1
    }

    pub(crate) async fn joined_rooms(&self) -> Vec<String> {
        let answer = self
            .ok(Method::GET, &format!("{API}/joined_rooms"), None)
            .await;
        let rooms = answer["joined_rooms"].as_array().unwrap().iter();
        rooms.map(|id| id.as_str().unwrap().to_owned()).collect()
    }

    /// The session that a room's creation names.
    pub(crate) async fn session_of(&self, room_id: &str) -> Option<String> {
        let path = format!("{API}/rooms/{room_id}/state/m.room.create");
        let creation = self.ok(Method::GET, &path, None).await;
        creation[MARKER].as_str().map(str::to_owned)
    }

    /// Every `m.text` of a room, oldest first.
    pub(crate) async fn texts(&self, room_id: &str) -> Vec<Text> {
        let messages = self.history(room_id).await.into_iter();
        messages
            .filter(|event| event["content"]["msgtype"] == "m.text")
            .map(|event| Text {
                sender: event["sender"].as_str().unwrap().to_owned(),
                body: event["content"]["body"].as_str().unwrap().to_owned(),
            })
            .collect()
    }

    /// How many messages of any kind there are in a room.
    pub(crate) async fn messages(&self, room_id: &str) -> usize {
        self.history(room_id).await.len()
    }

    /// Every `m.room.message` of a room, oldest first.
    async fn history(&self, room_id: &str) -> Vec<Value> {
        let mut messages = Vec::new();
        let mut from = String::new();
        loop {
            let path = format!("{API}/rooms/{room_id}/messages?dir=f&limit=500{from}");
            let page = self.ok(Method::GET, &path, None).await;
            let events = page["chunk"].as_array().unwrap().iter();
            messages.extend(
                events
                    .filter(|event| event["type"] == "m.room.message")
                    .cloned(),
            );
            match page["end"].as_str() {
                Some(end) => from = format!("&from={end}"),
                None => return messages,
            }
        }
    }
}

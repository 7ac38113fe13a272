//! Accounts on the homeserver, which is asked without the proxy and again until it answers: it may
//! be down at any moment.

use std::{env, time::Duration};

use hmac::{Hmac, KeyInit, Mac};
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use sha1::Sha1;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use crate::{parts, room::Event};

/// Where the state event stands that says whose room it is.
const MARKER: &str = "pro.webdevelop.support_chat.session_id";
const DESK_MARKER: &str = "pro.webdevelop.support_chat.desk";
const API: &str = "/_matrix/client/v3";

/// The homeserver's own address.
pub(crate) fn url() -> String {
    env::var("SYNAPSE_URL").expect("SYNAPSE_URL: run these tests with `cargo xtask test faults`")
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
            "mac": hex::encode(mac.finalize().into_bytes()),
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
                Ok((status, answer)) if !is_passing(status, &answer) => return (status, answer),
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

    /// Waits until there is an invitation to this room.
    pub(crate) async fn wait_for_invitation(&self, room_id: &str) {
        let deadline = Instant::now() + parts::PATIENCE;
        while !self.invitations(None).await.0.contains(&room_id.to_owned()) {
            assert!(Instant::now() < deadline, "{room_id}: no invitation");
        }
    }

    /// The rooms that this account was in, or invited to, and is not any more.
    pub(crate) async fn left_rooms(&self) -> Vec<String> {
        let filter =
            r#"{"room":{"include_leave":true,"timeline":{"limit":1},"state":{"types":[]}}}"#;
        let path = format!("{API}/sync?timeout=0&filter={filter}");
        let answer = self.ok(Method::GET, &path, None).await;
        let rooms = answer["rooms"]["leave"].as_object();
        rooms
            .into_iter()
            .flatten()
            .map(|(id, _)| id.clone())
            .collect()
    }

    /// Joins, as soon as there is an invitation; doing it again changes nothing.
    pub(crate) async fn join(&self, room_id: &str) {
        let deadline = Instant::now() + parts::PATIENCE;
        while !self.try_join(room_id).await {
            assert!(Instant::now() < deadline, "{room_id}: no invitation");
            sleep(Duration::from_millis(200)).await;
        }
    }

    /// Joins where that is possible.
    pub(crate) async fn try_join(&self, room_id: &str) -> bool {
        let path = format!("{API}/join/{room_id}");
        let (status, _) = self.call(Method::POST, &path, Some(&json!({}))).await;
        status == StatusCode::OK
    }

    /// Accepts every invitation that is open.
    pub(crate) async fn join_all(&self) {
        for room_id in self.invitations(None).await.0 {
            self.try_join(&room_id).await;
        }
    }

    /// Leaves a room, or declines the invitation to it.
    pub(crate) async fn leave(&self, room_id: &str) {
        let path = format!("{API}/rooms/{room_id}/leave");
        self.ok(Method::POST, &path, Some(&json!({}))).await;
    }

    /// Brings somebody in, where that is possible.
    pub(crate) async fn invite(&self, room_id: &str, other: &Self) {
        let path = format!("{API}/rooms/{room_id}/invite");
        let body = json!({ "user_id": other.user_id });
        self.call(Method::POST, &path, Some(&body)).await;
    }

    /// Puts somebody out of a room and keeps them out; `false` when the room is not there any more.
    pub(crate) async fn ban(&self, room_id: &str, other: &Self) -> bool {
        let path = format!("{API}/rooms/{room_id}/ban");
        let body = json!({ "user_id": other.user_id });
        let (status, _) = self.call(Method::POST, &path, Some(&body)).await;
        status == StatusCode::OK
    }

    /// Gives up this account's own power in a room in favour of somebody else.
    pub(crate) async fn hand_power_to(&self, room_id: &str, other: &Self) {
        let path = format!("{API}/rooms/{room_id}/state/m.room.power_levels");
        let mut levels = self.ok(Method::GET, &path, None).await;
        levels["users"] = json!({ other.user_id.as_str(): 100, self.user_id.as_str(): 0 });
        self.ok(Method::PUT, &path, Some(&levels)).await;
    }

    /// Refuses every invitation from now on, as "block invites" of a client does.
    pub(crate) async fn block_invitations(&self) {
        let user = &self.user_id;
        let path = format!("{API}/user/{user}/account_data/m.invite_permission_config");
        let block = json!({ "default_action": "block" });
        self.ok(Method::PUT, &path, Some(&block)).await;
    }

    /// As an administrator: takes an account out of service.
    pub(crate) async fn deactivate(&self, other: &Self) {
        let path = format!("/_synapse/admin/v1/deactivate/{}", other.user_id);
        let body = json!({ "erase": false });
        self.ok(Method::POST, &path, Some(&body)).await;
    }

    /// As an administrator: puts everybody out of a room, and deletes it with all that was said in it.
    pub(crate) async fn delete_room(&self, room_id: &str) {
        let path = format!("/_synapse/admin/v1/rooms/{room_id}");
        let body = json!({ "purge": true });
        let deadline = Instant::now() + parts::PATIENCE;
        loop {
            let (status, answer) = self.call(Method::DELETE, &path, Some(&body)).await;
            match status {
                // Not found: an attempt that was not answered has deleted it.
                StatusCode::OK | StatusCode::NOT_FOUND => return,
                // Somebody has accepted an invitation since everybody was put out: once more.
                StatusCode::BAD_REQUEST if Instant::now() < deadline => {}
                _ => panic!("{path}: {status} {answer}"),
            }
        }
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

    /// Sends an event, under the same transaction id until the homeserver has accepted it, and gives
    /// its id; `None` when this account is not in the room, or the room is not there any more.
    async fn send(&self, room_id: &str, what: &str, content: &Value) -> Option<String> {
        let transaction = Uuid::new_v4();
        let path = format!("{API}/rooms/{room_id}/{what}/{transaction}");
        let (status, answer) = self.call(Method::PUT, &path, Some(content)).await;
        let gone = [StatusCode::FORBIDDEN, StatusCode::NOT_FOUND].contains(&status);
        assert!(gone || status == StatusCode::OK, "{path}: {answer}");
        answer["event_id"].as_str().map(str::to_owned)
    }

    /// Says something.
    pub(crate) async fn say(&self, room_id: &str, text: &str) -> Option<String> {
        let content = json!({ "msgtype": "m.text", "body": text });
        self.send(room_id, "send/m.room.message", &content).await
    }

    /// Puts another text in the place of an event's.
    pub(crate) async fn edit(&self, room_id: &str, event_id: &str, text: &str) -> Option<String> {
        let content = json!({
            "msgtype": "m.text", "body": format!("* {text}"),
            "m.new_content": { "msgtype": "m.text", "body": text },
            "m.relates_to": { "rel_type": "m.replace", "event_id": event_id },
        });
        self.send(room_id, "send/m.room.message", &content).await
    }

    /// Deletes what an event said.
    pub(crate) async fn redact(&self, room_id: &str, event_id: &str) -> Option<String> {
        let what = format!("redact/{event_id}");
        self.send(room_id, &what, &json!({})).await
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

    /// Whether a room's creation says that it is the desk.
    pub(crate) async fn is_desk(&self, room_id: &str) -> bool {
        let path = format!("{API}/rooms/{room_id}/state/m.room.create");
        let creation = self.ok(Method::GET, &path, None).await;
        creation[DESK_MARKER] == true
    }

    /// Whether this account sees this text among the newest events of a room.
    pub(crate) async fn sees(&self, room_id: &str, text: &str) -> bool {
        let path = format!("{API}/rooms/{room_id}/messages?dir=b&limit=50");
        let (_, page) = self.call(Method::GET, &path, None).await;
        let events = page["chunk"].as_array().into_iter().flatten();
        events
            .map(Event::new)
            .any(|event| event.says(text) || event.quotes(text) > 0)
    }

    /// Waits until this account sees this text in a room.
    pub(crate) async fn wait_to_see(&self, room_id: &str, text: &str) {
        let deadline = Instant::now() + parts::PATIENCE;
        while !self.sees(room_id, text).await {
            assert!(Instant::now() < deadline, "`{text}` is not in {room_id}");
            sleep(Duration::from_millis(100)).await;
        }
    }

    /// Every event of a room that this account sees, oldest first.
    pub(crate) async fn history(&self, room_id: &str) -> Vec<Event> {
        let events = self.raw_history(room_id).await;
        events.iter().map(Event::new).collect()
    }

    /// The names that a room has had, oldest first.
    pub(crate) async fn names(&self, room_id: &str) -> Vec<String> {
        let mut events = self.raw_history(room_id).await;
        events.retain(|event| event["type"] == "m.room.name");
        let name = |event: &Value| event["content"]["name"].as_str().unwrap().to_owned();
        events.iter().map(name).collect()
    }

    async fn raw_history(&self, room_id: &str) -> Vec<Value> {
        let mut events = Vec::new();
        let mut from = String::new();
        loop {
            let path = format!("{API}/rooms/{room_id}/messages?dir=f&limit=500{from}");
            let page = self.ok(Method::GET, &path, None).await;
            let chunk = page["chunk"].as_array().unwrap();
            events.extend(chunk.iter().cloned());
            match page["end"].as_str() {
                Some(end) => from = format!("&from={end}"),
                None => return events,
            }
        }
    }
}

/// Whether the same request may be answered otherwise soon. While a room is being purged, Synapse answers a sync
/// that has it with 404 and no code of the specification.
fn is_passing(status: StatusCode, answer: &Value) -> bool {
    let error = answer["error"].as_str().unwrap_or_default();
    let is_purging = status == StatusCode::NOT_FOUND && error.starts_with("No row found");
    status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS || is_purging
}

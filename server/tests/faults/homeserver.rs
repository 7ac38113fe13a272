//! Accounts on the homeserver. Requests go directly and not through the proxy, and are repeated until they are
//! answered, since the homeserver may be down at any moment.

use std::{env, time::Duration};

use matrix_client::{
    Answer, Client, Request,
    request::{self, admin},
};
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use crate::{parts, registration::register, room::Event};

/// The field of a room's creation that names its session.
const MARKER: &str = "pro.webdevelop.support_chat.session_id";
const DESK_MARKER: &str = "pro.webdevelop.support_chat.desk";

/// Between two attempts of the same request.
const AGAIN: Duration = Duration::from_millis(200);

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
        admin.ok(admin::lift_limits(&account.user_id)).await;
        account
    }

    /// An account that may change others.
    pub(crate) async fn admin() -> Self {
        Self::register("admin", true).await
    }

    async fn register(name: &str, admin: bool) -> Self {
        let http = reqwest::Client::builder().timeout(Duration::from_mins(1));
        let client = Client::new(http.build().unwrap(), &url());
        let password = Uuid::new_v4().to_string();
        let secret = env::var("SYNAPSE_REGISTRATION_SECRET").expect("SYNAPSE_REGISTRATION_SECRET");
        let deadline = Instant::now() + parts::PATIENCE;
        loop {
            // A registration whose answer was lost has taken the name.
            let username = format!("{name}-{}", Uuid::new_v4().simple());
            match register(&client, &secret, &username, &password, admin).await {
                Ok((user_id, client)) => {
                    return Self {
                        access_token: client.token().to_owned(),
                        client,
                        user_id,
                        password,
                    };
                }
                Err(failure) => assert!(Instant::now() < deadline, "{failure}"),
            }
            sleep(AGAIN).await;
        }
    }

    /// Repeats a request until there is a final answer.
    async fn call(&self, request: &Request) -> (StatusCode, Value) {
        let deadline = Instant::now() + parts::PATIENCE;
        loop {
            match self.client.ask(request).await {
                Ok(Answer { status, body }) if !is_passing(status, &body) => return (status, body),
                failure => assert!(Instant::now() < deadline, "{request}: {failure:?}"),
            }
            sleep(AGAIN).await;
        }
    }

    async fn ok(&self, request: Request) -> Value {
        let (status, answer) = self.call(&request).await;
        assert_eq!(status, StatusCode::OK, "{request}: {answer}");
        answer
    }

    /// The rooms with new invitations for this account, and the next position.
    pub(crate) async fn invitations(&self, since: Option<&str>) -> (Vec<String>, String) {
        let filter = json!({ "room": { "timeline": { "limit": 1 }, "state": { "types": [] } } });
        let answer = self.ok(request::sync(&filter, since, 1000)).await;
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

    /// The rooms that this account was in, or invited to, and no longer is.
    pub(crate) async fn left_rooms(&self) -> Vec<String> {
        let filter = json!({ "room": {
            "include_leave": true, "timeline": { "limit": 1 }, "state": { "types": [] },
        } });
        let answer = self.ok(request::sync(&filter, None, 0)).await;
        let rooms = answer["rooms"]["leave"].as_object();
        rooms
            .into_iter()
            .flatten()
            .map(|(id, _)| id.clone())
            .collect()
    }

    /// Joins as soon as there is an invitation; a repetition changes nothing.
    pub(crate) async fn join(&self, room_id: &str) {
        let deadline = Instant::now() + parts::PATIENCE;
        while !self.try_join(room_id).await {
            assert!(Instant::now() < deadline, "{room_id}: no invitation");
            sleep(Duration::from_millis(200)).await;
        }
    }

    /// Joins if that is possible.
    pub(crate) async fn try_join(&self, room_id: &str) -> bool {
        let (status, _) = self.call(&request::join(room_id)).await;
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
        self.ok(request::leave(room_id)).await;
    }

    /// Invites another account if that is possible.
    pub(crate) async fn invite(&self, room_id: &str, other: &Self) {
        self.call(&request::invite(room_id, &other.user_id)).await;
    }

    /// Removes another account from a room and keeps it out; `false` when the room no longer exists.
    pub(crate) async fn ban(&self, room_id: &str, other: &Self) -> bool {
        let (status, _) = self.call(&request::ban(room_id, &other.user_id)).await;
        status == StatusCode::OK
    }

    /// Gives this account's power in a room to another account.
    pub(crate) async fn hand_power_to(&self, room_id: &str, other: &Self) {
        const LEVELS: &str = "m.room.power_levels";
        let mut levels = self.ok(request::state_event(room_id, LEVELS)).await;
        levels["users"] = json!({ other.user_id.as_str(): 100, self.user_id.as_str(): 0 });
        self.ok(request::set_state_event(room_id, LEVELS, levels))
            .await;
    }

    /// Refuses every invitation from now on, like "block invites" in a client.
    pub(crate) async fn block_invitations(&self) {
        let block = json!({ "default_action": "block" });
        let kind = "m.invite_permission_config";
        self.ok(request::set_account_data(&self.user_id, kind, block))
            .await;
    }

    /// As an administrator: takes an account out of service.
    pub(crate) async fn deactivate(&self, other: &Self) {
        self.ok(admin::deactivate(&other.user_id)).await;
    }

    /// As an administrator: locks an account, or unlocks it.
    pub(crate) async fn lock(&self, other: &Self, locked: bool) {
        self.ok(admin::set_locked(&other.user_id, locked)).await;
    }

    /// As an administrator: suspends an account, or ends that.
    pub(crate) async fn suspend(&self, other: &Self, suspended: bool) {
        self.ok(admin::set_suspended(&other.user_id, suspended))
            .await;
    }

    /// As an administrator: removes everybody from a room, and deletes the room with everything in it.
    pub(crate) async fn delete_room(&self, room_id: &str) {
        let delete = admin::delete_room(room_id);
        let deadline = Instant::now() + parts::PATIENCE;
        loop {
            let (status, answer) = self.call(&delete).await;
            match status {
                // It was not found because an earlier attempt without an answer has deleted it.
                StatusCode::OK | StatusCode::NOT_FOUND => return,
                // Somebody has accepted an invitation since everybody was removed, so this has to be repeated.
                StatusCode::BAD_REQUEST if Instant::now() < deadline => {}
                _ => panic!("{delete}: {status} {answer}"),
            }
        }
    }

    /// Makes a room with the other account in it.
    pub(crate) async fn make_room(&self, other: &Self) -> String {
        let body = json!({ "preset": "private_chat", "invite": [other.user_id] });
        let made = self.ok(request::create_room(body)).await;
        let room_id = made["room_id"].as_str().unwrap();
        other.join(room_id).await;
        room_id.to_owned()
    }

    /// Sends an event with the same transaction id until the homeserver has accepted it, and returns its id; `None`
    /// when this account is not in the room, or the room no longer exists.
    async fn send(&self, event: &Request) -> Option<String> {
        let (status, answer) = self.call(event).await;
        let gone = [StatusCode::FORBIDDEN, StatusCode::NOT_FOUND].contains(&status);
        assert!(gone || status == StatusCode::OK, "{event}: {answer}");
        answer["event_id"].as_str().map(str::to_owned)
    }

    /// Sends a text.
    pub(crate) async fn say(&self, room_id: &str, text: &str) -> Option<String> {
        self.send(&request::say(room_id, &transaction(), text))
            .await
    }

    /// Replaces an event's text.
    pub(crate) async fn edit(&self, room_id: &str, event_id: &str, text: &str) -> Option<String> {
        let content = json!({
            "msgtype": "m.text", "body": format!("* {text}"),
            "m.new_content": { "msgtype": "m.text", "body": text },
            "m.relates_to": { "rel_type": "m.replace", "event_id": event_id },
        });
        let kind = "m.room.message";
        self.send(&request::send(room_id, kind, &transaction(), content))
            .await
    }

    /// Deletes an event's content.
    pub(crate) async fn redact(&self, room_id: &str, event_id: &str) -> Option<String> {
        self.send(&request::redact(room_id, event_id, &transaction()))
            .await
    }

    /// The current position of this account's sync.
    pub(crate) async fn position(&self) -> String {
        self.invitations(None).await.1
    }

    pub(crate) async fn joined_rooms(&self) -> Vec<String> {
        let answer = self.ok(request::joined_rooms()).await;
        let rooms = answer["joined_rooms"].as_array().unwrap().iter();
        rooms.map(|id| id.as_str().unwrap().to_owned()).collect()
    }

    /// The session in a room's creation.
    pub(crate) async fn session_of(&self, room_id: &str) -> Option<String> {
        let creation = self.creation(room_id).await;
        creation[MARKER].as_str().map(str::to_owned)
    }

    async fn creation(&self, room_id: &str) -> Value {
        self.ok(request::state_event(room_id, "m.room.create"))
            .await
    }

    /// Whether a room's creation marks it as the desk.
    pub(crate) async fn is_desk(&self, room_id: &str) -> bool {
        let creation = self.creation(room_id).await;
        creation[DESK_MARKER] == true
    }

    /// Whether this account sees this text among the newest events of a room.
    pub(crate) async fn sees(&self, room_id: &str, text: &str) -> bool {
        let (_, page) = self.call(&request::newest_events(room_id, 50)).await;
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
        let mut from: Option<String> = None;
        loop {
            let oldest = request::oldest_events(room_id, 500, from.as_deref());
            let page = self.ok(oldest).await;
            let chunk = page["chunk"].as_array().unwrap();
            events.extend(chunk.iter().cloned());
            match page["end"].as_str() {
                Some(end) => from = Some(end.to_owned()),
                None => return events,
            }
        }
    }
}

fn transaction() -> String {
    Uuid::new_v4().to_string()
}

/// Whether a repetition of the request may have another answer soon. While a room is being deleted, Synapse answers a
/// sync that contains it with 404 and no code of the specification.
fn is_passing(status: StatusCode, answer: &Value) -> bool {
    let error = answer["error"].as_str().unwrap_or_default();
    let is_purging = status == StatusCode::NOT_FOUND && error.starts_with("No row found");
    status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS || is_purging
}

//! The staff's side: an account that is invited to the canary's rooms and to no others.

use std::{collections::HashMap, time::Duration};

use app::contract::SessionId;
use reqwest::{Client, RequestBuilder};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};
use url::Url;

use super::Failure;
use crate::{config, matrix::SESSION_MARKER};

/// Between two looks.
const POLL: Duration = Duration::from_millis(500);
const ANSWER_WAIT: Duration = Duration::from_secs(30);

/// Invitations, and as little else as there can be.
const INVITATIONS: &str = r#"{"presence":{"types":[]},"account_data":{"types":[]},"room":{"account_data":{"types":[]},"ephemeral":{"types":[]},"state":{"types":[]},"timeline":{"limit":1}}}"#;

pub(super) struct Account {
    client: Client,
    homeserver: Url,
    access_token: SecretString,
}

#[derive(Deserialize)]
struct Sync {
    #[serde(default)]
    rooms: Rooms,
}

#[derive(Default, Deserialize)]
struct Rooms {
    #[serde(default)]
    invite: HashMap<String, Invited>,
}

#[derive(Deserialize)]
struct Invited {
    #[serde(default)]
    invite_state: Events,
}

#[derive(Default, Deserialize)]
struct Events {
    #[serde(default)]
    events: Vec<Value>,
}

#[derive(Deserialize)]
struct Page {
    chunk: Vec<Value>,
}

#[derive(Deserialize)]
struct JoinedRooms {
    joined_rooms: Vec<String>,
}

impl Account {
    pub(super) fn new(config: &config::Canary) -> Self {
        Self {
            client: Client::new(),
            homeserver: config.homeserver_url.clone(),
            access_token: config.access_token.clone(),
        }
    }

    /// Waits until it is in the conversation's room: by accepting the invitation, unless the homeserver
    /// does that for its users. Answers with the room, and leaves earlier ones.
    pub(super) async fn enter(&self, session_id: &SessionId) -> Result<String, Failure> {
        let room_id = loop {
            self.accept_invitation(session_id).await?;
            if let Some(room_id) = self.room_of(session_id).await? {
                break room_id;
            }
            tokio::time::sleep(POLL).await;
        };
        let joined = self.joined_rooms().await?;
        for old in joined.iter().filter(|it| **it != room_id) {
            let leave = self.client.post(self.url(&["rooms", old, "leave"]));
            self.send::<Value>(leave.json(&json!({}))).await?;
        }
        Ok(room_id)
    }

    /// The conversation's room, when the account has joined it.
    async fn room_of(&self, session_id: &SessionId) -> Result<Option<String>, Failure> {
        for room_id in self.joined_rooms().await? {
            let url = self.url(&["rooms", &room_id, "state", "m.room.create"]);
            let content: Value = self.send(self.client.get(url)).await?;
            if is_marked(&content, session_id) {
                return Ok(Some(room_id));
            }
        }
        Ok(None)
    }

    async fn joined_rooms(&self) -> Result<Vec<String>, Failure> {
        let get = self.client.get(self.url(&["joined_rooms"]));
        let joined: JoinedRooms = self.send(get).await?;
        Ok(joined.joined_rooms)
    }

    /// Waits for a message with this text in it.
    pub(super) async fn hear(&self, room_id: &str, text: &str) -> Result<(), Failure> {
        while !self.has_newly(room_id, text).await? {
            tokio::time::sleep(POLL).await;
        }
        Ok(())
    }

    async fn has_newly(&self, room_id: &str, text: &str) -> Result<bool, Failure> {
        let mut url = self.url(&["rooms", room_id, "messages"]);
        url.query_pairs_mut()
            .append_pair("dir", "b")
            .append_pair("limit", "10");
        let page: Page = self.send(self.client.get(url)).await?;
        Ok(page.chunk.iter().any(|event| {
            let body = event.pointer("/content/body").and_then(Value::as_str);
            body.is_some_and(|body| body.contains(text))
        }))
    }

    /// Says something in the room; said again under the same id, it is said once.
    pub(super) async fn say(&self, room_id: &str, txn_id: &str, text: &str) -> Result<(), Failure> {
        let url = self.url(&["rooms", room_id, "send", "m.room.message", txn_id]);
        let content = json!({ "msgtype": "m.text", "body": text });
        let put = self.client.put(url).json(&content);
        self.send::<Value>(put).await.map(|_| ())
    }

    async fn accept_invitation(&self, session_id: &SessionId) -> Result<(), Failure> {
        let mut url = self.url(&["sync"]);
        url.query_pairs_mut()
            .append_pair("filter", INVITATIONS)
            .append_pair("timeout", "0");
        let answer: Sync = self.send(self.client.get(url)).await?;
        let mut invitations = answer.rooms.invite.into_iter();
        if let Some((room_id, _)) = invitations.find(|(_, room)| is_of(room, session_id)) {
            let join = self.client.post(self.url(&["join", &room_id]));
            self.send::<Value>(join.json(&json!({}))).await?;
        }
        Ok(())
    }

    fn url(&self, path: &[&str]) -> Url {
        let mut url = self.homeserver.clone();
        // It has a host, so it can have a path.
        if let Ok(mut segments) = url.path_segments_mut() {
            segments
                .pop_if_empty()
                .extend(["_matrix", "client", "v3"])
                .extend(path);
        }
        url
    }

    async fn send<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, Failure> {
        let request = request
            .bearer_auth(self.access_token.expose_secret())
            .timeout(ANSWER_WAIT);
        let answer = async { request.send().await?.error_for_status()?.json().await };
        answer.await.map_err(|error: reqwest::Error| Failure::Http {
            part: "the homeserver",
            error: error.without_url(),
        })
    }
}

/// By what the bot writes into each room's creation.
fn is_of(room: &Invited, session_id: &SessionId) -> bool {
    let mut events = room.invite_state.events.iter();
    events.any(|event| event["type"] == "m.room.create" && is_marked(&event["content"], session_id))
}

fn is_marked(creation: &Value, session_id: &SessionId) -> bool {
    creation[SESSION_MARKER] == session_id.as_str()
}

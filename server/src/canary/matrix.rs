//! The canary's Matrix account, which is invited to the canary's rooms and to no others.

use std::{collections::HashMap, time::Duration};

use app::contract::SessionId;
use matrix_client::{Client, Error, Request, request};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::Failure;
use crate::{config, matrix::SESSION_MARKER};

/// The pause between two looks.
const POLL: Duration = Duration::from_millis(500);
const ANSWER_WAIT: Duration = Duration::from_secs(30);

pub(super) struct Account(Client);

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
    pub(super) fn new(config: &config::Canary) -> Result<Self, Failure> {
        let http = reqwest::Client::builder().timeout(ANSWER_WAIT).build();
        let http = http.map_err(|error| Failure::Http {
            part: "the HTTP client",
            error,
        })?;
        let client = Client::new(http, config.homeserver_url.as_str());
        Ok(Self(client.with_token(config.access_token.clone())))
    }

    /// Waits until the account is in the conversation's room. It accepts the invitation, unless the homeserver does
    /// that for its users. It returns the room, and leaves earlier ones.
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
            self.0.ok(&request::leave(old)).await?;
        }
        Ok(room_id)
    }

    /// The conversation's room, when the account has joined it.
    async fn room_of(&self, session_id: &SessionId) -> Result<Option<String>, Failure> {
        for room_id in self.joined_rooms().await? {
            let creation = request::state_event(&room_id, "m.room.create");
            if is_marked(&self.0.ok(&creation).await?, session_id) {
                return Ok(Some(room_id));
            }
        }
        Ok(None)
    }

    async fn joined_rooms(&self) -> Result<Vec<String>, Failure> {
        let joined: JoinedRooms = self.read(&request::joined_rooms(), "joined_rooms").await?;
        Ok(joined.joined_rooms)
    }

    /// Waits for a message that contains this text.
    pub(super) async fn hear(&self, room_id: &str, text: &str) -> Result<(), Failure> {
        while !self.has_newly(room_id, text).await? {
            tokio::time::sleep(POLL).await;
        }
        Ok(())
    }

    async fn has_newly(&self, room_id: &str, text: &str) -> Result<bool, Failure> {
        let page: Page = self
            .read(&request::newest_events(room_id, 10), "chunk")
            .await?;
        Ok(page.chunk.iter().any(|event| {
            let body = event.pointer("/content/body").and_then(Value::as_str);
            body.is_some_and(|body| body.contains(text))
        }))
    }

    /// Sends a text to the room. Several calls with the same id send one message.
    pub(super) async fn say(&self, room_id: &str, txn_id: &str, text: &str) -> Result<(), Failure> {
        self.0.ok(&request::say(room_id, txn_id, text)).await?;
        Ok(())
    }

    async fn accept_invitation(&self, session_id: &SessionId) -> Result<(), Failure> {
        // The filter asks for invitations, and for as little else as possible.
        let none = json!({ "types": [] });
        let filter = json!({
            "presence": none, "account_data": none,
            "room": {
                "account_data": none, "ephemeral": none, "state": none,
                "timeline": { "limit": 1 },
            },
        });
        let answer: Sync = self.read(&request::sync(&filter, None, 0), "rooms").await?;
        let mut invitations = answer.rooms.invite.into_iter();
        if let Some((room_id, _)) = invitations.find(|(_, room)| is_of(room, session_id)) {
            self.0.ok(&request::join(&room_id)).await?;
        }
        Ok(())
    }

    /// Reads an answer. `field` is named in the error when the answer lacks it.
    async fn read<T: DeserializeOwned>(
        &self,
        request: &Request,
        field: &'static str,
    ) -> Result<T, Failure> {
        let answer = self.0.ok(request).await?;
        serde_json::from_value(answer).map_err(|_| Error::Lacks(field).into())
    }
}

/// Whether the marker in the room's creation names the session.
fn is_of(room: &Invited, session_id: &SessionId) -> bool {
    let mut events = room.invite_state.events.iter();
    events.any(|event| event["type"] == "m.room.create" && is_marked(&event["content"], session_id))
}

fn is_marked(creation: &Value, session_id: &SessionId) -> bool {
    creation[SESSION_MARKER] == session_id.as_str()
}

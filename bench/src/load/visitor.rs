//! Visitors whose conversations have rooms.

use std::{net::SocketAddr, time::Instant};

use reqwest::Client;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    Result,
    load::until,
    system::matrix::PATIENCE,
    system::server::{Database, Server},
};

/// A visitor's conversation, and its room.
#[derive(Clone, Debug)]
pub(crate) struct Visitor {
    client: Client,
    api: String,
    token: String,
    last: String,
    pub(crate) room_id: String,
}

impl Visitor {
    /// Begins a conversation, and waits for its room.
    pub(crate) async fn begin(server: &Server, database: &Database) -> Result<Self> {
        let (client, created) = begin(server.address, "Hello", "https://example.com/").await?;
        let text = |name: &str| created[name].as_str().unwrap_or_default().to_owned();
        let session_id: Uuid = text("sessionId").parse()?;
        let room_id = until(PATIENCE, "the room to be made", async || {
            let room_id = sqlx::query_scalar("SELECT room_id FROM sessions WHERE id = $1")
                .bind(session_id)
                .fetch_one(&database.pool);
            Ok(room_id.await?)
        })
        .await?;
        Ok(Self {
            client,
            api: format!("{}/{session_id}/messages", sessions_of(server.address)),
            token: text("token"),
            last: text("messageId"),
            room_id,
        })
    }

    pub(crate) async fn say(&mut self, text: &str) -> Result<()> {
        let request = self.client.post(&self.api).bearer_auth(&self.token);
        let answer = request.json(&json!({ "body": text })).send().await?;
        let sent: Value = answer.error_for_status()?.json().await?;
        sent["messageId"]
            .as_str()
            .ok_or("no message id")?
            .clone_into(&mut self.last);
        Ok(())
    }

    /// Says that the visitor is typing.
    pub(crate) async fn type_something(&self) -> Result<()> {
        let url = self.api.replace("/messages", "/typing");
        let request = self.client.post(url).bearer_auth(&self.token);
        request.send().await?.error_for_status()?;
        Ok(())
    }

    /// Polls the conversation, and then again with the new cursor, as the client of a visitor who
    /// has read it.
    pub(crate) async fn read_all(&mut self) -> Result<()> {
        loop {
            let url = format!("{}?after={}", self.api, self.last);
            let request = self.client.get(url).bearer_auth(&self.token);
            let answer: Value = request.send().await?.error_for_status()?.json().await?;
            let Some(last) = answer["messages"].as_array().and_then(|it| it.last()) else {
                return Ok(());
            };
            let last = last["id"].as_str().ok_or("no id")?;
            last.clone_into(&mut self.last);
        }
    }

    /// Waits until this text is shown.
    pub(crate) async fn see(&mut self, text: &str) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            let url = format!("{}?after={}&wait=25", self.api, self.last);
            let request = self.client.get(url).bearer_auth(&self.token);
            let answer: Value = request.send().await?.error_for_status()?.json().await?;
            for message in answer["messages"].as_array().into_iter().flatten() {
                message["id"]
                    .as_str()
                    .ok_or("no id")?
                    .clone_into(&mut self.last);
                if message["body"] == text {
                    return Ok(());
                }
            }
        }
        Err(format!("`{text}` was not shown").into())
    }
}

/// Begins a conversation; returns the server's answer.
pub(crate) async fn begin(address: SocketAddr, text: &str, page: &str) -> Result<(Client, Value)> {
    let client = Client::builder().no_proxy().build()?;
    let answer = client
        .post(sessions_of(address))
        .json(&json!({"initialMessage": text, "sourceUrl": page}))
        .send()
        .await?;
    Ok((client, answer.error_for_status()?.json().await?))
}

fn sessions_of(address: SocketAddr) -> String {
    format!("http://{address}/v1/support-chat/sessions")
}

/// Waits until the queue is empty.
pub(crate) async fn until_relayed(database: &Database) -> Result<()> {
    until(PATIENCE, "the outbox to be empty", async || {
        let filled = sqlx::query_scalar("SELECT EXISTS (SELECT FROM outbox)");
        let filled: bool = filled.fetch_one(&database.pool).await?;
        Ok((!filled).then_some(()))
    })
    .await
}

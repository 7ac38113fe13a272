//! The canary's visitor: it uses the public API like any other client.

use std::time::Duration;

use app::contract::{
    CloseSession, CreateSession, CreateSessionRequest, CreateSessionResponse, MessageId,
    PollMessages, PollMessagesResponse, SendMessage, SendMessageRequest, SendMessageResponse,
    Sender,
};
use chrono::Utc;
use reqwest::{Client, RequestBuilder, Response, StatusCode};

use super::{Failure, PAGE, state::Conversation};
use crate::config;

/// The pause between polls, as in the widget.
const POLL: Duration = Duration::from_secs(1);

pub(super) struct Visitor {
    client: Client,
    base: String,
}

impl Visitor {
    pub(super) fn new(config: &config::Canary) -> Self {
        Self {
            client: Client::new(),
            base: config.chat_url.as_str().trim_end_matches('/').to_owned(),
        }
    }

    pub(super) async fn begin(&self) -> Result<Conversation, Failure> {
        let request = self.client.post(self.url(&CreateSession::path()));
        let request = request.json(&CreateSessionRequest {
            initial_message: "The canary begins.".to_owned(),
            source_url: Some(PAGE.to_owned()),
            ..CreateSessionRequest::default()
        });
        let created: CreateSessionResponse = send(request).await?;
        Ok(Conversation {
            session_id: created.session_id,
            token: created.token,
            began: Utc::now(),
            room_id: None,
        })
    }

    /// Sends a message; `None` when the conversation has ended or the server does not know it.
    pub(super) async fn say(
        &self,
        conversation: &Conversation,
        text: &str,
    ) -> Result<Option<MessageId>, Failure> {
        let request = self
            .client
            .post(self.url(&SendMessage::path(&conversation.session_id)))
            .bearer_auth(&conversation.token)
            .json(&SendMessageRequest {
                body: text.to_owned(),
            });
        let answer = request.send().await.map_err(failure)?;
        if matches!(
            answer.status(),
            StatusCode::UNAUTHORIZED | StatusCode::NOT_FOUND | StatusCode::GONE
        ) {
            return Ok(None);
        }
        let sent: SendMessageResponse = read(answer).await?;
        Ok(Some(sent.message_id))
    }

    /// Polls until the answer is there.
    pub(super) async fn see(
        &self,
        conversation: &Conversation,
        after: &MessageId,
        answer: &str,
    ) -> Result<(), Failure> {
        let path = PollMessages::path(&conversation.session_id, Some(after), 0, None);
        loop {
            let request = self.client.get(self.url(&path));
            let polled: PollMessagesResponse =
                send(request.bearer_auth(&conversation.token)).await?;
            let mut of_staff = polled
                .messages
                .iter()
                .filter(|message| message.sender == Sender::Staff);
            if of_staff.any(|message| message.body == answer) {
                return Ok(());
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Tries to end the conversation. If that fails, it expires later.
    pub(super) async fn close(&self, conversation: &Conversation) {
        let path = CloseSession::path(&conversation.session_id);
        let request = self.client.post(self.url(&path));
        let _ = request.bearer_auth(&conversation.token).send().await;
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }
}

async fn send<T: serde::de::DeserializeOwned>(request: RequestBuilder) -> Result<T, Failure> {
    read(request.send().await.map_err(failure)?).await
}

async fn read<T: serde::de::DeserializeOwned>(answer: Response) -> Result<T, Failure> {
    let answer = answer.error_for_status().map_err(failure)?;
    answer.json().await.map_err(failure)
}

fn failure(error: reqwest::Error) -> Failure {
    Failure::Http {
        part: "the chat",
        error: error.without_url(),
    }
}

//! `POST /sessions`: begins a conversation with its first message.

use alloc::{string::String, vec::Vec};

use serde::{Deserialize, Serialize};

use super::{BASE_PATH, Message, MessageId, SessionId};

/// The operation: no authentication, JSON body, answered with `201`.
#[derive(Clone, Copy, Debug)]
pub struct CreateSession;

impl CreateSession {
    /// Its path, relative to the server's origin.
    #[must_use]
    pub fn path() -> String {
        [BASE_PATH, "/sessions"].concat()
    }
}

/// The body of the request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct CreateSessionRequest {
    /// The first message: plain text, not blank, no control characters except tab, CR and LF.
    pub initial_message: String,
    /// The page from which the visitor writes: an http or https URL, preferably without query and
    /// fragment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_url: Option<String>,
    /// The page's title.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page_title: Option<String>,
    /// The visitor's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub visitor_name: Option<String>,
    /// The visitor's email address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub visitor_email: Option<String>,
    /// The answer to a Turnstile challenge, if the server requires one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turnstile_token: Option<String>,
    /// The answer to a proof-of-work challenge, if the server has required one: ALTCHA's payload,
    /// JSON in base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<String>,
    /// A JWT by which the website's server vouches for the visitor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<String>,
}

/// The body of the answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct CreateSessionResponse {
    /// The id of the conversation.
    pub session_id: SessionId,
    /// The bearer token for all further requests. The server shows it only here.
    pub token: String,
    /// Always empty; poll to read the conversation.
    pub messages: Vec<Message>,
    /// The first message's id.
    pub message_id: MessageId,
    /// When the first message was stored: RFC 3339, UTC, with milliseconds.
    #[cfg_attr(feature = "openapi", schema(format = DateTime))]
    pub created_at: String,
}

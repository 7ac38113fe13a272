//! `POST /sessions`: begin a conversation with its first message.

use alloc::{string::String, vec::Vec};

use serde::{Deserialize, Serialize};

use super::{BASE_PATH, Message, MessageId, SessionId};

/// The operation: no authentication, JSON in, `201` out.
#[derive(Clone, Copy, Debug)]
pub struct CreateSession;

impl CreateSession {
    /// Its path, relative to the server's origin.
    #[must_use]
    pub fn path() -> String {
        [BASE_PATH, "/sessions"].concat()
    }
}

/// What the visitor sends.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct CreateSessionRequest {
    /// The first message: plain text, not blank, no control characters except tab, CR and LF.
    pub initial_message: String,
    /// The page the visitor writes from: an http or https URL, best without query and fragment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_url: Option<String>,
    /// That page's title.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page_title: Option<String>,
    /// How the visitor wants to be called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub visitor_name: Option<String>,
    /// Where the visitor can be reached later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub visitor_email: Option<String>,
    /// The answer to a Turnstile challenge, where the server asks for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turnstile_token: Option<String>,
    /// The answer to a proof-of-work challenge, where the server asked for one: ALTCHA's payload, JSON in base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<String>,
    /// A JWT by which the website's server vouches for its visitor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<String>,
}

/// What the server answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct CreateSessionResponse {
    /// Names the conversation.
    pub session_id: SessionId,
    /// The bearer token of every later request. Shown this once.
    pub token: String,
    /// Always empty; poll to read the conversation.
    pub messages: Vec<Message>,
    /// The first message's id.
    pub message_id: MessageId,
    /// When the first message was stored: RFC 3339, UTC, with milliseconds.
    #[cfg_attr(feature = "openapi", schema(format = DateTime))]
    pub created_at: String,
}

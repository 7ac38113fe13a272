//! The HTTP API, version 1, as types: one file per operation, as in `docs/reference/api.md`.
//!
//! This module does not depend on Leptos, the server or the browser, so the server, the widget and
//! any other client compile the same structs and rules.

mod close_session;
mod create_session;
mod erase_session;
mod get_availability;
mod get_transcript;
mod ids;
mod mail_transcript;
mod message;
mod poll_messages;
mod problem;
mod proof;
mod resume_session;
#[cfg(feature = "openapi")]
mod schemas;
mod send_message;
mod set_email;
mod set_page;
mod set_rating;
mod set_typing;
mod text;
mod visitor_fields;

pub use close_session::CloseSession;
pub use create_session::{CreateSession, CreateSessionRequest, CreateSessionResponse};
pub use erase_session::EraseSession;
pub use get_availability::{GetAvailability, GetAvailabilityResponse};
pub use get_transcript::GetTranscript;
pub use ids::{MessageId, SessionId};
pub use mail_transcript::MailTranscript;
pub use message::{Delivery, Message, Sender};
pub use poll_messages::{
    MAX_STATE_CHARS, MAX_WAIT_SECONDS, Marks, PollMessages, PollMessagesResponse, WAIT_HEADER,
};
pub use problem::{ErrorCode, FieldError, PROBLEM_MEDIA_TYPE, Problem};
pub use proof::ProofChallenge;
pub use resume_session::{ResumeSession, ResumeSessionRequest, ResumeSessionResponse};
#[cfg(feature = "openapi")]
pub use schemas::add_schema_rules;
pub use send_message::{SendMessage, SendMessageRequest, SendMessageResponse};
pub use set_email::{SetEmail, SetEmailRequest};
pub use set_page::{SetPage, SetPageRequest};
pub use set_rating::{Rating, SetRating, SetRatingRequest};
pub use set_typing::SetTyping;
pub use text::{DEFAULT_MAX_MESSAGE_CHARS, MESSAGE_PATTERN, MessageBody, MessageBodyError};
pub use visitor_fields::{
    EMAIL_PATTERN, LINE_PATTERN, MAIL_ADDRESS_PATTERN, MAX_EMAIL_CHARS, MAX_LINE_CHARS,
    MAX_SOURCE_URL_CHARS, SOURCE_URL_PATTERN,
};

/// The common prefix of all paths.
pub const BASE_PATH: &str = "/v1/support-chat";

/// The header that makes a repeated `POST` harmless: 1 to 128 printable ASCII characters.
pub const IDEMPOTENCY_KEY_HEADER: &str = "idempotency-key";

/// The header that names a request in the server's logs.
pub const REQUEST_ID_HEADER: &str = "x-request-id";

/// The maximum size of a request body in bytes. A larger one is refused with `payload_too_large`.
pub const MAX_REQUEST_BYTES: usize = 64 * 1024;

/// The maximum number of messages in a poll's answer. After a full answer, there may be more.
pub const MAX_MESSAGES_PER_POLL: usize = 100;

/// The maximum size of a poll's answer in bytes of JSON. A single larger message is sent alone.
pub const MAX_POLL_BYTES: usize = 256 * 1024;

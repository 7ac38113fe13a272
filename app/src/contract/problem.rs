//! Errors as RFC 9457 problem details: `application/problem+json`.

use alloc::{string::String, vec::Vec};

use serde::{Deserialize, Serialize};

use super::ProofChallenge;

/// The media type of every error.
pub const PROBLEM_MEDIA_TYPE: &str = "application/problem+json";

/// The body of every error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// A URI reference that identifies the kind of problem.
    #[serde(rename = "type")]
    pub type_: String,
    /// A short description of the kind of problem.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// The kind of problem, as a stable identifier.
    pub code: ErrorCode,
    /// The id of the request in the server's logs.
    pub request_id: String,
    /// A description of what is wrong with this request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub detail: Option<String>,
    /// With `challenge_failed`: the key for showing a Turnstile challenge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub turnstile_site_key: Option<String>,
    /// With `proof_required`: the challenge to solve.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub proof: Option<ProofChallenge>,
    /// With 422: the fields that were refused, with reasons.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
}

/// A field that was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FieldError {
    /// Its name in the request.
    pub field: String,
    /// The reason.
    pub code: ErrorCode,
}

macro_rules! error_codes {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $status:literal, $title:literal;)*) => {
        /// The kinds of problem. Clients handle unknown ones by their HTTP status.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
        pub enum ErrorCode {
            $($(#[$doc])* #[serde(rename = $name)] $variant,)*
            /// A code that this version does not know.
            #[serde(other, rename = "unknown")]
            Unknown,
        }

        impl ErrorCode {
            /// All codes that the server can send.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The code's name in JSON.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)* Self::Unknown => "unknown" }
            }

            /// The HTTP status of the code.
            #[must_use]
            pub const fn status(self) -> u16 {
                match self { $(Self::$variant => $status,)* Self::Unknown => 500 }
            }

            /// A sentence that describes it for people.
            #[must_use]
            pub const fn title(self) -> &'static str {
                match self { $(Self::$variant => $title,)* Self::Unknown => "Unknown problem" }
            }
        }
    };
}

error_codes! {
    /// The request is not valid JSON, has wrong types, or a bad path or query.
    MalformedRequest = "malformed_request", 400, "The request cannot be read";
    /// The bearer token is missing or wrong.
    InvalidToken = "invalid_token", 401, "The bearer token is missing or not valid";
    /// The browser's origin is not allowed.
    OriginNotAllowed = "origin_not_allowed", 403, "This origin may not use the chat";
    /// The answer to a Turnstile challenge is wrong, or missing although one is required.
    ChallengeFailed = "challenge_failed", 403, "The challenge was not passed";
    /// A new conversation needs a proof of work, which is missing, wrong or used.
    ProofRequired = "proof_required", 403, "A proof of work is needed to begin a conversation now";
    /// Staff have blocked the visitor's address.
    Blocked = "blocked", 403, "Conversations from this address are blocked";
    /// There is no such session.
    SessionNotFound = "session_not_found", 404, "There is no such session";
    /// A code from a mail is wrong, used or too old.
    ResumeCodeUnknown = "resume_code_unknown", 404, "The code is wrong, was used, or is too old";
    /// There is no such resource.
    NotFound = "not_found", 404, "There is nothing at this address";
    /// The resource does not support this method.
    MethodNotAllowed = "method_not_allowed", 405, "This method is not allowed here";
    /// The request took too long to arrive.
    RequestTimeout = "request_timeout", 408, "The request took too long to arrive";
    /// The session was ended.
    SessionClosed = "session_closed", 410, "The session is closed";
    /// The session has expired.
    SessionExpired = "session_expired", 410, "The session has expired";
    /// The request body is larger than 64 KiB.
    PayloadTooLarge = "payload_too_large", 413, "The request body is too large";
    /// The body is not `application/json`.
    UnsupportedMediaType = "unsupported_media_type", 415, "The request body must be application/json";
    /// The message is empty or only white space.
    MessageEmpty = "message_empty", 422, "The message is empty";
    /// The message is too long.
    MessageTooLong = "message_too_long", 422, "The message is too long";
    /// The value of a field is not acceptable.
    InvalidField = "invalid_field", 422, "A field is not acceptable";
    /// `after` is not an id of this session.
    UnknownCursor = "unknown_cursor", 422, "The cursor is not a message of this session";
    /// The same idempotency key was used with another body.
    IdempotencyKeyReused = "idempotency_key_reused", 422,
        "The idempotency key was used for another request";
    /// Too many requests. `Retry-After` says when to repeat them.
    RateLimited = "rate_limited", 429, "Too many requests";
    /// It is not known whether a request that changes something was carried out. The status may
    /// also be 502 or 504. If it is repeated with the same idempotency key, it is carried out
    /// exactly once.
    OutcomeUnknown = "outcome_unknown", 500, "It is not known whether the request was carried out";
    /// The server has failed.
    Internal = "internal_error", 500, "Something went wrong on the server";
    /// The homeserver has been out of reach for too long.
    RelayUnavailable = "relay_unavailable", 503, "The support team cannot be reached right now";
    /// Postgres does not answer.
    DatabaseUnavailable = "database_unavailable", 503, "The service is not available right now";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_reads_in_json_as_it_says() {
        for code in ErrorCode::ALL {
            let json = serde_json::to_string(code).unwrap();
            assert_eq!(json, format!("\"{}\"", code.as_str()));
            assert_eq!(serde_json::from_str::<ErrorCode>(&json).unwrap(), *code);
        }
    }

    #[test]
    fn a_code_from_a_later_version_is_no_error() {
        assert_eq!(
            serde_json::from_str::<ErrorCode>("\"brand_new\"").unwrap(),
            ErrorCode::Unknown
        );
    }
}

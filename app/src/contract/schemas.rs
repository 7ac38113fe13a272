//! The types as JSON Schema, for the `components` of `/openapi.json`.

use serde_json::{Map, Value, json};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, schema::Schema, schema::Type},
};

use super::{
    EMAIL_PATTERN, ErrorCode, LINE_PATTERN, MAIL_ADDRESS_PATTERN, MAX_EMAIL_CHARS, MAX_LINE_CHARS,
    MAX_MESSAGES_PER_POLL, MAX_SOURCE_URL_CHARS, MAX_STATE_CHARS, MESSAGE_PATTERN,
    SOURCE_URL_PATTERN,
};

/// Adds to the schemas what cannot be derived: the rules that are defined by constants or by the
/// configuration.
pub fn add_schema_rules(schemas: &mut Value, max_message_chars: usize) {
    let text = |pattern: &str, max: usize| json!({ "pattern": pattern, "maxLength": max });
    let message = text(MESSAGE_PATTERN, max_message_chars);
    let line = text(LINE_PATTERN, MAX_LINE_CHARS);
    let id = json!({ "pattern": "^[A-Za-z0-9_-]{1,64}$" });
    for (pointer, rules) in [
        ("/SessionId", id.clone()),
        ("/MessageId", id),
        (
            "/CreateSessionRequest/properties/initialMessage",
            message.clone(),
        ),
        ("/SendMessageRequest/properties/body", message),
        (
            "/CreateSessionRequest/properties/sourceUrl",
            text(SOURCE_URL_PATTERN, MAX_SOURCE_URL_CHARS),
        ),
        ("/CreateSessionRequest/properties/pageTitle", line.clone()),
        ("/CreateSessionRequest/properties/visitorName", line.clone()),
        ("/SetPageRequest/properties/pageTitle", line.clone()),
        ("/SetRatingRequest/properties/comment", line),
        // The address is optional when a conversation begins, but required here.
        (
            "/SetPageRequest/properties/sourceUrl",
            json!({ "pattern": SOURCE_URL_PATTERN, "minLength": 1, "maxLength": MAX_SOURCE_URL_CHARS }),
        ),
        (
            "/CreateSessionRequest/properties/visitorEmail",
            text(EMAIL_PATTERN, MAX_EMAIL_CHARS),
        ),
        (
            "/SetEmailRequest/properties/email",
            json!({ "pattern": MAIL_ADDRESS_PATTERN, "minLength": 3, "maxLength": MAX_EMAIL_CHARS }),
        ),
        (
            "/ResumeSessionResponse/properties/messages",
            json!({ "maxItems": 0 }),
        ),
        (
            "/ResumeSessionResponse/properties/token",
            json!({ "pattern": "^[A-Za-z0-9_-]{22,}$" }),
        ),
        (
            "/CreateSessionResponse/properties/messages",
            json!({ "maxItems": 0 }),
        ),
        // 128 bits of randomness are at least 22 characters.
        (
            "/CreateSessionResponse/properties/token",
            json!({ "pattern": "^[A-Za-z0-9_-]{22,}$" }),
        ),
        (
            "/PollMessagesResponse/properties/messages",
            json!({ "maxItems": MAX_MESSAGES_PER_POLL }),
        ),
        (
            "/PollMessagesResponse/properties/state",
            json!({ "pattern": format!("^[A-Za-z0-9_-]{{1,{MAX_STATE_CHARS}}}$") }),
        ),
        (
            "/Problem/properties/status",
            json!({ "minimum": 400, "maximum": 599 }),
        ),
    ] {
        add(schemas, pointer, rules);
    }
}

fn add(schemas: &mut Value, pointer: &str, rules: Value) {
    let schema: Option<&mut Map<_, _>> =
        schemas.pointer_mut(pointer).and_then(Value::as_object_mut);
    debug_assert!(schema.is_some(), "there is no {pointer}");
    if let (Some(schema), Value::Object(rules)) = (schema, rules) {
        schema.extend(rules);
    }
}

/// Exactly what the server can send. `Unknown` exists for readers only.
impl PartialSchema for ErrorCode {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .description(Some("The kind of problem, for programs"))
            .enum_values(Some(Self::ALL.iter().map(|code| code.as_str())))
            .into()
    }
}

impl ToSchema for ErrorCode {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_codes_are_those_that_the_server_sends() {
        let schema = json!(ErrorCode::schema());
        let codes = ErrorCode::ALL.iter().map(|code| json!(code.as_str()));
        assert_eq!(schema["enum"], codes.collect::<Value>());
    }
}

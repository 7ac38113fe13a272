//! The types as JSON Schema, for the `components` of `/openapi.json`.

use serde_json::{Map, Value, json};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ComponentsBuilder, ObjectBuilder, RefOr, schema::Schema, schema::Type},
};

use super::{
    CreateSessionRequest, CreateSessionResponse, EMAIL_PATTERN, ErrorCode, FieldError,
    LINE_PATTERN, MAX_EMAIL_CHARS, MAX_LINE_CHARS, MAX_MESSAGES_PER_POLL, MAX_SOURCE_URL_CHARS,
    MAX_STATE_CHARS, MESSAGE_PATTERN, Message, MessageId, PollMessagesResponse, Problem,
    ProofChallenge, SOURCE_URL_PATTERN, SendMessageRequest, SendMessageResponse, SessionId,
    SetPageRequest,
};

/// Every type of the contract by its name, with the rules that its fields are judged by.
#[must_use]
pub fn schemas(max_message_chars: usize) -> Value {
    let components = ComponentsBuilder::new()
        .schema_from::<SessionId>()
        .schema_from::<MessageId>()
        .schema_from::<Message>()
        .schema_from::<super::Sender>()
        .schema_from::<super::Delivery>()
        .schema_from::<CreateSessionRequest>()
        .schema_from::<CreateSessionResponse>()
        .schema_from::<SendMessageRequest>()
        .schema_from::<SendMessageResponse>()
        .schema_from::<SetPageRequest>()
        .schema_from::<super::GetAvailabilityResponse>()
        .schema_from::<PollMessagesResponse>()
        .schema_from::<super::Marks>()
        .schema_from::<Problem>()
        .schema_from::<ProofChallenge>()
        .schema_from::<FieldError>()
        .schema_from::<ErrorCode>()
        .build();
    let mut schemas = json!(components.schemas);

    // What a derive cannot say: rules that have their home in constants or in the configuration.
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
        ("/SetPageRequest/properties/pageTitle", line),
        // Unlike at the beginning of a conversation, it has to be given.
        (
            "/SetPageRequest/properties/sourceUrl",
            json!({ "pattern": SOURCE_URL_PATTERN, "minLength": 1, "maxLength": MAX_SOURCE_URL_CHARS }),
        ),
        (
            "/CreateSessionRequest/properties/visitorEmail",
            text(EMAIL_PATTERN, MAX_EMAIL_CHARS),
        ),
        (
            "/CreateSessionResponse/properties/messages",
            json!({ "maxItems": 0 }),
        ),
        // 128 bits of randomness are 22 characters at least.
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
        add(&mut schemas, pointer, rules);
    }
    schemas
}

fn add(schemas: &mut Value, pointer: &str, rules: Value) {
    let schema: Option<&mut Map<_, _>> =
        schemas.pointer_mut(pointer).and_then(Value::as_object_mut);
    debug_assert!(schema.is_some(), "there is no {pointer}");
    if let (Some(schema), Value::Object(rules)) = (schema, rules) {
        schema.extend(rules);
    }
}

/// Exactly what the server can send. What only a reader knows, `Unknown`, is not among it.
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
    fn every_reference_is_to_a_schema() {
        let schemas = schemas(4_000);
        let text = schemas.to_string();
        let names = text.split("\"#/components/schemas/").skip(1);
        let mut names = names.map(|rest| rest.split('"').next().unwrap()).peekable();
        assert!(names.peek().is_some());
        for name in names {
            assert!(schemas.get(name).is_some(), "{name}");
        }
    }

    #[test]
    fn rules_stand_beside_what_the_types_say() {
        let schemas = schemas(15);
        let field = &schemas["CreateSessionRequest"]["properties"]["initialMessage"];
        assert_eq!(field["type"], "string");
        assert_eq!(field["maxLength"], 15);
        assert_eq!(
            schemas["CreateSessionRequest"]["required"],
            json!(["initialMessage"])
        );
        assert_eq!(
            schemas["ErrorCode"]["enum"].as_array().unwrap().len(),
            ErrorCode::ALL.len()
        );
    }
}

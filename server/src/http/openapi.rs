//! `GET /openapi.json`: the API as an `OpenAPI` 3.1 document. Each operation is described beside its handler, and each
//! type in the contract. This module holds the parts that operations share.

pub(super) mod parameters;
pub(super) mod refusals;

use app::contract::{
    BASE_PATH, MAX_WAIT_SECONDS, Problem, REQUEST_ID_HEADER, WAIT_HEADER, add_schema_rules,
};
use axum::{
    Router,
    http::{HeaderValue, header},
    response::IntoResponse,
    routing::get,
};
use serde_json::{Map, Value, json};
use utoipa::{
    Modify, OpenApi,
    openapi::{
        self,
        security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
    },
};

/// The name of the security requirement.
pub(super) const SESSION_TOKEN: &str = "sessionToken";

#[derive(OpenApi)]
#[openapi(
    info(title = "Support chat", license(name = "Apache 2.0", identifier = "Apache-2.0")),
    servers((url = "/")),
    components(schemas(Problem)),
    modifiers(&Common),
)]
struct Common;

impl Modify for Common {
    fn modify(&self, described: &mut openapi::OpenApi) {
        described.info.description = Some(format!(
            "A website's visitors talk to staff who answer from Matrix. Everything is under `{BASE_PATH}`, in JSON; every \
             error is a problem (RFC 9457) with a stable `code`. Unknown request fields are ignored."
        ));
        let token = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some(
                "The `token` that `createSession` gave. It opens its own session only.",
            ))
            .build();
        described
            .components
            .get_or_insert_default()
            .add_security_scheme(SESSION_TOKEN, SecurityScheme::Http(token));
    }
}

/// The document without the operations.
pub(super) fn common() -> openapi::OpenApi {
    Common::openapi()
}

/// The document never changes while the server runs.
pub(super) fn router<S: Clone + Send + Sync + 'static>(
    described: &openapi::OpenApi,
    max_message_chars: usize,
) -> Router<S> {
    let json = document(described, max_message_chars).to_string();
    let headers = [
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        ),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
    ];
    Router::new().route(
        "/openapi.json",
        get(async move || (headers, json).into_response()),
    )
}

/// Adds what attributes cannot express: the rules from constants and from the configuration, and the headers of every
/// answer.
fn document(described: &openapi::OpenApi, max_message_chars: usize) -> Value {
    let mut document = json!(described);
    add_schema_rules(&mut document["components"]["schemas"], max_message_chars);
    document["components"]["headers"] = headers();
    let paths = document["paths"].as_object_mut();
    let operations = paths.into_iter().flat_map(Map::values_mut);
    for operation in operations
        .filter_map(Value::as_object_mut)
        .flat_map(Map::values_mut)
    {
        let polls = operation["operationId"] == "pollMessages";
        let saves = operation["operationId"] == "getTranscript";
        let may_be_kept = operation["operationId"] == "getAvailability";
        let responses = operation["responses"].as_object_mut();
        for (status, response) in responses.into_iter().flatten() {
            response["headers"] = headers_of(status, polls);
            if saves && status == "200" {
                response["headers"]["Content-Disposition"] =
                    json!({ "required": true, "schema": { "pattern": "^attachment; filename=" } });
            }
            if may_be_kept && status == "200" {
                let max_age = json!({ "pattern": "^public, max-age=[0-9]+$" });
                response["headers"]["Cache-Control"] =
                    json!({ "required": true, "schema": max_age });
            }
        }
    }
    document
}

/// The headers of an answer with this status.
fn headers_of(status: &str, polls: bool) -> Value {
    let own = match status {
        "200" if polls => Some(WAIT_HEADER),
        "401" => Some("WWW-Authenticate"),
        "429" | "500" | "502" | "503" | "504" => Some("Retry-After"),
        _ => None,
    };
    [REQUEST_ID_HEADER, "Cache-Control"]
        .into_iter()
        .chain(own)
        .map(|name| {
            let reference = format!("#/components/headers/{name}");
            (name.to_owned(), json!({ "$ref": reference }))
        })
        .collect()
}

fn headers() -> Value {
    let id = "^[A-Za-z0-9._-]{1,128}$";
    json!({
        REQUEST_ID_HEADER: {
            "description": "The request's name in the server's logs.",
            "required": true,
            "schema": { "type": "string", "pattern": id },
        },
        "Cache-Control": { "required": true, "schema": { "const": "no-store" } },
        WAIT_HEADER: {
            "description": "How many seconds a poll may ask the server to wait.",
            "required": true,
            "schema": { "type": "integer", "const": MAX_WAIT_SECONDS },
        },
        "WWW-Authenticate": { "required": true, "schema": { "const": "Bearer" } },
        "Retry-After": {
            "description": "After so many seconds the request may be repeated.",
            "required": true,
            "schema": { "type": "integer", "minimum": 1 },
        },
    })
}

#[cfg(test)]
mod tests {
    use app::contract::{
        CloseSession, CreateSession, CreateSessionRequest, CreateSessionResponse, GetAvailability,
        GetAvailabilityResponse, GetTranscript, MailTranscript, PollMessages, PollMessagesResponse,
        ResumeSession, ResumeSessionRequest, ResumeSessionResponse, SendMessage,
        SendMessageRequest, SendMessageResponse, SessionId, SetEmail, SetEmailRequest, SetPage,
        SetPageRequest, SetRating, SetRatingRequest, SetTyping,
    };
    use serde::de::DeserializeOwned;

    use super::*;
    use crate::http::support_chat;

    fn described() -> Value {
        document(&support_chat::operations().into_openapi(), 4_000)
    }

    /// Every reference in a part of the document.
    fn references(part: &Value, found: &mut Vec<String>) {
        match part {
            Value::Object(fields) => {
                for (name, value) in fields {
                    match value.as_str() {
                        Some(reference) if name == "$ref" => found.push(reference.to_owned()),
                        _ => references(value, found),
                    }
                }
            }
            Value::Array(values) => values.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }

    #[test]
    fn every_reference_leads_somewhere() {
        let (document, mut found) = (described(), Vec::new());
        references(&document, &mut found);
        assert!(found.len() > 50);
        for reference in found {
            let pointer = reference.strip_prefix('#').unwrap();
            assert!(document.pointer(pointer).is_some(), "{reference}");
        }
    }

    #[test]
    fn the_operations_are_where_the_contract_has_them() {
        let session = SessionId::from("{sessionId}".to_owned());
        let polled = PollMessages::path(&session, None, 0, None);
        let described = described();
        for (path, method, operation) in [
            (GetAvailability::path(), "get", "getAvailability"),
            (CreateSession::path(), "post", "createSession"),
            (SendMessage::path(&session), "post", "sendMessage"),
            (polled, "get", "pollMessages"),
            (CloseSession::path(&session), "post", "closeSession"),
            (ResumeSession::path(), "post", "resumeSession"),
            (SetEmail::path(&session), "put", "setEmail"),
            (SetEmail::path(&session), "delete", "forgetEmail"),
            (SetPage::path(&session), "put", "setPage"),
            (GetTranscript::path(&session), "get", "getTranscript"),
            (MailTranscript::path(&session), "post", "mailTranscript"),
            (SetRating::path(&session), "put", "setRating"),
            (SetTyping::path(&session), "post", "setTyping"),
        ] {
            assert_eq!(described["paths"][path][method]["operationId"], operation);
        }
    }

    /// The example has every field of the type: parsing and printing do not change it.
    fn is_a<T: DeserializeOwned + serde::Serialize>(content: &Value) {
        let example = &content["content"]["application/json"]["examples"]["usual"]["value"];
        let read: T = serde_json::from_value(example.clone()).unwrap();
        assert_eq!(json!(read), *example);
    }

    #[test]
    fn examples_are_of_their_types() {
        let paths = &described()["paths"];
        let sessions = &paths["/v1/support-chat/sessions"]["post"];
        is_a::<CreateSessionRequest>(&sessions["requestBody"]);
        is_a::<CreateSessionResponse>(&sessions["responses"]["201"]);
        let messages = &paths["/v1/support-chat/sessions/{sessionId}/messages"];
        is_a::<SendMessageRequest>(&messages["post"]["requestBody"]);
        is_a::<SendMessageResponse>(&messages["post"]["responses"]["201"]);
        is_a::<PollMessagesResponse>(&messages["get"]["responses"]["200"]);
        let availability = &paths["/v1/support-chat/availability"]["get"];
        is_a::<GetAvailabilityResponse>(&availability["responses"]["200"]);
        let page = &paths["/v1/support-chat/sessions/{sessionId}/page"]["put"];
        is_a::<SetPageRequest>(&page["requestBody"]);
        let rating = &paths["/v1/support-chat/sessions/{sessionId}/rating"]["put"];
        is_a::<SetRatingRequest>(&rating["requestBody"]);
        let email = &paths["/v1/support-chat/sessions/{sessionId}/email"]["put"];
        is_a::<SetEmailRequest>(&email["requestBody"]);
        let resume = &paths["/v1/support-chat/sessions/resume"]["post"];
        is_a::<ResumeSessionRequest>(&resume["requestBody"]);
        is_a::<ResumeSessionResponse>(&resume["responses"]["201"]);
    }
}

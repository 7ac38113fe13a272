//! `GET /openapi.json`: the API as an `OpenAPI` 3.1 document, made from the contract's types.

use app::contract::{
    BASE_PATH, CloseSession, CreateSession, CreateSessionRequest, CreateSessionResponse, Delivery,
    ErrorCode, FieldError, GetAvailability, GetAvailabilityResponse, MAX_STATE_CHARS,
    MAX_WAIT_SECONDS, Marks, Message, MessageId, PROBLEM_MEDIA_TYPE, PollMessages,
    PollMessagesResponse, Problem, ProofChallenge, REQUEST_ID_HEADER, SendMessage,
    SendMessageRequest, SendMessageResponse, Sender, SessionId, SetPage, SetPageRequest, SetTyping,
    WAIT_HEADER, schemas,
};
use axum::{
    Router,
    http::{HeaderValue, header},
    response::IntoResponse,
    routing::get,
};
use serde_json::{Map, Value, json};

use super::problem::type_of;

/// What any operation may answer.
const COMMON: [ErrorCode; 6] = [
    ErrorCode::MalformedRequest,
    ErrorCode::OriginNotAllowed,
    ErrorCode::RequestTimeout,
    ErrorCode::RateLimited,
    ErrorCode::Internal,
    ErrorCode::DatabaseUnavailable,
];
/// What an operation that changes something may answer as well.
const CHANGING: [ErrorCode; 1] = [ErrorCode::OutcomeUnknown];
/// What an operation in a session may answer as well.
const IN_SESSION: [ErrorCode; 3] = [
    ErrorCode::InvalidToken,
    ErrorCode::SessionNotFound,
    ErrorCode::SessionExpired,
];
/// What an operation with a message in its body may answer as well.
const WITH_MESSAGE: [ErrorCode; 6] = [
    ErrorCode::PayloadTooLarge,
    ErrorCode::UnsupportedMediaType,
    ErrorCode::MessageEmpty,
    ErrorCode::MessageTooLong,
    ErrorCode::InvalidField,
    ErrorCode::IdempotencyKeyReused,
];

const SESSION: &str = "0b6f2a0e-4a6e-4d5c-9a51-0f4f6c6f8d27";
const TOKEN: &str = "an-example-of-a-token-has-43-characters____";
const QUESTION: &str = "5f0c1a52-8f0e-4d0b-8a57-2f2b9b3c1d10";
const ANSWER: &str = "c2f8f6f4-6d5b-4f6e-b6a7-7f7d1f1f2a31";
const CREATED_AT: &str = "2026-05-23T09:30:00.125Z";

/// The document never changes while the server runs.
pub(super) fn router<S: Clone + Send + Sync + 'static>(max_message_chars: usize) -> Router<S> {
    let json = document(max_message_chars).to_string();
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

fn document(max_message_chars: usize) -> Value {
    let session = SessionId::from("{sessionId}".to_owned());
    let mut paths = Map::new();
    for (path, method, operation) in [
        (GetAvailability::path(), "get", get_availability()),
        (CreateSession::path(), "post", create_session()),
        (SendMessage::path(&session), "post", send_message()),
        (
            PollMessages::path(&session, None, 0, None),
            "get",
            poll_messages(),
        ),
        (CloseSession::path(&session), "post", close_session()),
        (SetPage::path(&session), "put", set_page()),
        (SetTyping::path(&session), "post", set_typing()),
    ] {
        paths.entry(path).or_insert_with(|| json!({}))[method] = operation;
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Support chat",
            "version": env!("CARGO_PKG_VERSION"),
            "license": { "name": "Apache 2.0", "identifier": "Apache-2.0" },
            "description": format!(
                "A website's visitors talk to staff who answer from Matrix. Everything is under \
                 `{BASE_PATH}`, in JSON; every error is a problem (RFC 9457) with a stable `code`. \
                 Unknown request fields are ignored."
            ),
        },
        "servers": [{ "url": "/" }],
        "paths": paths,
        "components": {
            "schemas": schemas(max_message_chars),
            "securitySchemes": { "sessionToken": {
                "type": "http",
                "scheme": "bearer",
                "description": "The `token` that `createSession` gave. It opens its own session only.",
            } },
            "parameters": parameters(),
            "headers": headers(),
        },
    })
}

fn get_availability() -> Value {
    let response = GetAvailabilityResponse {
        open: false,
        opens_at: Some("2026-05-25T07:00:00.000Z".to_owned()),
    };
    let mut told = success(
        "Whether staff answer now; sending works in either case",
        "GetAvailabilityResponse",
        &json!(response),
    );
    let cached = json!({ "pattern": "^public, max-age=[0-9]+$" });
    told["headers"]["Cache-Control"] = json!({ "required": true, "schema": cached });
    json!({
        "operationId": "getAvailability",
        "summary": "Ask whether staff answer now",
        "parameters": [parameter("RequestId")],
        "responses": responses("200", told, "", &[&COMMON]),
    })
}

fn create_session() -> Value {
    let request = CreateSessionRequest {
        initial_message: "Hello, is anybody there?".to_owned(),
        source_url: Some("https://www.webdevelop.biz/pricing".to_owned()),
        page_title: Some("Pricing".to_owned()),
        visitor_name: Some("Ada".to_owned()),
        visitor_email: Some("ada@example.com".to_owned()),
        turnstile_token: None,
        proof: None,
    };
    let response = CreateSessionResponse {
        session_id: SESSION.to_owned().into(),
        token: TOKEN.to_owned(),
        messages: Vec::new(),
        message_id: QUESTION.to_owned().into(),
        created_at: CREATED_AT.to_owned(),
    };
    let mut created = success(
        "The conversation has begun",
        "CreateSessionResponse",
        &json!(response),
    );
    created["links"] = links("$response.body#/sessionId", "$response.body#/messageId");
    let own = [
        ErrorCode::ChallengeFailed,
        ErrorCode::ProofRequired,
        ErrorCode::Blocked,
        ErrorCode::RelayUnavailable,
    ];
    json!({
        "operationId": "createSession",
        "summary": "Begin a conversation with its first message",
        "parameters": [parameter("IdempotencyKey"), parameter("RequestId")],
        "requestBody": request_body("CreateSessionRequest", &json!(request)),
        "responses": responses("201", created, "initialMessage", &[&COMMON, &CHANGING, &WITH_MESSAGE, &own]),
    })
}

fn send_message() -> Value {
    let request = SendMessageRequest {
        body: "It is about my order.".to_owned(),
    };
    let response = SendMessageResponse {
        message_id: QUESTION.to_owned().into(),
        created_at: CREATED_AT.to_owned(),
    };
    let mut sent = success(
        "Accepted: it will reach the staff exactly once and in order",
        "SendMessageResponse",
        &json!(response),
    );
    sent["links"] = links("$request.path.sessionId", "$response.body#/messageId");
    let own = [ErrorCode::SessionClosed];
    in_session(json!({
        "operationId": "sendMessage",
        "summary": "Say something",
        "parameters": [parameter("SessionId"), parameter("IdempotencyKey"), parameter("RequestId")],
        "requestBody": request_body("SendMessageRequest", &json!(request)),
        "responses": responses("201", sent, "body", &[&COMMON, &CHANGING, &IN_SESSION, &WITH_MESSAGE, &own]),
    }))
}

fn poll_messages() -> Value {
    let message = |id: &str, sender, body: &str, delivery| Message {
        id: id.to_owned().into(),
        sender,
        body: body.to_owned(),
        created_at: CREATED_AT.to_owned(),
        delivery,
        replaces: None,
        removed: false,
    };
    let edit = Message {
        replaces: Some(MessageId::from(ANSWER.to_owned())),
        ..message(
            "91b5d0c8-30a4-4c59-a5a3-5f9f9d0b7c42",
            Sender::Staff,
            "Hi, we are!",
            None,
        )
    };
    let response = PollMessagesResponse {
        messages: vec![
            message(
                QUESTION,
                Sender::Visitor,
                "Hello?",
                Some(Delivery::Delivered),
            ),
            message(ANSWER, Sender::Staff, "Hi, we aer!", None),
            edit,
        ],
        more: false,
        marks: Marks {
            delivered: Some(QUESTION.to_owned().into()),
            seen: Some(QUESTION.to_owned().into()),
        },
        staff_typing: true,
        state: Some("x0bPB5mFyyz1".to_owned()),
    };
    let mut polled = success(
        "What is new, oldest first",
        "PollMessagesResponse",
        &json!(response),
    );
    polled["headers"][WAIT_HEADER] = reference("headers", WAIT_HEADER);
    let own = [ErrorCode::SessionClosed, ErrorCode::UnknownCursor];
    in_session(json!({
        "operationId": "pollMessages",
        "summary": "Read what is new",
        "parameters": [parameter("SessionId"), parameter("After"), parameter("Wait"), parameter("State"), parameter("RequestId")],
        "responses": responses("200", polled, "", &[&COMMON, &IN_SESSION, &own]),
    }))
}

fn close_session() -> Value {
    let closed = json!({
        "description": "The conversation is over, now or since an earlier request",
        "headers": every_header(),
    });
    in_session(json!({
        "operationId": "closeSession",
        "summary": "End the conversation",
        "parameters": [parameter("SessionId"), parameter("RequestId")],
        "responses": responses("204", closed, "", &[&COMMON, &CHANGING, &IN_SESSION]),
    }))
}

fn set_typing() -> Value {
    let told = json!({
        "description": "Staff may be told that the visitor is typing; one in 3 seconds counts",
        "headers": every_header(),
    });
    let own = [ErrorCode::SessionClosed];
    in_session(json!({
        "operationId": "setTyping",
        "summary": "Say that the visitor is typing",
        "parameters": [parameter("SessionId"), parameter("RequestId")],
        "responses": responses("204", told, "", &[&COMMON, &IN_SESSION, &own]),
    }))
}

fn set_page() -> Value {
    let request = SetPageRequest {
        source_url: "https://www.webdevelop.biz/contact".to_owned(),
        page_title: Some("Contact".to_owned()),
    };
    let noted = json!({
        "description": "Staff are told, unless they know",
        "headers": every_header(),
    });
    let own = [
        ErrorCode::PayloadTooLarge,
        ErrorCode::UnsupportedMediaType,
        ErrorCode::InvalidField,
        ErrorCode::SessionClosed,
    ];
    in_session(json!({
        "operationId": "setPage",
        "summary": "Say which page the visitor is on now",
        "parameters": [parameter("SessionId"), parameter("RequestId")],
        "requestBody": request_body("SetPageRequest", &json!(request)),
        "responses": responses("204", noted, "sourceUrl", &[&COMMON, &CHANGING, &IN_SESSION, &own]),
    }))
}

fn in_session(mut operation: Value) -> Value {
    operation["security"] = json!([{ "sessionToken": [] }]);
    operation
}

fn request_body(schema: &str, example: &Value) -> Value {
    json!({ "required": true, "content": json_content(schema, example) })
}

fn success(description: &str, schema: &str, example: &Value) -> Value {
    json!({
        "description": description,
        "headers": every_header(),
        "content": json_content(schema, example),
    })
}

fn json_content(schema: &str, example: &Value) -> Value {
    json!({ "application/json": {
        "schema": reference("schemas", schema),
        "examples": { "usual": { "value": example } },
    } })
}

/// Where a client goes from here, with the session and the newest message that it knows.
fn links(session: &str, message: &str) -> Value {
    json!({
        "send": { "operationId": "sendMessage", "parameters": { "sessionId": session } },
        "poll": {
            "operationId": "pollMessages",
            "parameters": { "sessionId": session, "after": message },
        },
        "close": { "operationId": "closeSession", "parameters": { "sessionId": session } },
        "setPage": { "operationId": "setPage", "parameters": { "sessionId": session } },
    })
}

/// The success, and a problem response for each status that these codes have. `field` is the one
/// that examples find fault with.
fn responses(status: &str, success: Value, field: &str, codes: &[&[ErrorCode]]) -> Value {
    let mut responses = Map::from_iter([(status.to_owned(), success)]);
    for code in ErrorCode::ALL {
        let same_status: Vec<ErrorCode> = codes
            .concat()
            .into_iter()
            .filter(|other| other.status() == code.status())
            .collect();
        if !same_status.is_empty() {
            let problem = problem(code.status(), &same_status, field);
            responses.insert(code.status().to_string(), problem);
        }
    }
    // The server, or what stands before it, gave up waiting.
    if codes.concat().contains(&ErrorCode::OutcomeUnknown) {
        let late = problem(504, &CHANGING, field);
        responses.insert("504".to_owned(), late);
    }
    responses.into()
}

/// The answer with this status and any of these codes.
fn problem(status: u16, codes: &[ErrorCode], field: &str) -> Value {
    let titles: Vec<&str> = codes.iter().map(|code| code.title()).collect();
    let names: Vec<&str> = codes.iter().map(|code| code.as_str()).collect();
    let examples: Map<String, Value> = codes
        .iter()
        .map(|code| {
            (
                code.as_str().to_owned(),
                json!({ "value": example(status, *code, field) }),
            )
        })
        .collect();
    let mut headers = every_header();
    match status {
        401 => headers["WWW-Authenticate"] = reference("headers", "WWW-Authenticate"),
        429 | 500..=599 => headers["Retry-After"] = reference("headers", "Retry-After"),
        _ => {}
    }
    json!({
        "description": titles.join("; "),
        "headers": headers,
        "content": { PROBLEM_MEDIA_TYPE: {
            "schema": { "allOf": [
                reference("schemas", "Problem"),
                { "properties": { "status": { "const": status }, "code": { "enum": names } } },
            ] },
            "examples": examples,
        } },
    })
}

fn example(status: u16, code: ErrorCode, field: &str) -> Problem {
    let about_field = matches!(
        code,
        ErrorCode::MessageEmpty | ErrorCode::MessageTooLong | ErrorCode::InvalidField
    );
    let field = about_field.then(|| FieldError {
        field: field.to_owned(),
        code,
    });
    Problem {
        type_: type_of(code),
        title: code.title().to_owned(),
        status,
        code,
        request_id: "2f1a7c1e-7c0d-4c5b-9a44-6b0d8a3e5f90".to_owned(),
        detail: None,
        turnstile_site_key: (code == ErrorCode::ChallengeFailed)
            .then(|| "1x00000000000000000000AA".to_owned()),
        proof: (code == ErrorCode::ProofRequired).then(proof_challenge),
        errors: field.into_iter().collect(),
    }
}

/// Its number is 23571.
fn proof_challenge() -> ProofChallenge {
    ProofChallenge {
        algorithm: "SHA-256".to_owned(),
        challenge: "278b32362514da579cc45efc7ecae35b004553242b998a342d81507b665bf70c".to_owned(),
        salt: "9f3cc1d2a4b05e6788d0aa1b2c3d4e5f?expires=1795701000&maxnumber=50000&".to_owned(),
        maxnumber: 50_000,
        signature: "4a2826ec1a447fa599144e3225cf11978c656ed524e5e6e72abd0682dcc711f7".to_owned(),
    }
}

fn parameters() -> Value {
    json!({
        "SessionId": {
            "name": "sessionId",
            "in": "path",
            "required": true,
            "schema": reference("schemas", "SessionId"),
        },
        "After": {
            "name": "after",
            "in": "query",
            "description": "The newest message that the client has; without it, from the beginning.",
            "schema": reference("schemas", "MessageId"),
        },
        "Wait": {
            "name": "wait",
            "in": "query",
            "description": "Where there is nothing new, the server waits for up to so many seconds \
                and answers as soon as there is.",
            "schema": {
                "type": "integer", "minimum": 0, "maximum": MAX_WAIT_SECONDS, "default": 0,
            },
        },
        "State": {
            "name": "state",
            "in": "query",
            "description": "The `state` of the answer before. With `wait`, the server answers as soon as \
                there is another one; one that it does not know is another one.",
            "schema": { "type": "string", "maxLength": MAX_STATE_CHARS },
        },
        "IdempotencyKey": {
            "name": "Idempotency-Key",
            "in": "header",
            "description": "Makes a repeated request harmless: 1 to 128 printable ASCII characters, \
                chosen by the client for each thing to be done.",
            // HTTP takes blanks off a header's ends.
            "schema": {
                "type": "string", "minLength": 1, "maxLength": 128, "pattern": "^[!-~]([ -~]*[!-~])?$",
            },
        },
        "RequestId": {
            "name": REQUEST_ID_HEADER,
            "in": "header",
            "description": "Names the request in the server's logs, when it is 1 to 128 of the \
                characters A-Z, a-z, 0-9, `-`, `_` and `.`; any other value is replaced.",
            "schema": { "type": "string" },
        },
    })
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

fn every_header() -> Value {
    json!({
        REQUEST_ID_HEADER: reference("headers", REQUEST_ID_HEADER),
        "Cache-Control": reference("headers", "Cache-Control"),
    })
}

fn parameter(name: &str) -> Value {
    reference("parameters", name)
}

fn reference(kind: &str, name: &str) -> Value {
    json!({ "$ref": format!("#/components/{kind}/{name}") })
}

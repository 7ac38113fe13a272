//! A homeserver that has one fault.

use axum::{
    Json, Router,
    extract::{Request, State},
    http::StatusCode,
    routing::any,
};
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// What is wrong with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    None,
    NoHomeserver,
    Old,
    TokenRevoked,
    TokenOfAnother,
    TokenWithoutDevice,
    NoRooms,
    Encrypts,
    SmallEvents,
    Limits,
    BobIsGone,
    BobBlocksInvitations,
    NobodyAtTheDesk,
    NotInTheDesk,
}

/// Serves it; its address.
pub(super) async fn serve(fault: Fault) -> String {
    let router = Router::new().fallback(any(answer)).with_state(fault);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

async fn answer(State(fault): State<Fault>, request: Request) -> (StatusCode, Json<Value>) {
    let path = request.uri().path().to_owned();
    let body = axum::body::to_bytes(request.into_body(), 1 << 20)
        .await
        .unwrap();
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let (status, json) = respond(fault, &path, &body);
    (StatusCode::from_u16(status).unwrap(), Json(json))
}

fn refuse(status: u16, errcode: &str) -> (u16, Value) {
    (status, json!({ "errcode": errcode, "error": "no" }))
}

fn respond(fault: Fault, path: &str, body: &Value) -> (u16, Value) {
    let ends = |end: &str| path.ends_with(end);
    let is_bob = path.contains("bob") || body["user_id"] == "@bob:localhost";
    match fault {
        Fault::NoHomeserver => (200, json!({ "it": "works" })),
        Fault::Old if ends("/versions") => (200, json!({ "versions": ["r0.6.1"] })),
        Fault::TokenRevoked if ends("/whoami") => refuse(401, "M_UNKNOWN_TOKEN"),
        Fault::TokenOfAnother if ends("/whoami") => (200, json!({ "user_id": "@other:localhost" })),
        Fault::TokenWithoutDevice if ends("/whoami") => {
            (200, json!({ "user_id": "@supportbot:localhost" }))
        }
        Fault::NoRooms if ends("/createRoom") => refuse(403, "M_FORBIDDEN"),
        Fault::Encrypts if ends("/m.room.encryption") => {
            (200, json!({ "algorithm": "m.megolm.v1.aes-sha2" }))
        }
        Fault::SmallEvents if body["body"].as_str().is_some_and(|it| it.len() > 10_000) => {
            refuse(413, "M_TOO_LARGE")
        }
        Fault::Limits if path.contains("/send/") => refuse(429, "M_LIMIT_EXCEEDED"),
        Fault::BobIsGone if path.contains("/profile/") && is_bob => refuse(404, "M_NOT_FOUND"),
        Fault::BobBlocksInvitations if ends("/invite") && is_bob => refuse(403, "M_INVITE_BLOCKED"),
        Fault::NotInTheDesk if ends("/state") => refuse(403, "M_FORBIDDEN"),
        Fault::NobodyAtTheDesk if ends("/state") => (200, json!([])),
        _ if ends("/versions") => (200, json!({ "versions": ["v1.1", "v1.11"] })),
        _ if ends("/version") => (200, json!({ "server": { "name": "Fake", "version": "1" } })),
        _ if ends("/whoami") => (
            200,
            json!({ "user_id": "@supportbot:localhost", "device_id": "D" }),
        ),
        _ if ends("/createRoom") => (200, json!({ "room_id": "!room:localhost" })),
        _ if ends("/m.room.encryption") => refuse(404, "M_NOT_FOUND"),
        _ if ends("/state") => {
            let alice = json!({ "type": "m.room.member", "state_key": "@alice:localhost",
                                "content": { "membership": "join" } });
            (200, json!([alice]))
        }
        _ => (200, json!({ "event_id": "$event" })),
    }
}

//! The descriptions of the API, by the server and in the documentation.

use std::collections::BTreeSet;

use app::contract::ErrorCode;
use reqwest::Method;
use serde_json::Value;
use sqlx::PgPool;

use crate::common::{TestApp, config, expect};

const DOCUMENTATION: &str = include_str!("../../../docs/reference/api.md");

async fn document(app: &TestApp) -> Value {
    let response = app.request(Method::GET, "/openapi.json").send().await;
    let response = response.unwrap();
    assert_eq!(response.headers()["content-type"], "application/json");
    expect(response, 200).await
}

#[sqlx::test(migrations = "../migrations")]
async fn the_document_has_each_operation_and_every_code(pool: PgPool) {
    let app = TestApp::spawn(config(&pool, &[])).await;
    let document = document(&app).await;
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));

    let mut operations = BTreeSet::new();
    let mut codes = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            operations.insert((method.as_str(), path.as_str()));
            for (status, response) in operation["responses"].as_object().unwrap() {
                let problem = &response["content"]["application/problem+json"];
                let examples = problem["examples"].as_object().into_iter().flatten();
                for (code, example) in examples {
                    assert_eq!(example["value"]["status"].to_string(), *status);
                    codes.insert(code.as_str());
                }
            }
        }
    }
    assert_eq!(
        operations,
        BTreeSet::from([
            ("get", "/v1/support-chat/availability"),
            ("post", "/v1/support-chat/sessions"),
            ("post", "/v1/support-chat/sessions/resume"),
            ("delete", "/v1/support-chat/sessions/{sessionId}"),
            ("put", "/v1/support-chat/sessions/{sessionId}/email"),
            ("delete", "/v1/support-chat/sessions/{sessionId}/email"),
            ("post", "/v1/support-chat/sessions/{sessionId}/messages"),
            ("get", "/v1/support-chat/sessions/{sessionId}/messages"),
            ("post", "/v1/support-chat/sessions/{sessionId}/close"),
            ("put", "/v1/support-chat/sessions/{sessionId}/page"),
            ("get", "/v1/support-chat/sessions/{sessionId}/transcript"),
            (
                "post",
                "/v1/support-chat/sessions/{sessionId}/transcript/mail"
            ),
            ("put", "/v1/support-chat/sessions/{sessionId}/rating"),
            ("post", "/v1/support-chat/sessions/{sessionId}/typing"),
        ])
    );

    let all: Vec<&str> = ErrorCode::ALL.iter().map(|code| code.as_str()).collect();
    assert_eq!(
        document["components"]["schemas"]["ErrorCode"]["enum"],
        serde_json::json!(all)
    );
    // These two are sent where there is no operation.
    codes.extend(["not_found", "method_not_allowed"]);
    assert_eq!(codes, BTreeSet::from_iter(all));
}

#[sqlx::test(migrations = "../migrations")]
async fn the_document_says_the_limit_that_is_configured(pool: PgPool) {
    let app = TestApp::spawn(config(&pool, &[("SUPPORT_CHAT_MAX_MESSAGE_CHARS", "123")])).await;
    let schemas = document(&app).await["components"]["schemas"].take();
    for (schema, field) in [
        ("CreateSessionRequest", "initialMessage"),
        ("SendMessageRequest", "body"),
    ] {
        assert_eq!(
            schemas[schema]["properties"][field]["maxLength"], 123,
            "{schema}"
        );
    }
}

#[test]
fn the_documentation_has_a_row_for_every_code() {
    for code in ErrorCode::ALL {
        let row = format!("\n| {} | `{}` | ", code.status(), code.as_str());
        assert!(
            DOCUMENTATION.contains(&row),
            "docs/reference/api.md lacks {row}"
        );
    }
}

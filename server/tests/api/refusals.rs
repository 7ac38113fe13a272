//! Errors in a request that are found before its text is checked.

use app::contract::WAIT_HEADER;
use reqwest::{Method, Response};
use serde_json::json;
use sqlx::PgPool;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{
    common::{ORIGIN, TestApp, config, expect},
    problem::expect_problem,
};

async fn raw(
    app: &TestApp,
    content_type: &'static str,
    body: impl Into<reqwest::Body>,
) -> Response {
    let request = app
        .api(Method::POST, "/sessions")
        .header("content-type", content_type);
    request.body(body).send().await.unwrap()
}

#[sqlx::test(migrations = "../migrations")]
async fn what_cannot_be_read_is_malformed(pool: PgPool) {
    let app = TestApp::spawn(config(&pool, &[])).await;
    let deep = format!(
        r#"{{"initialMessage":"x","visitorName":{}1{}}}"#,
        "[".repeat(5_000),
        "]".repeat(5_000)
    );
    let bodies: [&[u8]; 10] = [
        b"",
        b"{",
        b"null",
        b"[]",
        br#"["hello",null,null,null,null,null,null]"#,
        br#"{"initialMessage":5}"#,
        br#"{"initialMessage":"\ud800"}"#,
        b"{\"initialMessage\":\"\xff\"}",
        br#"{"initialMessage":"a","initialMessage":"b"}"#,
        deep.as_bytes(),
    ];
    for body in bodies {
        let response = raw(&app, "application/json", body.to_vec()).await;
        expect_problem(response, 400, "malformed_request").await;
    }
    let visitor = app.visitor("Hello").await;
    let bad_path = app
        .api(Method::GET, "/sessions/%ff/messages")
        .bearer_auth("x");
    expect_problem(bad_path.send().await.unwrap(), 400, "malformed_request").await;
    let twice = visitor.request(Method::GET, "/messages?after=a&after=b");
    expect_problem(twice.send().await.unwrap(), 400, "malformed_request").await;
}

#[sqlx::test(migrations = "../migrations")]
async fn only_json_in_utf_8_is_taken(pool: PgPool) {
    let app = TestApp::spawn(config(&pool, &[])).await;
    let body = r#"{"initialMessage":"x"}"#;
    for content_type in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/json; charset=latin1",
    ] {
        let response = raw(&app, content_type, body).await;
        expect_problem(response, 415, "unsupported_media_type").await;
    }
    expect(
        raw(&app, "application/json; charset=utf-8", body).await,
        201,
    )
    .await;
}

#[sqlx::test(migrations = "../migrations")]
async fn a_body_over_64_kib_is_too_large_and_one_of_64_kib_is_not(pool: PgPool) {
    let app = TestApp::spawn(config(&pool, &[])).await;
    let padded = |bytes: usize| {
        let body = r#"{"initialMessage":"x"}"#;
        format!("{body}{}", " ".repeat(bytes - body.len()))
    };
    expect(raw(&app, "application/json", padded(64 * 1024)).await, 201).await;
    let response = raw(&app, "application/json", padded(64 * 1024 + 1)).await;
    expect_problem(response, 413, "payload_too_large").await;
    // The same without a length in advance.
    let chunks = (0..65).map(|_| Ok::<_, std::io::Error>(vec![b' '; 1024]));
    let stream = reqwest::Body::wrap_stream(futures_util::stream::iter(chunks));
    expect_problem(
        raw(&app, "application/json", stream).await,
        413,
        "payload_too_large",
    )
    .await;
}

#[sqlx::test(migrations = "../migrations")]
async fn a_body_that_nobody_asked_for_may_not_be_too_large_either(pool: PgPool) {
    let app = TestApp::spawn(config(&pool, &[])).await;
    let visitor = app.visitor("Hello").await;
    let operations = [
        (Method::POST, "/typing"),
        (Method::DELETE, "/email"),
        (Method::POST, "/close"),
        (Method::DELETE, ""),
    ];
    for (method, path) in &operations {
        let chunks = (0..65).map(|_| Ok::<_, std::io::Error>(vec![b' '; 1024]));
        let stream = reqwest::Body::wrap_stream(futures_util::stream::iter(chunks));
        for body in [reqwest::Body::from(vec![b' '; 64 * 1024 + 1]), stream] {
            let request = visitor.request(method.clone(), path).body(body);
            expect_problem(request.send().await.unwrap(), 413, "payload_too_large").await;
        }
    }
    assert_eq!(visitor.messages(None).await.len(), 1, "nothing was done");
    for (method, path) in operations {
        let request = visitor.request(method, path).body("anything");
        let status = request.send().await.unwrap().status();
        assert!(status == 204 || path == "/email", "{path}: {status}");
    }
}

#[sqlx::test(migrations = "../migrations")]
async fn a_token_is_needed_and_opens_its_own_session_only(pool: PgPool) {
    let app = TestApp::spawn(config(&pool, &[])).await;
    let (ada, grace) = (app.visitor("Ada's").await, app.visitor("Grace's").await);
    let path = |rest: &str| format!("/sessions/{}{rest}", ada.session_id);
    for (method, rest) in [
        (Method::GET, "/messages"),
        (Method::POST, "/messages"),
        (Method::POST, "/close"),
        (Method::PUT, "/page"),
        (Method::POST, "/typing"),
    ] {
        let request = || {
            app.api(method.clone(), &path(rest))
                .json(&json!({ "body": "x", "sourceUrl": "https://a.example/" }))
        };
        let refused = [
            request(),
            request().header("authorization", "Basic eDp5"),
            request().bearer_auth("wrong"),
            request().bearer_auth(&grace.token),
        ];
        for request in refused {
            expect_problem(request.send().await.unwrap(), 401, "invalid_token").await;
        }
    }
    assert_eq!(ada.messages(None).await.len(), 1);
}

#[sqlx::test(migrations = "../migrations")]
async fn a_session_that_is_none_is_not_found(pool: PgPool) {
    let app = TestApp::spawn(config(&pool, &[])).await;
    for id in ["nobody", "00000000-0000-0000-0000-000000000000"] {
        for (method, rest) in [
            (Method::GET, "/messages"),
            (Method::POST, "/messages"),
            (Method::POST, "/close"),
            (Method::PUT, "/page"),
            (Method::POST, "/typing"),
        ] {
            let request = app
                .api(method, &format!("/sessions/{id}{rest}"))
                .bearer_auth("x");
            let body = json!({ "body": "x", "sourceUrl": "https://a.example/" });
            let response = request.json(&body).send().await.unwrap();
            expect_problem(response, 404, "session_not_found").await;
        }
    }
}

#[sqlx::test(migrations = "../migrations")]
async fn the_framework_s_own_refusals_are_problems_too(pool: PgPool) {
    let app = TestApp::spawn(config(&pool, &[])).await;
    let nowhere = app.api(Method::GET, "/nowhere").send().await.unwrap();
    expect_problem(nowhere, 404, "not_found").await;
    let wrong_method = app.api(Method::DELETE, "/sessions").send().await.unwrap();
    assert_eq!(wrong_method.headers()["allow"], "POST");
    expect_problem(wrong_method, 405, "method_not_allowed").await;
}

#[sqlx::test(migrations = "../migrations")]
async fn pages_of_other_origins_are_refused_and_allowed_ones_may_preflight(pool: PgPool) {
    let app = TestApp::spawn(config(&pool, &[])).await;
    let creation = |origin: &'static str| {
        let request = app.api(Method::POST, "/sessions").header("origin", origin);
        request.json(&json!({ "initialMessage": "x" })).send()
    };
    for origin in [
        "https://evil.example",
        "null",
        "https://www.webdevelop.biz.evil.example",
    ] {
        let response = creation(origin).await.unwrap();
        assert!(
            !response
                .headers()
                .contains_key("access-control-allow-origin")
        );
        expect_problem(response, 403, "origin_not_allowed").await;
    }
    let allowed = creation(ORIGIN).await.unwrap();
    assert_eq!(allowed.headers()["access-control-allow-origin"], ORIGIN);
    assert!(
        !allowed
            .headers()
            .contains_key("access-control-allow-credentials")
    );
    expect(allowed, 201).await;

    let preflight = app
        .api(Method::OPTIONS, "/sessions/x/messages")
        .header("origin", ORIGIN)
        .header("access-control-request-method", "POST")
        .header(
            "access-control-request-headers",
            "authorization,content-type,idempotency-key",
        )
        .send()
        .await
        .unwrap();
    assert_eq!(preflight.status(), 200);
    assert_eq!(preflight.headers()["access-control-allow-origin"], ORIGIN);
    assert!(
        preflight.headers().contains_key("access-control-max-age"),
        "cacheable"
    );
    // The page must be able to read a refusal and its `Retry-After`.
    let problem = app
        .api(Method::GET, "/sessions/x/messages")
        .header("origin", ORIGIN);
    let problem = problem.send().await.unwrap();
    assert_eq!(problem.headers()["access-control-allow-origin"], ORIGIN);
    let exposed = problem.headers()["access-control-expose-headers"]
        .to_str()
        .unwrap()
        .to_owned();
    for header in ["retry-after", "x-request-id", WAIT_HEADER] {
        assert!(exposed.contains(header), "{header}: {exposed}");
    }
    expect_problem(problem, 401, "invalid_token").await;
}

#[sqlx::test(migrations = "../migrations")]
async fn a_request_id_is_taken_over_when_it_is_sane(pool: PgPool) {
    let app = TestApp::spawn(config(&pool, &[])).await;
    let response = app
        .api(Method::GET, "/nowhere")
        .header("x-request-id", "trace-1")
        .send()
        .await;
    let problem = expect_problem(response.unwrap(), 404, "not_found").await;
    assert_eq!(problem["requestId"], "trace-1");
}

/// Writes bytes that no HTTP library would write, and reads the whole answer.
async fn converse(app: &TestApp, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(app.address).await.unwrap();
    // The server may answer and close the connection before it has read everything.
    let _ = stream.write_all(request).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8(answer).unwrap()
}

#[sqlx::test(migrations = "../migrations")]
async fn a_body_that_does_not_arrive_times_out(pool: PgPool) {
    let app = TestApp::spawn(config(&pool, &[])).await;
    let request = "POST /v1/support-chat/sessions HTTP/1.1\r\nHost: chat\r\nConnection: close\r\n\
                   Content-Type: application/json\r\nContent-Length: 10\r\n\r\n{";
    let answer = converse(&app, request.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert!(answer.contains("application/problem+json") && answer.contains("request_timeout"));
}

#[sqlx::test(migrations = "../migrations")]
async fn huge_headers_and_nonsense_are_refused_by_the_http_layer(pool: PgPool) {
    let app = TestApp::spawn(config(&pool, &[])).await;
    let huge = format!(
        "GET / HTTP/1.1\r\nHost: chat\r\nX-Huge: {}\r\n\r\n",
        "x".repeat(1 << 20)
    );
    let many = format!(
        "GET / HTTP/1.1\r\nHost: chat\r\n{}\r\n",
        "X-A: b\r\n".repeat(1_000)
    );
    for (request, status) in [
        (huge.as_str(), "431"),
        (&many, "431"),
        ("nonsense\r\n\r\n", "400"),
    ] {
        let answer = converse(&app, request.as_bytes()).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{answer}"
        );
    }
    assert_eq!(
        app.request(Method::GET, "/").send().await.unwrap().status(),
        200
    );
}

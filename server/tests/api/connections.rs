//! Connections as no HTTP library makes them: half-sent, unread, too many, in another version.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use sqlx::PgPool;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{sleep, timeout},
};

use crate::common::{TestApp, config};

/// Longer than anything takes that needs no waiting, and shorter than the server's patience.
const SOON: Duration = Duration::from_secs(15);

/// A connection on which answers are read one by one.
struct Raw {
    stream: TcpStream,
    read: Vec<u8>,
}

impl Raw {
    async fn to(app: &TestApp) -> Self {
        let stream = TcpStream::connect(app.address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self {
            stream,
            read: Vec::new(),
        }
    }

    async fn write(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).await.unwrap();
    }

    /// The next answer: its head in lower case, and its body.
    async fn answer(&mut self) -> (String, String) {
        timeout(SOON, self.read_answer()).await.expect("an answer")
    }

    async fn read_answer(&mut self) -> (String, String) {
        loop {
            let text = String::from_utf8_lossy(&self.read).into_owned();
            if let Some((head, rest)) = text.split_once("\r\n\r\n") {
                let head = head.to_lowercase();
                let length = head
                    .split_once("content-length: ")
                    .map_or(0, |(_, rest)| rest.lines().next().unwrap().parse().unwrap());
                if rest.len() >= length {
                    let body = rest[..length].to_owned();
                    self.read.drain(..head.len() + 4 + length);
                    return (head, body);
                }
            }
            let mut more = vec![0; 4_096];
            let length = self.stream.read(&mut more).await.unwrap();
            assert!(length > 0, "the connection ended: {text:?}");
            self.read.extend_from_slice(&more[..length]);
        }
    }

    /// Whether the server closes the connection, with or without an error.
    async fn ends(&mut self) -> bool {
        timeout(SOON, self.stream.read_to_end(&mut self.read))
            .await
            .is_ok()
    }
}

fn post(path: &str, headers: &str) -> String {
    format!("POST /v1/support-chat{path} HTTP/1.1\r\nHost: chat\r\n{headers}\r\n\r\n")
}

const ASK: &str = "GET /v1/support-chat/nowhere HTTP/1.1\r\nHost: chat\r\n\r\n";

/// Refusals that depend on the head alone.
fn refused_early(length: usize) -> Vec<(&'static str, String)> {
    let session = "/sessions/0b6f2a0e-4a6e-4d5c-9a51-0f4f6c6f8d27/messages";
    let json = format!("Content-Type: application/json\r\nContent-Length: {length}");
    vec![
        ("401", post(session, &json)),
        (
            "404",
            post(
                "/sessions/x/messages",
                &format!("Authorization: Bearer x\r\n{json}"),
            ),
        ),
        ("404", post("/nowhere", &json)),
        (
            "405",
            post("", &json)
                .replacen("POST", "PUT", 1)
                .replacen("chat ", "chat/sessions ", 1),
        ),
        (
            "403",
            post(
                "/sessions",
                &format!("Origin: https://evil.example\r\n{json}"),
            ),
        ),
        (
            "415",
            post(
                "/sessions",
                &format!("Content-Type: text/plain\r\nContent-Length: {length}"),
            ),
        ),
    ]
}

#[sqlx::test(migrations = "../migrations")]
async fn a_refusal_leaves_the_connection_to_the_next_request(pool: PgPool) {
    const LENGTH: usize = 60_000;
    let app = TestApp::spawn(config(&pool, &[])).await;
    let refused = refused_early(LENGTH);
    let asked = refused.iter().map(async |(status, head)| {
        let mut raw = Raw::to(&app).await;
        raw.write(head).await;
        for _ in 0..3 {
            // The server has read the bytes so far, and refused the request.
            sleep(Duration::from_millis(50)).await;
            raw.write(vec![b'x'; LENGTH / 3]).await;
        }
        let (answer, body) = raw.answer().await;
        assert!(
            answer.starts_with(&format!("http/1.1 {status} ")),
            "{answer}"
        );
        assert!(body.contains("requestId") && !answer.contains("connection: close"));
        raw.write(ASK).await;
        assert!(raw.answer().await.0.starts_with("http/1.1 404 "));
    });
    join_all(asked).await;
}

#[sqlx::test(migrations = "../migrations")]
async fn a_limit_s_refusal_leaves_it_too(pool: PgPool) {
    let vars = [("SUPPORT_CHAT_REQUESTS_PER_IP_PER_MINUTE", "1")];
    let app = TestApp::spawn(config(&pool, &vars)).await;
    let mut raw = Raw::to(&app).await;
    raw.write(ASK).await;
    raw.answer().await;
    for _ in 0..2 {
        raw.write(post("/sessions", "Content-Length: 1000")).await;
        raw.write([b'x'; 1_000]).await;
        assert!(raw.answer().await.0.starts_with("http/1.1 429 "));
    }
}

#[sqlx::test(migrations = "../migrations")]
async fn what_is_far_too_large_is_answered_while_it_is_sent(pool: PgPool) {
    const LENGTH: usize = 4 * 1024 * 1024;
    let app = TestApp::spawn(config(&pool, &[])).await;
    let chunked = post(
        "/sessions",
        "Content-Type: application/json\r\nTransfer-Encoding: chunked",
    );
    let declared = post(
        "/sessions",
        &format!("Content-Type: application/json\r\nContent-Length: {LENGTH}"),
    );
    for (status, head) in refused_early(LENGTH)
        .into_iter()
        .chain([("413", declared), ("413", chunked)])
    {
        let mut raw = Raw::to(&app).await;
        raw.write(&head).await;
        let chunk = vec![b'x'; 64 * 1024];
        for _ in 0..LENGTH / chunk.len() {
            if head.contains("chunked") {
                raw.write(format!("{:x}\r\n", chunk.len())).await;
            }
            // If the connection were reset, this would fail and the answer would be lost.
            raw.write(&chunk).await;
            if head.contains("chunked") {
                raw.write("\r\n").await;
            }
        }
        let (answer, body) = raw.answer().await;
        assert!(
            answer.starts_with(&format!("http/1.1 {status} ")),
            "{answer}"
        );
        assert!(answer.contains("connection: close"), "{answer}");
        assert!(body.contains("requestId"));
        raw.stream.shutdown().await.unwrap();
        assert!(raw.ends().await);
    }
}

#[sqlx::test(migrations = "../migrations")]
async fn a_body_that_is_said_to_be_too_large_is_not_waited_for(pool: PgPool) {
    let app = TestApp::spawn(config(&pool, &[])).await;
    let mut raw = Raw::to(&app).await;
    raw.write(post(
        "/sessions",
        "Content-Type: application/json\r\nContent-Length: 1000000000",
    ))
    .await;
    raw.write("{").await;
    let (answer, _) = raw.answer().await;
    assert!(answer.starts_with("http/1.1 413 "), "{answer}");
}

#[sqlx::test(migrations = "../migrations")]
async fn a_client_that_asks_before_it_sends_is_refused_at_once(pool: PgPool) {
    let app = TestApp::spawn(config(&pool, &[])).await;
    for (status, head) in refused_early(50_000) {
        let mut raw = Raw::to(&app).await;
        raw.write(head.replacen("\r\n\r\n", "\r\nExpect: 100-continue\r\n\r\n", 1))
            .await;
        let (answer, _) = raw.answer().await;
        assert!(
            answer.starts_with(&format!("http/1.1 {status} ")),
            "{answer}"
        );
        assert!(answer.contains("connection: close"), "{answer}");
    }
}

#[sqlx::test(migrations = "../migrations")]
async fn a_request_says_once_which_host_it_is_for(pool: PgPool) {
    let vars = [("SUPPORT_CHAT_REQUESTS_PER_IP_PER_MINUTE", "4")];
    let app = TestApp::spawn(config(&pool, &vars)).await;
    let requests = [
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: chat\r\nHost: chat\r\n\r\n",
        "GET / HTTP/1.0\r\nConnection: keep-alive\r\nHost: chat\r\nHost: evil\r\n\r\n",
        "GET /v1/support-chat/sessions/x/messages?after=y HTTP/1.1\r\n\r\n",
    ];
    let mut raw = Raw::to(&app).await;
    for request in requests {
        raw.write(request).await;
        let (answer, body) = raw.answer().await;
        assert!(answer.contains(" 400 bad request"), "{answer}");
        assert!(answer.contains("content-type: application/problem+json"));
        assert!(body.contains("\"code\":\"malformed_request\""), "{body}");
    }
    // The requests have been counted.
    raw.write(ASK).await;
    assert!(raw.answer().await.0.starts_with("http/1.1 429 "));
    // A page is not an operation of the API.
    raw.write("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        .await;
    assert!(raw.answer().await.0.contains(" 200 ok"));
}

#[sqlx::test(migrations = "../migrations")]
async fn http_2_is_spoken_where_it_is_asked_for(pool: PgPool) {
    const SETTINGS: u8 = 4;
    let hello = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    for (switch, is_spoken) in [("off", false), ("on", true)] {
        let app = TestApp::spawn(config(&pool, &[("SUPPORT_CHAT_HTTP2", switch)])).await;
        let mut raw = Raw::to(&app).await;
        raw.write(hello).await;
        let mut first = vec![0; 9];
        let answer = timeout(SOON, raw.stream.read_exact(&mut first))
            .await
            .unwrap();
        let is_settings = answer.is_ok() && first[3] == SETTINGS;
        assert_eq!(is_settings, is_spoken, "{switch}: {first:?}");
        // The other one is always there.
        let mut raw = Raw::to(&app).await;
        raw.write(ASK).await;
        assert!(raw.answer().await.0.starts_with("http/1.1 404 "));
    }
}

#[sqlx::test(migrations = "../migrations")]
async fn a_server_that_stops_waits_for_no_client(pool: PgPool) {
    let app = TestApp::spawn(config(&pool, &[])).await;
    let mut connections = Vec::new();
    let body = "Content-Type: application/json\r\nContent-Length: 100";
    for said in ["", "GET / HTT", &post("/sessions", body), ASK] {
        let mut raw = Raw::to(&app).await;
        raw.write(said).await;
        connections.push(raw);
    }
    // This connection is idle by now, and the others' bytes have arrived, since they were sent before.
    connections[3].answer().await;
    let began = Instant::now();
    app.stop().await;
    assert!(
        began.elapsed() < Duration::from_secs(10),
        "{:?}",
        began.elapsed()
    );
    for raw in &mut connections {
        assert!(raw.ends().await);
    }
}

/// This is the only test with the real clock; `http::listener::progress` has the others.
#[sqlx::test(migrations = "../migrations")]
async fn a_head_has_thirty_seconds_and_silence_between_requests_longer(pool: PgPool) {
    let app = TestApp::spawn(config(&pool, &[])).await;
    let mut idle = Raw::to(&app).await;
    idle.write(ASK).await;
    idle.answer().await;
    let ends_after = async |trickle: bool| {
        let mut raw = Raw::to(&app).await;
        let began = Instant::now();
        raw.write("GET / HTTP/1.1\r\n").await;
        let mut byte = [0];
        while let Err(_) | Ok(Ok(1..)) =
            timeout(Duration::from_secs(4), raw.stream.read(&mut byte)).await
        {
            assert!(began.elapsed() < Duration::from_secs(45));
            if trickle {
                raw.write("X").await;
            }
        }
        began.elapsed().as_secs()
    };
    let (silent, trickling) = tokio::join!(ends_after(false), ends_after(true));
    assert!((30..35).contains(&silent), "{silent}");
    assert!((30..35).contains(&trickling), "{trickling}");
    idle.write(ASK).await;
    assert!(idle.answer().await.0.starts_with("http/1.1 404 "));
}

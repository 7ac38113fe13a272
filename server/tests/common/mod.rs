//! A server with its own ports and database, and a visitor who writes to it.

use std::{collections::BTreeMap, net::SocketAddr};

use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};
use server::{config::Config, startup::Application};
use sqlx::{ConnectOptions, PgPool};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub(crate) const ORIGIN: &str = "https://www.webdevelop.biz";

/// The configuration of every test's server, over its own database; `extra` overrides.
pub(crate) fn config(pool: &PgPool, extra: &[(&str, &str)]) -> Config {
    let database_url = pool.connect_options().to_url_lossy();
    let vars = [
        ("DATABASE_URL", database_url.as_str()),
        // Nobody listens there, so tasks for the homeserver stay queued.
        ("MATRIX_HOMESERVER_URL", "http://127.0.0.1:1"),
        ("MATRIX_SUPPORT_BOT_MXID", "@supportbot:localhost"),
        ("MATRIX_SUPPORT_BOT_ACCESS_TOKEN", "no-token"),
        (
            "MATRIX_SUPPORT_STAFF_MXIDS",
            "@alice:localhost,@bob:localhost",
        ),
        ("MATRIX_SUPPORT_DESK", "off"),
        ("SUPPORT_CHAT_ALLOWED_ORIGINS", ORIGIN),
        ("SUPPORT_CHAT_LISTEN", "127.0.0.1:0"),
        ("SUPPORT_CHAT_ADMIN_LISTEN", "127.0.0.1:0"),
    ];
    let vars: BTreeMap<_, _> = vars
        .iter()
        .chain(extra)
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    Config::from_vars(vars).expect("a valid configuration")
}

/// A running server.
pub(crate) struct TestApp {
    pub(crate) address: SocketAddr,
    pub(crate) admin_address: SocketAddr,
    pub(crate) client: reqwest::Client,
    stop: CancellationToken,
    running: Option<JoinHandle<()>>,
}

/// A server that outlives its test would keep the test's database in use.
impl Drop for TestApp {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl TestApp {
    pub(crate) async fn spawn(config: Config) -> Self {
        let application = Application::build(config).await.expect("the server starts");
        let stop = CancellationToken::new();
        let address = application.public_address().unwrap();
        let admin_address = application.admin_address().unwrap();
        let run = application.run_until_stopped(stop.clone());
        let running = Some(tokio::spawn(
            async move { run.await.expect("the server runs") },
        ));
        Self {
            address,
            admin_address,
            client: reqwest::Client::new(),
            stop,
            running,
        }
    }

    /// Stops the server like SIGTERM, and waits for its end.
    pub(crate) async fn stop(mut self) {
        self.stop.cancel();
        if let Some(running) = self.running.take() {
            running.await.expect("the server stops cleanly");
        }
    }

    /// The metrics: each series as it is written, with its value.
    pub(crate) async fn metrics(&self) -> BTreeMap<String, f64> {
        let url = format!("http://{}/metrics", self.admin_address);
        let text = self.client.get(url).send().await.unwrap();
        let text = text.text().await.unwrap();
        let samples = text.lines().filter(|line| !line.starts_with('#'));
        samples
            .map(|line| {
                let (series, value) = line.rsplit_once(' ').expect(line);
                (series.to_owned(), value.parse().expect(line))
            })
            .collect()
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client
            .request(method, format!("http://{}{path}", self.address))
    }

    pub(crate) fn api(&self, method: Method, path: &str) -> RequestBuilder {
        self.request(method, &format!("/v1/support-chat{path}"))
    }

    pub(crate) async fn create(&self, body: Value) -> Response {
        self.api(Method::POST, "/sessions")
            .json(&body)
            .send()
            .await
            .unwrap()
    }

    /// A conversation that has begun with `text`.
    pub(crate) async fn visitor(&self, text: &str) -> Visitor<'_> {
        let response = self.create(json!({ "initialMessage": text })).await;
        Visitor::from_creation(self, expect(response, 201).await)
    }
}

/// A visitor in a conversation.
pub(crate) struct Visitor<'a> {
    pub(crate) app: &'a TestApp,
    pub(crate) session_id: String,
    pub(crate) token: String,
    pub(crate) first_message_id: String,
}

impl<'a> Visitor<'a> {
    pub(crate) fn from_creation(app: &'a TestApp, created: Value) -> Self {
        let text = |name: &str| created[name].as_str().expect(name).to_owned();
        Self {
            app,
            session_id: text("sessionId"),
            token: text("token"),
            first_message_id: text("messageId"),
        }
    }

    pub(crate) fn request(&self, method: Method, rest: &str) -> RequestBuilder {
        self.app
            .api(method, &format!("/sessions/{}{rest}", self.session_id))
            .bearer_auth(&self.token)
    }

    pub(crate) async fn send(&self, text: &str) -> Response {
        let body = json!({ "body": text });
        self.request(Method::POST, "/messages")
            .json(&body)
            .send()
            .await
            .unwrap()
    }

    pub(crate) async fn poll(&self, after: Option<&str>) -> Response {
        let query = after.map(|id| format!("?after={id}")).unwrap_or_default();
        self.request(Method::GET, &format!("/messages{query}"))
            .send()
            .await
            .unwrap()
    }

    pub(crate) async fn close(&self) -> Response {
        self.request(Method::POST, "/close").send().await.unwrap()
    }

    /// The messages of a poll.
    pub(crate) async fn messages(&self, after: Option<&str>) -> Vec<Value> {
        let answer = expect(self.poll(after).await, 200).await;
        answer["messages"].as_array().expect("a list").clone()
    }
}

/// Checks an answer's status, and returns its JSON.
pub(crate) async fn expect(response: Response, status: u16) -> Value {
    let actual = response.status().as_u16();
    let body = response.text().await.unwrap();
    assert_eq!(actual, status, "{body}");
    serde_json::from_str(&body).unwrap_or(Value::Null)
}

//! A proxy to the homeserver that sees each request, and can do something before it is forwarded.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use axum::{
    Json, Router,
    body::{Body, to_bytes},
    extract::{Request, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use futures_util::future::BoxFuture;
use serde_json::Value;
use tokio::{net::TcpListener, task::JoinHandle, time::sleep};

use crate::homeserver::{PATIENCE, homeserver_url};

/// Called with the method and path of each request, before it is forwarded.
type Before = dyn Fn(String) -> BoxFuture<'static, ()> + Send + Sync;

/// Called with an answer, before it is passed on: `true` when it was altered, which is done once.
type Alter = dyn FnMut(&mut Value) -> bool + Send;

/// An answer that replaces the homeserver's.
struct Refusal {
    part: &'static str,
    status: StatusCode,
    body: Value,
}

/// The proxy, which ends when this is dropped.
pub(crate) struct Gateway {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
    refuses: Arc<Mutex<Option<Refusal>>>,
    fails: Arc<Mutex<Option<String>>>,
    alters: Arc<Mutex<Option<Box<Alter>>>>,
    running: JoinHandle<()>,
}

#[derive(Clone)]
struct Shared {
    client: reqwest::Client,
    asked: Arc<Mutex<Vec<String>>>,
    refuses: Arc<Mutex<Option<Refusal>>>,
    fails: Arc<Mutex<Option<String>>>,
    alters: Arc<Mutex<Option<Box<Alter>>>>,
    before: Arc<Before>,
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.running.abort();
    }
}

impl Gateway {
    pub(crate) async fn new(
        before: impl Fn(String) -> BoxFuture<'static, ()> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (asked, refuses) = (Arc::default(), Arc::default());
        let (fails, alters) = (Arc::default(), Arc::default());
        let shared = Shared {
            client: reqwest::Client::new(),
            asked: Arc::clone(&asked),
            refuses: Arc::clone(&refuses),
            fails: Arc::clone(&fails),
            alters: Arc::clone(&alters),
            before: Arc::new(before),
        };
        let router = Router::new().fallback(forward).with_state(shared);
        let running = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self {
            address,
            asked,
            refuses,
            fails,
            alters,
            running,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Waits for a request with this in its method and path.
    pub(crate) async fn wait_for(&self, part: &str) {
        self.wait_for_count(part, 1).await;
    }

    pub(crate) async fn wait_for_count(&self, part: &str, count: usize) {
        let deadline = Instant::now() + PATIENCE;
        while self.count(part) < count {
            assert!(
                Instant::now() < deadline,
                "not asked for {part} {count} times"
            );
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// Answers the next request with this in its method and path with 503.
    pub(crate) fn refuse_next(&self, part: &'static str) {
        self.answer_next(part, StatusCode::SERVICE_UNAVAILABLE, Value::Null);
    }

    /// Replaces the homeserver's answer to the next request with this in its method and path.
    pub(crate) fn answer_next(&self, part: &'static str, status: StatusCode, body: Value) {
        *self.refuses.lock().unwrap() = Some(Refusal { part, status, body });
    }

    /// Answers all requests with this in their method and path with 500; with `None`, no request.
    pub(crate) fn fail(&self, part: Option<String>) {
        *self.fails.lock().unwrap() = part;
    }

    /// Alters the first answer for which `alter` returns true.
    pub(crate) fn alter(&self, alter: impl FnMut(&mut Value) -> bool + Send + 'static) {
        *self.alters.lock().unwrap() = Some(Box::new(alter));
    }

    /// How many requests had this in their method and path.
    pub(crate) fn count(&self, part: &str) -> usize {
        let asked = self.asked.lock().unwrap();
        asked.iter().filter(|asked| asked.contains(part)).count()
    }
}

async fn forward(State(shared): State<Shared>, request: Request) -> Response {
    let asked = format!("{} {}", request.method(), request.uri());
    shared.asked.lock().unwrap().push(asked.clone());
    (shared.before)(asked.clone()).await;
    let refuses = shared
        .refuses
        .lock()
        .unwrap()
        .take_if(|refusal| asked.contains(refusal.part));
    if let Some(Refusal { status, body, .. }) = refuses {
        return (status, Json(body)).into_response();
    }
    let fails = shared.fails.lock().unwrap().clone();
    if fails.is_some_and(|part| asked.contains(&part)) {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    let (parts, body) = request.into_parts();
    let url = format!("{}{}", homeserver_url(), parts.uri);
    let mut forwarded = shared.client.request(parts.method, url);
    for name in [header::AUTHORIZATION, header::CONTENT_TYPE] {
        if let Some(value) = parts.headers.get(&name) {
            forwarded = forwarded.header(name, value);
        }
    }
    let body = to_bytes(body, usize::MAX).await.unwrap();
    match forwarded.body(body).send().await {
        Ok(answer) => {
            let status = answer.status();
            let json = [(header::CONTENT_TYPE, "application/json")];
            let body = answer.bytes().await.unwrap();
            (status, json, Body::from(altered(&shared, &body))).into_response()
        }
        Err(_) => StatusCode::BAD_GATEWAY.into_response(),
    }
}

fn altered(shared: &Shared, body: &[u8]) -> Vec<u8> {
    let mut alters = shared.alters.lock().unwrap();
    if let (Some(alter), Ok(mut answer)) = (alters.as_mut(), serde_json::from_slice(body))
        && alter(&mut answer)
    {
        *alters = None;
        return answer.to_string().into_bytes();
    }
    body.to_vec()
}

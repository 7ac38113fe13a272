//! Waits for what a visitor or an operator sees.

use std::time::Duration;

use serde_json::Value;
use tokio::time::{Instant, sleep};

use super::PATIENCE;
use crate::common::{TestApp, Visitor};

/// Polls like a visitor until there are `count` entries.
pub(crate) async fn wait_for_messages(visitor: &Visitor<'_>, count: usize) -> Vec<Value> {
    wait_until(visitor, |messages| messages.len() >= count).await
}

/// Polls like a visitor until `done` returns true.
pub(crate) async fn wait_until(
    visitor: &Visitor<'_>,
    done: impl Fn(&[Value]) -> bool,
) -> Vec<Value> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let messages = visitor.messages(None).await;
        if done(&messages) {
            return messages;
        }
        assert!(Instant::now() < deadline, "a poll shows {messages:#?}");
        sleep(Duration::from_millis(50)).await;
    }
}

/// Requests `/readyz` until the answer has this status. A sync counts as interrupted only after a minute.
pub(crate) async fn readiness(app: &TestApp, status: u16) -> Value {
    let deadline = Instant::now() + 4 * PATIENCE;
    loop {
        let url = format!("http://{}/readyz", app.admin_address);
        let response = app.client.get(url).send().await.unwrap();
        if response.status() == status {
            return response.json().await.unwrap();
        }
        assert!(Instant::now() < deadline, "/readyz never answered {status}");
        sleep(Duration::from_millis(50)).await;
    }
}

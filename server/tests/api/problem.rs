//! The parts that every error has.

use reqwest::Response;
use serde_json::Value;

use crate::common::expect;

/// Checks that an answer is this problem with all of its parts; returns its JSON.
pub(crate) async fn expect_problem(response: Response, status: u16, code: &str) -> Value {
    let headers = response.headers().clone();
    let problem = expect(response, status).await;
    assert_eq!(
        headers["content-type"], "application/problem+json",
        "{problem}"
    );
    assert_eq!(headers["cache-control"], "no-store");
    assert_eq!(problem["code"], code, "{problem}");
    assert_eq!(problem["status"], status);
    assert_eq!(
        problem["requestId"].as_str().unwrap(),
        headers["x-request-id"].to_str().unwrap()
    );
    assert_eq!(problem["type"], format!("/problems/{code}"));
    assert!(!problem["title"].as_str().unwrap().is_empty());
    assert_eq!(headers.contains_key("www-authenticate"), status == 401);
    assert_eq!(
        headers.contains_key("retry-after"),
        matches!(status, 429 | 500..=599)
    );
    problem
}

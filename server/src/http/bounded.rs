//! No request takes for ever, and one that panics is answered like any other.

use std::{panic::AssertUnwindSafe, time::Duration};

use app::contract::ErrorCode;
use axum::{
    extract::Request,
    middleware::Next,
    response::{IntoResponse, Response},
};
use futures_util::FutureExt;
use tokio::time;

use super::problem::{self, ApiError};

/// A request has to be read and answered within this time.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

pub(super) async fn run(next: Next, request: Request) -> Response {
    let answer = AssertUnwindSafe(next.run(request)).catch_unwind();
    match time::timeout(REQUEST_TIMEOUT, answer).await {
        Ok(Ok(response)) => response,
        Ok(Err(panic)) => problem::from_panic(&*panic),
        Err(_) => ApiError::from(ErrorCode::RequestTimeout).into_response(),
    }
}

#[cfg(test)]
mod tests {
    use axum::{Router, http::StatusCode, middleware, routing::get};
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn a_handler_that_panics_is_a_fault_of_ours_and_the_connection_lives() {
        let layer = middleware::from_fn(async |request, next| run(next, request).await);
        let router = Router::new()
            .route(
                "/panic",
                get(async || -> &'static str { panic!("on purpose") }),
            )
            .route("/", get(async || "well"))
            .layer(layer);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = tokio::spawn(async move { axum::serve(listener, router).await });
        let client = reqwest::Client::new();
        for (path, status) in [("panic", 500), ("", 200)] {
            let answer = client.get(format!("http://{address}/{path}")).send().await;
            assert_eq!(
                answer.unwrap().status(),
                StatusCode::from_u16(status).unwrap()
            );
        }
        serving.abort();
    }
}

//! Time limits, and panics of handlers: both are answered like any other error.
//!
//! tower-http's layers do not fit: the time limit begins again when the body has arrived, and the code depends on
//! whether the request may have changed something.

use std::{any::Any, panic::AssertUnwindSafe, pin::pin, time::Duration};

use app::contract::ErrorCode;
use axum::{
    extract::Request,
    http::{Method, StatusCode},
    middleware::Next,
    response::{IntoResponse, Response},
};
use futures_util::FutureExt;
use tokio::time::{self, Instant};

use super::{arrival::Arrival, problem::ApiError};

/// How long a request's body may take to arrive, and how long the answer may take after that.
const TIME_LIMIT: Duration = Duration::from_secs(30);

/// How much longer the outermost layer waits. The answer of an inner layer has the headers that a browser needs, so the
/// inner layer should be the first one.
const OUTERMOST: Duration = Duration::from_secs(1);

/// Runs the rest of the router.
pub(super) async fn run(next: Next, request: Request) -> Response {
    run_within(TIME_LIMIT, next, request).await
}

/// The same as [`run`], for requests that no inner layer limits.
pub(super) async fn run_outermost(next: Next, request: Request) -> Response {
    run_within(TIME_LIMIT + OUTERMOST, next, request).await
}

async fn run_within(limit: Duration, next: Next, request: Request) -> Response {
    let changes = may_change(request.method());
    let arrival = request.extensions().get().cloned().unwrap_or_default();
    within(limit, changes, &arrival, next.run(request))
        .await
        .unwrap_or_else(IntoResponse::into_response)
}

/// Carries out a form's change, after its body has been read.
pub(super) async fn change<T>(work: impl Future<Output = T>) -> Result<T, ApiError> {
    within(TIME_LIMIT, true, &Arrival::default(), work).await
}

/// Whether a request with this method may change something.
pub(super) fn may_change(method: &Method) -> bool {
    !method.is_safe()
}

async fn within<T>(
    limit: Duration,
    changes: bool,
    arrival: &Arrival,
    work: impl Future<Output = T>,
) -> Result<T, ApiError> {
    let mut work = pin!(AssertUnwindSafe(work).catch_unwind());
    let mut deadline = Instant::now() + limit;
    loop {
        match time::timeout_at(deadline, work.as_mut()).await {
            Ok(Ok(done)) => return Ok(done),
            Ok(Err(panic)) => return Err(panicked(&*panic, changes)),
            Err(_) => match arrival.completed_at().map(|at| at + limit) {
                Some(later) if later > deadline => deadline = later,
                _ => return Err(too_late(changes, arrival)),
            },
        }
    }
}

fn panicked(panic: &(dyn Any + Send), changes: bool) -> ApiError {
    let message = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message");
    tracing::error!(message, "a handler panicked");
    if changes {
        ErrorCode::OutcomeUnknown.into()
    } else {
        ErrorCode::Internal.into()
    }
}

fn too_late(changes: bool, arrival: &Arrival) -> ApiError {
    if arrival.is_awaited() {
        // Nothing is done before the body has been read.
        return ErrorCode::RequestTimeout.into();
    }
    tracing::error!("a request was not answered in time");
    if changes {
        ApiError::from(ErrorCode::OutcomeUnknown).with_status(StatusCode::GATEWAY_TIMEOUT)
    } else {
        // Reading waits only for Postgres.
        ErrorCode::DatabaseUnavailable.into()
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use axum::{
        Router,
        body::{Body, Bytes},
        middleware,
        routing::get,
    };
    use tower_service::Service;

    use super::*;

    fn router() -> Router {
        let panics = async || -> &'static str { panic!("on purpose") };
        let hangs = async || -> &'static str { pending().await };
        let reads = async |_: Bytes| -> &'static str { pending().await };
        let layer = middleware::from_fn(async |request, next| run(next, request).await);
        Router::new()
            .route("/panics", get(panics).post(panics))
            .route("/hangs", get(hangs).post(hangs))
            .route("/reads", get(hangs).post(reads))
            .route("/", get(async || "well"))
            .layer(layer)
    }

    /// The status, the code, and how long the answer took.
    async fn ask(method: Method, path: &str, arrival: Option<Arrival>) -> (u16, String, u64) {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(arrival) = arrival {
            request = request.extension(arrival);
        }
        let began = Instant::now();
        let answer = router().call(request.body(Body::empty()).unwrap()).await;
        let answer = answer.unwrap();
        let code = answer
            .extensions()
            .get::<ApiError>()
            .map_or("", |error| error.code.as_str());
        (
            answer.status().as_u16(),
            code.to_owned(),
            began.elapsed().as_secs(),
        )
    }

    #[tokio::test(start_paused = true)]
    async fn whether_a_change_was_made_is_never_claimed_to_be_known() {
        for (method, path, status, code, seconds) in [
            (Method::POST, "/panics", 500, "outcome_unknown", 0),
            (Method::GET, "/panics", 500, "internal_error", 0),
            (Method::POST, "/hangs", 504, "outcome_unknown", 30),
            (Method::GET, "/hangs", 503, "database_unavailable", 30),
            (Method::GET, "/", 200, "", 0),
        ] {
            let answer = ask(method, path, None).await;
            assert_eq!(answer, (status, code.to_owned(), seconds), "{path}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_does_not_arrive_has_done_nothing() {
        let awaited = Arrival::default();
        awaited.set_awaited(true);
        let answer = ask(Method::POST, "/reads", Some(awaited)).await;
        assert_eq!(answer, (408, "request_timeout".to_owned(), 30));
    }

    #[tokio::test(start_paused = true)]
    async fn the_time_that_a_body_took_is_not_the_handler_s() {
        let arrival = Arrival::default();
        let late = arrival.clone();
        tokio::spawn(async move {
            time::sleep(Duration::from_secs(20)).await;
            late.complete();
        });
        let answer = ask(Method::POST, "/hangs", Some(arrival)).await;
        assert_eq!(answer, (504, "outcome_unknown".to_owned(), 50));
    }
}

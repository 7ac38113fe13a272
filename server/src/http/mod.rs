//! The public listener (API, pages, widget) and the admin listener (health, readiness, metrics).

mod admin;
mod bearer;
mod client_address;
mod json;
mod openapi;
mod operation;
mod origin;
mod pages;
mod problem;
mod request_context;
mod static_files;
mod support_chat;
mod support_page;
mod throttle;

use std::{net::IpAddr, ops::Deref, sync::Arc, time::Duration};

use app::contract::MAX_REQUEST_BYTES;
use axum::{Router, extract::DefaultBodyLimit, http::StatusCode, middleware};
use tower_http::{catch_panic::CatchPanicLayer, timeout::TimeoutLayer};

pub use admin::router as admin_router;

use crate::{
    config::Config,
    metrics::Metrics,
    support_chat::{PerMinute, SupportChat},
};

/// A request has to be read and answered within this time.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// What handlers share. Every layer of the router has a copy of its own for every request, so a copy must
/// cost nothing.
#[derive(Clone, Debug)]
pub struct AppState(Arc<Shared>);

impl From<Shared> for AppState {
    fn from(shared: Shared) -> Self {
        Self(Arc::new(shared))
    }
}

impl Deref for AppState {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

/// What is in it.
#[derive(Debug)]
pub struct Shared {
    /// The service.
    pub support_chat: SupportChat,
    /// The part of the configuration that requests are judged by.
    pub config: Arc<Config>,
    /// How much each client address has asked lately.
    pub requests: Arc<PerMinute<IpAddr>>,
    /// What is counted.
    pub metrics: Metrics,
}

/// Everything that the public listener answers.
pub fn public_router(state: &AppState) -> Router {
    let api = support_chat::router(state.clone());
    Router::new()
        .nest(app::contract::BASE_PATH, api)
        .merge(openapi::router(state.config.limits.max_message_chars))
        .merge(static_files::router())
        .merge(support_page::router(state.clone()))
        .merge(pages::router(&state.config))
        .layer(DefaultBodyLimit::max(MAX_REQUEST_BYTES))
        .layer(time_limit())
        .layer(CatchPanicLayer::custom(problem::from_panic))
        // Outermost, so that every answer, a refusal of the framework's too, is finished by it.
        .layer(middleware::from_fn_with_state(
            state.clone(),
            request_context::layer,
        ))
}

fn time_limit() -> TimeoutLayer {
    TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, REQUEST_TIMEOUT)
}

//! The public listener (API, pages, widget) and the admin listener (health, readiness, metrics).

mod admin;
mod arrival;
mod bearer;
mod budgeted_body;
mod client_address;
mod host;
mod idle_poll;
mod json;
mod language;
pub mod listener;
mod openapi;
mod operation_name;
mod origin;
mod pages;
#[cfg(debug_assertions)]
mod playground;
mod problem;
mod request_context;
mod static_files;
mod support_chat;
mod support_page;
mod throttle;
mod time_limit;
mod transcript;
mod wire;

use std::{net::IpAddr, ops::Deref, sync::Arc};

use app::contract::MAX_REQUEST_BYTES;
use axum::{Router, extract::DefaultBodyLimit, middleware};

pub use admin::{Admin, router as admin_router};
pub use idle_poll::IdlePolls;

use crate::{
    config::Config,
    metrics::Metrics,
    support_chat::{PerMinute, SupportChat},
};

/// The data that handlers share. Every layer of the router clones it for every request, so a clone must cost nothing.
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

/// The shared data.
#[derive(Debug)]
pub struct Shared {
    /// The service.
    pub support_chat: SupportChat,
    /// The configuration.
    pub config: Arc<Config>,
    /// The number of recent requests from each client address.
    pub requests: Arc<PerMinute<IpAddr>>,
    /// The metrics.
    pub metrics: Metrics,
}

/// The service for all requests to the public listener.
pub fn public_service(state: &AppState) -> IdlePolls {
    let router = Router::new();
    #[cfg(debug_assertions)]
    let router = router.merge(playground::router());
    let (operations, described) = support_chat::router(state.clone());
    let router = router
        .merge(operations)
        .merge(openapi::router(
            &described,
            state.config.limits.max_message_chars,
        ))
        .merge(static_files::router())
        .merge(support_page::router(state.clone()))
        .merge(pages::router(&state.config))
        // All layers are added in one call, the first one outermost: every call of `layer` boxes the service below it,
        // and each request clones all boxes.
        .layer((
            // This completes every answer of the router, including refusals by the framework.
            middleware::from_fn_with_state(state.clone(), request_context::layer),
            DefaultBodyLimit::max(MAX_REQUEST_BYTES),
        ));
    IdlePolls::before(router, state.clone())
}

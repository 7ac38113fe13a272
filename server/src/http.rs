//! The public listener (API, pages, widget) and the admin listener (health, readiness, metrics).

mod admin;
mod arrival;
mod bearer;
mod budgeted_body;
mod client_address;
mod host;
mod idle_poll;
mod json;
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
        // At once, the first outermost: every call of `layer` boxes what it is laid around, and each
        // request copies all boxes.
        .layer((
            // Every answer of the router, a refusal of the framework's too, is finished by it.
            middleware::from_fn_with_state(state.clone(), request_context::layer),
            DefaultBodyLimit::max(MAX_REQUEST_BYTES),
        ));
    IdlePolls::before(router, state.clone())
}

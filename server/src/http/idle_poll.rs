//! The short path for most requests: polls without news, as far as memory can tell (see
//! [`SupportChat::nothing_new`](crate::support_chat::SupportChat::nothing_new)). They are answered before the router,
//! whose layers would be most of the cost of such an answer.
//!
//! There are no rules here: the functions of the long path decide, and make the answer. Whatever memory cannot answer
//! takes the long path.

use std::{
    convert::Infallible,
    future::{Ready, ready},
    task::{Context, Poll},
    time::Instant,
};

use app::contract::BASE_PATH;
use axum::{
    Router,
    extract::Request,
    http::Method,
    response::{IntoResponse, Response},
    routing::future::RouteFuture,
};
use futures_util::future::Either;
use tower_service::Service;
use uuid::Uuid;

use super::{
    AppState, bearer,
    client_address::ClientAddress,
    host,
    operation_name::{OTHER, POLL_MESSAGES},
    origin, problem, request_context,
    support_chat::{finish, may_ask, parse_id, poll_messages},
    throttle,
};
use crate::support_chat::Entries;

/// The public listener's service: the short path, with the long path behind it.
#[derive(Clone, Debug)]
pub struct IdlePolls {
    state: AppState,
    router: Router,
}

impl IdlePolls {
    pub(super) const fn before(router: Router, state: AppState) -> Self {
        Self { state, router }
    }

    /// The answer to a poll that has no news.
    fn answer(&self, request: &Request) -> Option<Response> {
        let started = Instant::now();
        let (session_id, after) = asked(request)?;
        let (state, headers) = (&self.state, request.headers());
        let token = bearer::token(headers)?;
        let signals = state.support_chat.nothing_new(session_id, token, after)?;
        let ClientAddress(address) = ClientAddress::of(request.extensions(), headers, state);
        let mut response = match may_ask(state, address, headers) {
            Ok(()) => poll_messages::answer(Entries::none(signals)).into_response(),
            // This is marked so that the long path does not count it again.
            Err(error) => error.into_response(),
        };
        let origin = origin::allowed(&state.config.http.allowed_origins, headers);
        finish(origin, response.headers_mut());
        let id = request_context::request_id(headers);
        let mut response = problem::render(response, &id, false);
        request_context::finish(&state.metrics, &mut response, &id, POLL_MESSAGES, started);
        Some(response)
    }

    /// The answer to a request that does not say which host it is for.
    fn refuse(&self, request: &Request) -> Option<Response> {
        let started = Instant::now();
        let (state, headers) = (&self.state, request.headers());
        let refusal = host::check(request).err()?;
        let ClientAddress(address) = ClientAddress::of(request.extensions(), headers, state);
        let refusal = throttle::take_request(state, address)
            .err()
            .unwrap_or(refusal);
        let id = request_context::request_id(headers);
        let mut response = problem::render(refusal.into_response(), &id, false);
        request_context::finish(&state.metrics, &mut response, &id, OTHER, started);
        Some(response)
    }
}

/// `GET /sessions/{sessionId}/messages?after={messageId}`, and no more than that.
fn asked(request: &Request) -> Option<(Uuid, Uuid)> {
    let uri = request.uri();
    let after = uri.query()?.strip_prefix("after=")?;
    let path = uri.path().strip_prefix(BASE_PATH)?;
    let session_id = path.strip_prefix("/sessions/")?.strip_suffix("/messages")?;
    (request.method() == Method::GET).then_some(())?;
    Some((parse_id(session_id)?, parse_id(after)?))
}

impl Service<Request> for IdlePolls {
    type Response = Response;
    type Error = Infallible;
    type Future = Either<Ready<Result<Response, Infallible>>, RouteFuture<Infallible>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Service::<Request>::poll_ready(&mut self.router, context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        match self.refuse(&request).or_else(|| self.answer(&request)) {
            Some(response) => Either::Left(ready(Ok(response))),
            None => Either::Right(self.router.call(request)),
        }
    }
}

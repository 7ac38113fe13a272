//! `/playground`, in debug builds only: the widget in every language and state, with an API that the page simulates, or
//! with the real one.

use axum::{
    Router,
    http::{HeaderName, header},
    response::Html,
    routing::get,
};

/// The page has scripts and styles of its own.
const POLICY: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; \
                      style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'";

const SCRIPT: [(HeaderName, &str); 1] = [(header::CONTENT_TYPE, "text/javascript; charset=utf-8")];
const STYLE: [(HeaderName, &str); 1] = [(header::CONTENT_TYPE, "text/css; charset=utf-8")];

pub(super) fn router<S: Clone + Send + Sync + 'static>() -> Router<S> {
    let page = Html(include_str!("playground/index.html"));
    Router::new()
        .route(
            "/playground",
            get(async move || ([(header::CONTENT_SECURITY_POLICY, POLICY)], page)),
        )
        .route(
            "/playground/playground.js",
            get(async || (SCRIPT, include_str!("playground/playground.js"))),
        )
        .route(
            "/playground/playground.css",
            get(async || (STYLE, include_str!("playground/playground.css"))),
        )
        .route(
            "/playground/mock.js",
            get(async || {
                let mock = include_str!("../../../widget-wasm/package/mock.js");
                (SCRIPT, mock)
            }),
        )
}

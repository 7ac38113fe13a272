//! The site's pages. They do not depend on the request, so they are rendered once.

use app::ui::{LandingConfig, Page, render};
use axum::{
    Router,
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{Html, IntoResponse},
    routing::get,
};
use tower_http::set_header::SetResponseHeaderLayer;

use crate::config::Config;

/// Nothing inline, and nothing from other origins. `wasm-unsafe-eval` lets the browser compile the widget's WASM.
macro_rules! content_security_policy {
    ($more_scripts:literal, $more:literal) => {
        concat!(
            "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'",
            $more_scripts,
            "; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; ",
            "form-action 'self'; frame-ancestors 'none'",
            $more,
        )
    };
}

const POLICY: &str = content_security_policy!("", "");

/// If the widget shows a challenge, the challenge and its frame come from Cloudflare.
const POLICY_WITH_CHALLENGE: &str = content_security_policy!(
    " https://challenges.cloudflare.com",
    "; frame-src https://challenges.cloudflare.com"
);

pub(super) fn router<S: Clone + Send + Sync + 'static>(config: &Config) -> Router<S> {
    let site_key = config
        .turnstile
        .as_ref()
        .and_then(|turnstile| turnstile.site_key.as_ref());
    let policy = if site_key.is_some() {
        POLICY_WITH_CHALLENGE
    } else {
        POLICY
    };
    // The page and the API have the same origin.
    let config = LandingConfig {
        chat_enabled: true,
        chat_api_url: "/".to_owned(),
    };
    let mut router = Router::new();
    for page in Page::ROUTED {
        if let Some(path) = page.path() {
            let html = Html(render(page, &config));
            router = router.route(path, get(async move || html));
        }
    }
    let not_found = (StatusCode::NOT_FOUND, Html(render(Page::NotFound, &config)));
    router = router.fallback(async move || not_found.into_response());
    let headers = [
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::REFERRER_POLICY, "strict-origin-when-cross-origin"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    headers
        .into_iter()
        .fold(router, |router, (name, value): (HeaderName, _)| {
            router.layer(SetResponseHeaderLayer::overriding(
                name,
                HeaderValue::from_str(value)
                    .unwrap_or(HeaderValue::from_static("default-src 'none'")),
            ))
        })
}

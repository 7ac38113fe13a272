//! The widget under `/widget/` and `/widget/VERSION/`, and the pages' assets under `/assets/`, embedded
//! in the binary.

use app::ui::{ASSETS, Asset};
use axum::{
    Router,
    body::Body,
    extract::Path,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use rust_embed::{EmbeddedFile, RustEmbed};
use sha2::{Digest, Sha256};

/// The widget's files below this version never change.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The output of `trunk build`: a debug build reads it from disk, a release build embeds it.
#[derive(RustEmbed)]
#[folder = "../dist/widget"]
#[allow_missing = true]
struct Widget;

pub(super) fn router<S: Clone + Send + Sync + 'static>() -> Router<S> {
    let router = Router::new().route("/widget/{*file}", get(widget_file));
    ASSETS.into_iter().fold(router, |router, file| {
        router.route(
            file.path,
            get(async move |headers: HeaderMap| asset(file, &headers)),
        )
    })
}

async fn widget_file(Path(path): Path<String>, headers: HeaderMap) -> Response {
    let versioned = path
        .strip_prefix(VERSION)
        .and_then(|rest| rest.strip_prefix('/'));
    let name = versioned.unwrap_or(&path);
    let brotli = if accepts_brotli(&headers) {
        Widget::get(&format!("{name}.br"))
    } else {
        None
    };
    let encoded = brotli.is_some();
    let Some(file) = brotli.or_else(|| Widget::get(name)) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let mut response = serve(&file, name, &headers);
    let answer = response.headers_mut();
    if versioned.is_some() {
        answer.insert(header::CACHE_CONTROL, HeaderValue::from_static(IMMUTABLE));
    }
    // Any page may load these public files; the API that they use has its own CORS.
    answer.insert(
        header::ACCESS_CONTROL_ALLOW_ORIGIN,
        HeaderValue::from_static("*"),
    );
    answer.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if encoded && response.status() == StatusCode::OK {
        response
            .headers_mut()
            .insert(header::CONTENT_ENCODING, HeaderValue::from_static("br"));
    }
    response
}

/// A page's asset: it is small, and changes only with the binary.
fn asset(asset: Asset, headers: &HeaderMap) -> Response {
    let etag = etag(&Sha256::digest(asset.body));
    respond(asset.body.into(), asset.path, &etag, headers)
}

fn serve(file: &EmbeddedFile, name: &str, headers: &HeaderMap) -> Response {
    let etag = etag(&file.metadata.sha256_hash());
    respond(file.data.clone().into_owned().into(), name, &etag, headers)
}

fn etag(digest: &[u8]) -> String {
    format!("\"{}\"", BASE64_URL_SAFE_NO_PAD.encode(&digest[..12]))
}

fn respond(body: Body, name: &str, etag: &str, headers: &HeaderMap) -> Response {
    let known = headers
        .get(header::IF_NONE_MATCH)
        .is_some_and(|given| given == etag);
    let mut response = if known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        body.into_response()
    };
    let answer = response.headers_mut();
    answer.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static(media_type(name)),
    );
    answer.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static(caching(name)),
    );
    if let Ok(etag) = HeaderValue::from_str(etag) {
        answer.insert(header::ETAG, etag);
    }
    response
}

fn accepts_brotli(headers: &HeaderMap) -> bool {
    let accepted = headers
        .get(header::ACCEPT_ENCODING)
        .and_then(|value| value.to_str().ok());
    accepted.is_some_and(|list| {
        list.split(',').any(|item| {
            let mut parts = item.split(';').map(str::trim);
            parts.next() == Some("br")
                && !parts.any(|q| matches!(q, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"))
        })
    })
}

const IMMUTABLE: &str = "public, max-age=31536000, immutable";

/// The names in `chunks/` contain a hash of the content, so these files never change; others are revalidated.
fn caching(name: &str) -> &'static str {
    if name.starts_with("chunks/") {
        IMMUTABLE
    } else {
        "no-cache"
    }
}

fn media_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_, extension)| extension) {
        Some("js") => "text/javascript; charset=utf-8",
        Some("json") => "application/json",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    }
}

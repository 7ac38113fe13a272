use std::collections::HashMap;

use base64::{Engine, prelude::BASE64_STANDARD};
use reqwest::Method;
use sha2::{Digest, Sha384};
use sqlx::PgPool;

use crate::common::{TestApp, config};

#[sqlx::test(migrations = "../migrations")]
async fn every_page_is_under_a_strict_policy(pool: PgPool) {
    let app = TestApp::spawn(config(&pool, &[])).await;
    for (path, status) in [("/", 200), ("/about", 200), ("/nowhere", 404)] {
        let response = app.request(Method::GET, path).send().await.unwrap();
        assert_eq!(response.status(), status, "{path}");
        let headers = response.headers();
        assert!(
            headers["content-type"]
                .to_str()
                .unwrap()
                .starts_with("text/html")
        );
        let policy = headers["content-security-policy"].to_str().unwrap();
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe-inline"));
        assert!(policy.contains("frame-ancestors 'none'"));
        assert_eq!(headers["x-content-type-options"], "nosniff");
        assert!(headers.contains_key("referrer-policy"));
        let html = response.text().await.unwrap();
        assert_eq!(html.contains("<matrix-support-chat"), path == "/", "{path}");
    }
}

#[sqlx::test(migrations = "../migrations")]
async fn what_a_page_refers_to_is_there_and_revalidates(pool: PgPool) {
    let app = TestApp::spawn(config(&pool, &[])).await;
    let html = app
        .request(Method::GET, "/")
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    let assets: Vec<&str> = html
        .split('"')
        .filter(|text| text.starts_with("/assets/"))
        .collect();
    assert!(assets.len() >= 2, "{assets:?}");
    for asset in assets {
        let response = app.request(Method::GET, asset).send().await.unwrap();
        assert_eq!(response.status(), 200, "{asset}");
        let headers = response.headers();
        assert_eq!(headers["x-content-type-options"], "nosniff", "{asset}");
        assert_eq!(
            headers["content-security-policy"],
            "default-src 'none'; frame-ancestors 'none'"
        );
        assert!(headers.contains_key("referrer-policy"), "{asset}");
        let etag = response.headers()["etag"].clone();
        let again = app
            .request(Method::GET, asset)
            .header("if-none-match", etag);
        assert_eq!(again.send().await.unwrap().status(), 304, "{asset}");
    }
}

#[sqlx::test(migrations = "../migrations")]
async fn the_widget_is_under_its_version_too_and_never_changes_there(pool: PgPool) {
    let app = TestApp::spawn(config(&pool, &[])).await;
    let get = async |path: &str| app.request(Method::GET, path).send().await.unwrap();
    let version = env!("CARGO_PKG_VERSION");
    let integrity: HashMap<String, String> =
        get("/widget/integrity.json").await.json().await.unwrap();
    assert!(integrity.len() > 2, "{integrity:?}");
    for (name, hash) in integrity {
        let newest = get(&format!("/widget/{name}")).await;
        let pinned = get(&format!("/widget/{version}/{name}")).await;
        assert_eq!(pinned.status(), 200, "{name}");
        assert_eq!(newest.headers()["etag"], pinned.headers()["etag"], "{name}");
        let caching = pinned.headers()["cache-control"].to_str().unwrap();
        assert_eq!(caching, "public, max-age=31536000, immutable", "{name}");
        assert_eq!(pinned.headers()["access-control-allow-origin"], "*");
        let script = pinned.bytes().await.unwrap();
        let digest = BASE64_STANDARD.encode(Sha384::digest(script));
        assert_eq!(hash, format!("sha384-{digest}"), "{name}");
    }
    let loader = get("/widget/matrix-support-chat.js").await;
    assert_eq!(loader.headers()["cache-control"], "no-cache");
    for path in [
        "0.0.0/matrix-support-chat.js",
        version,
        "0.0.0/integrity.json",
    ] {
        let response = get(&format!("/widget/{path}")).await;
        assert_eq!(response.status(), 404, "{path}");
    }
}

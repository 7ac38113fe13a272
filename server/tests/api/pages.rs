use reqwest::Method;
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

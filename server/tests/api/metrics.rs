//! `GET /metrics`: the counts are right, and they reveal nothing about a person.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use regex::Regex;
use reqwest::Method;
use serde_json::json;
use server::canary;
use sqlx::PgPool;

use crate::{
    common::{TestApp, Visitor, config, expect},
    operations::{Outage, admin},
};

/// How often an operation was answered in this way.
async fn answered(app: &TestApp, operation: &str, status: u16, code: &str) -> f64 {
    let series = format!(
        "support_chat_http_requests_total\
         {{code=\"{code}\",operation=\"{operation}\",status=\"{status}\"}}"
    );
    app.metrics().await.remove(&series).unwrap_or_default()
}

async fn value(app: &TestApp, name: &str) -> Option<f64> {
    app.metrics().await.remove(&format!("support_chat_{name}"))
}

#[sqlx::test(migrations = "../migrations")]
async fn every_answer_is_counted_by_operation_status_and_code(pool: PgPool) {
    let app = TestApp::spawn(config(&pool, &[])).await;
    assert_eq!(value(&app, "sessions_started_total").await, Some(0.0));
    let visitor = app.visitor("Hello").await;
    for text in ["one", "two"] {
        expect(visitor.send(text).await, 201).await;
    }
    visitor.messages(None).await;
    let waiting = visitor.request(Method::GET, "/messages?wait=1");
    expect(waiting.send().await.unwrap(), 200).await;
    assert_eq!(visitor.send("").await.status(), 422);
    assert_eq!(visitor.close().await.status(), 204);
    assert_eq!(visitor.poll(None).await.status(), 410);
    let other_answers = [
        (Method::GET, "/", 200),
        (Method::HEAD, "/about", 200),
        (Method::GET, "/support", 200),
        (Method::GET, "/openapi.json", 200),
        (Method::GET, "/assets/landing.css", 200),
        (Method::GET, "/widget/none.js", 404),
        (Method::GET, "/nowhere", 404),
        (Method::DELETE, "/v1/support-chat/sessions", 405),
        (Method::POST, "/support/api/send", 404),
    ];
    for (method, path, status) in other_answers {
        let answer = app.request(method, path).send().await.unwrap();
        assert_eq!(answer.status(), status, "{path}");
    }

    for (operation, status, code, times) in [
        ("create_session", 201, "", 1.0),
        ("send_message", 201, "", 2.0),
        ("send_message", 422, "message_empty", 1.0),
        ("poll_messages", 200, "", 1.0),
        ("wait_for_messages", 200, "", 1.0),
        ("poll_messages", 410, "session_closed", 1.0),
        ("close_session", 204, "", 1.0),
        ("landing_page", 200, "", 1.0),
        ("about_page", 200, "", 1.0),
        ("support_page", 200, "", 1.0),
        ("support_page_send", 404, "", 1.0),
        ("openapi", 200, "", 1.0),
        ("asset", 200, "", 1.0),
        ("widget_file", 404, "not_found", 1.0),
        ("other", 404, "", 1.0),
        ("other", 405, "method_not_allowed", 1.0),
    ] {
        let counted = answered(&app, operation, status, code).await;
        assert_eq!(
            counted.to_bits(),
            f64::to_bits(times),
            "{operation} {status} {code}"
        );
    }
    let timed = "http_request_duration_seconds_count{operation=\"send_message\"}";
    assert_eq!(value(&app, timed).await, Some(3.0));
    assert_eq!(value(&app, "sessions_started_total").await, Some(1.0));
    assert_eq!(value(&app, "messages_accepted_total").await, Some(3.0));
}

#[sqlx::test(migrations = "../migrations")]
async fn what_is_said_twice_under_one_key_is_accepted_once(pool: PgPool) {
    let app = TestApp::spawn(config(&pool, &[])).await;
    let create = async || {
        let request = app
            .api(Method::POST, "/sessions")
            .header("idempotency-key", "k");
        let body = json!({ "initialMessage": "Hello" });
        expect(request.json(&body).send().await.unwrap(), 201).await
    };
    create().await;
    let visitor = Visitor::from_creation(&app, create().await);
    for _ in 0..2 {
        let request = visitor.request(Method::POST, "/messages");
        let request = request.header("idempotency-key", "k");
        let body = json!({ "body": "again" });
        expect(request.json(&body).send().await.unwrap(), 201).await;
    }
    assert_eq!(value(&app, "sessions_started_total").await, Some(1.0));
    assert_eq!(value(&app, "messages_accepted_total").await, Some(2.0));
    assert_eq!(
        answered(&app, "send_message", 201, "").await.to_bits(),
        2_f64.to_bits()
    );
}

#[sqlx::test(migrations = "../migrations")]
async fn throttles_are_counted_by_the_limit_that_was_reached(pool: PgPool) {
    for (limit, variable, times) in [
        (
            "requests_per_ip",
            "SUPPORT_CHAT_REQUESTS_PER_IP_PER_MINUTE",
            2.0,
        ),
        (
            "messages_per_session",
            "SUPPORT_CHAT_MESSAGES_PER_SESSION_PER_MINUTE",
            1.0,
        ),
        (
            "sessions_per_ip",
            "SUPPORT_CHAT_SESSIONS_PER_IP_PER_HOUR",
            1.0,
        ),
        ("sessions", "SUPPORT_CHAT_SESSIONS_PER_HOUR", 1.0),
    ] {
        sqlx::query("DELETE FROM session_starts")
            .execute(&pool)
            .await
            .unwrap();
        let refuse = ("SUPPORT_CHAT_PROOF_OF_WORK", "off");
        let app = TestApp::spawn(config(&pool, &[(variable, "1"), refuse])).await;
        let visitor = app.visitor("Hello").await;
        visitor
            .send("the first of its minute, which the limit may allow")
            .await;
        let twice = if limit.starts_with("sessions") {
            app.create(json!({ "initialMessage": "Hello" })).await
        } else {
            visitor.send("too much").await
        };
        assert_eq!(twice.status(), 429, "{limit}");
        for other in [
            "requests_per_ip",
            "messages_per_session",
            "sessions_per_ip",
            "sessions_per_network",
            "sessions",
        ] {
            let expected = if other == limit { times } else { 0.0 };
            let counted = value(&app, &format!("throttled_total{{limit=\"{other}\"}}")).await;
            assert_eq!(counted, Some(expected), "{limit}: {other}");
        }
    }
}

#[sqlx::test(migrations = "../migrations")]
async fn nobody_is_named_and_nobody_can_make_series(pool: PgPool) {
    let app = TestApp::spawn(config(
        &pool,
        &[("SUPPORT_CHAT_TRUSTED_PROXIES", "127.0.0.0/8")],
    ))
    .await;
    let odd_requests = async |round: u32| {
        for (method, path) in [
            ("GET", format!("/nowhere-{round}")),
            ("GET", format!("/widget/nothing-{round}.js")),
            (
                "GET",
                format!("/v1/support-chat/sessions/nobody-{round}/messages?after=x{round}"),
            ),
            (
                "POST",
                format!("/v1/support-chat/sessions/nobody-{round}/close"),
            ),
            (
                "PATCH",
                format!("/v1/support-chat/sessions/nobody-{round}/close"),
            ),
        ] {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            let request = app
                .request(method, &path)
                .header("x-forwarded-for", format!("192.0.2.{round}"))
                .header("x-request-id", format!("request-{round}"))
                .bearer_auth(format!("token-{round}"));
            request.send().await.unwrap();
        }
        let method = Method::from_bytes(format!("METHOD{round}").as_bytes()).unwrap();
        app.request(method, "/").send().await.unwrap();
    };
    let visitor = app.visitor("what Ada said").await;
    visitor.messages(None).await;
    odd_requests(1).await;
    let series: BTreeSet<_> = app.metrics().await.into_keys().collect();
    odd_requests(2).await;
    let later: BTreeSet<_> = app.metrics().await.into_keys().collect();
    assert_eq!(series, later);
    let text = admin(&app, "/metrics").await.text().await.unwrap();
    for said in [
        &*visitor.session_id,
        &visitor.token,
        &visitor.first_message_id,
        "Ada",
        "nobody",
        "nothing",
        "nowhere",
        "192.0.2",
        "127.0.0",
        "request-1",
        "token-1",
        "METHOD1",
        "localhost",
        "no-token",
        "no_token_",
    ] {
        assert!(!text.contains(said), "{said}: {text}");
    }
}

#[sqlx::test(migrations = "../migrations")]
async fn what_waits_is_told_and_since_when(pool: PgPool) {
    let app = TestApp::spawn(config(&pool, &[])).await;
    assert_eq!(value(&app, "outbox_tasks").await, Some(0.0));
    assert_eq!(
        value(&app, "outbox_oldest_message_seconds").await,
        Some(0.0)
    );
    assert_eq!(value(&app, "sync_age_seconds").await, None, "never yet");
    app.visitor("Hello").await;
    for statement in [
        "UPDATE messages SET created_at = now() - interval '90 seconds'",
        "UPDATE sync_position SET synced_at = now() - interval '10 seconds'",
    ] {
        sqlx::query(statement).execute(&pool).await.unwrap();
    }
    assert_eq!(value(&app, "outbox_tasks").await, Some(2.0));
    let oldest = value(&app, "outbox_oldest_message_seconds").await.unwrap();
    assert!((90.0..150.0).contains(&oldest), "{oldest}");
    let age = value(&app, "sync_age_seconds").await.unwrap();
    assert!((10.0..70.0).contains(&age), "{age}");
    assert_eq!(value(&app, "database_up").await, Some(1.0));
    let most = value(&app, "database_connections_max").await.unwrap();
    let mut connections = 0.0;
    for state in ["idle", "used"] {
        let series = format!("database_connections{{state=\"{state}\"}}");
        connections += value(&app, &series).await.unwrap();
    }
    assert!(
        (1.0..=most).contains(&connections),
        "{connections} of {most}"
    );
}

#[sqlx::test(migrations = "../migrations")]
async fn without_postgres_only_what_this_server_knows_is_told(pool: PgPool) {
    let app = TestApp::spawn(config(&pool, &[])).await;
    app.visitor("Hello").await;
    let outage = Outage::begin(&pool).await;
    let response = admin(&app, "/metrics").await;
    assert_eq!(response.status(), 200);
    assert_eq!(
        response.headers()["content-type"],
        "text/plain; version=0.0.4; charset=utf-8"
    );
    let text = response.text().await.unwrap();
    assert!(text.contains("\nsupport_chat_database_up 0\n"), "{text}");
    assert!(
        text.contains("# TYPE support_chat_sessions_started_total counter\n"),
        "{text}"
    );
    assert!(
        text.contains("\nsupport_chat_sessions_started_total 1\n"),
        "{text}"
    );
    assert!(!text.contains("outbox"), "{text}");
    outage.end().await;
}

/// The names of all metrics, one per line, after everything that is counted has happened.
async fn families(app: &TestApp, pool: &PgPool) -> BTreeSet<String> {
    app.visitor("Hello").await;
    sqlx::query("UPDATE sessions SET first_answered_at = now()")
        .execute(pool)
        .await
        .unwrap();
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        sqlx::query("UPDATE sync_position SET synced_at = now()")
            .execute(pool)
            .await
            .unwrap();
        let text = admin(app, "/metrics").await.text().await.unwrap();
        // This appears with the first request to the homeserver.
        if text.contains("support_chat_homeserver_errors_total{") {
            let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
            let names = types.filter_map(|family| family.split(' ').next());
            return names.map(str::to_owned).collect();
        }
        assert!(Instant::now() < deadline, "{text}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[sqlx::test(migrations = "../migrations")]
async fn alerts_dashboard_and_documentation_speak_of_what_there_is(pool: PgPool) {
    let app = TestApp::spawn(config(&pool, &[])).await;
    let families = families(&app, &pool).await;
    let rules = include_str!("../../../ansible/files/prometheus/matrix-support-chat.rules.yml");
    let dashboard = include_str!("../../../ansible/files/grafana/matrix-support-chat.json");
    let name = Regex::new("support_chat_[a-z_]+").unwrap();
    for (file, text) in [("rules", rules), ("dashboard", dashboard)] {
        let mut names = 0;
        for name in name.find_iter(text).map(|found| found.as_str()) {
            let family = ["_bucket", "_count", "_sum"]
                .iter()
                .find_map(|suffix| name.strip_suffix(suffix))
                .unwrap_or(name);
            let of_canary = family.strip_prefix("support_chat_");
            let known = families.contains(family)
                || of_canary.is_some_and(|name| canary::METRICS.contains(&name));
            assert!(known, "{file}: there is no {name}");
            names += 1;
        }
        assert!(names > 10, "{file} names few metrics");
    }
    let documentation = include_str!("../../../docs/reference/metrics.md");
    let families = families
        .iter()
        .map(|name| name.strip_prefix("support_chat_").unwrap());
    for name in families.chain(canary::METRICS) {
        let documented = documentation.contains(&format!("`{name}`"));
        assert!(documented, "{name} is not documented");
    }
}

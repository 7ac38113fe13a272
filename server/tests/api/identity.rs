//! Visitors for whom their website vouches.

use std::{fs, process::Command};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use reqwest::{Method, Response};
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::{
    common::{TestApp, Visitor, config, expect},
    problem::expect_problem,
    website::{in_seconds, keys, secret, signed, token},
};

async fn serve(pool: &PgPool, extra: &[(&str, &str)]) -> TestApp {
    let keys = keys();
    let vars = [&[("SUPPORT_CHAT_IDENTITY_KEYS", keys.as_str())], extra].concat();
    TestApp::spawn(config(pool, &vars)).await
}

async fn create(app: &TestApp, text: &str, identity: &str) -> Response {
    app.create(json!({ "initialMessage": text, "identity": identity }))
        .await
}

async fn begun<'a>(app: &'a TestApp, text: &str, identity: &str) -> Visitor<'a> {
    let created = create(app, text, identity).await;
    Visitor::from_creation(app, expect(created, 201).await)
}

async fn count(pool: &PgPool, table: &str) -> i64 {
    let count = sqlx::AssertSqlSafe(format!("SELECT count(*) FROM {table}"));
    sqlx::query_scalar(count).fetch_one(pool).await.unwrap()
}

async fn bodies(visitor: &Visitor<'_>) -> Vec<String> {
    let messages = visitor.messages(None).await.into_iter();
    messages
        .map(|message| message["body"].as_str().unwrap().to_owned())
        .collect()
}

#[sqlx::test(migrations = "../migrations")]
async fn nobody_s_message_is_lost_for_an_identity_that_is_none(pool: PgPool) {
    let app = serve(&pool, &[]).await;
    let claims = json!({ "sub": "42", "exp": in_seconds(60) });
    let expired = json!({ "sub": "42", "exp": in_seconds(-60) });
    let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let unsigned = format!("{}.{}.", part(&json!({ "alg": "none" })), part(&claims));
    let rejected = [
        "no token".to_owned(),
        unsigned,
        signed(json!({ "alg": "HS256" }), expired),
        signed(json!({ "alg": "HS256", "kid": "another" }), claims.clone()),
        token("42").trim_end_matches(|c: char| c != '.').to_owned(),
    ];
    for (n, identity) in rejected.iter().enumerate() {
        begun(&app, &format!("Hello {n}"), identity).await;
    }
    for missing in [json!(""), json!(" "), Value::Null] {
        let body = json!({ "initialMessage": "Hello", "identity": missing });
        expect(app.create(body).await, 201).await;
    }
    assert_eq!(count(&pool, "sessions").await, 8);
    assert_eq!(count(&pool, "session_identities").await, 0);
    let metrics = app.metrics().await;
    let rejections = metrics["support_chat_identities_total{outcome=\"rejected\"}"];
    assert!((rejections - 5.0).abs() < f64::EPSILON, "{rejections}");
    let wrong = json!({ "initialMessage": "Hello", "identity": 5 });
    expect_problem(app.create(wrong).await, 400, "malformed_request").await;
}

#[sqlx::test(migrations = "../migrations")]
async fn where_no_key_is_configured_nobody_is_verified(pool: PgPool) {
    let app = TestApp::spawn(config(&pool, &[])).await;
    begun(&app, "Hello", &token("42")).await;
    assert_eq!(count(&pool, "session_identities").await, 0);
}

#[sqlx::test(migrations = "../migrations")]
async fn the_website_s_name_for_its_visitor_is_not_kept(pool: PgPool) {
    let app = serve(&pool, &[]).await;
    begun(&app, "Hello", &token("customer-4711")).await;
    let stored: (Vec<u8>, String, String) =
        sqlx::query_as("SELECT digest, name, email FROM session_identities")
            .fetch_one(&pool)
            .await
            .unwrap();
    assert_eq!(stored.0.len(), 32);
    assert_eq!(
        (&*stored.1, &*stored.2),
        ("Ada Lovelace", "ada@example.com")
    );
    let details = "SELECT count(*) FROM outbox WHERE kind = 'details'";
    let details: i64 = sqlx::query_scalar(details).fetch_one(&pool).await.unwrap();
    assert_eq!(details, 1, "staff are told");
}

#[sqlx::test(migrations = "../migrations")]
async fn a_verified_visitor_goes_on_on_another_device(pool: PgPool) {
    let vars = [("SUPPORT_CHAT_SESSIONS_PER_IP_PER_HOUR", "3")];
    let app = serve(&pool, &vars).await;
    let desktop = begun(&app, "From my desktop", &token("42")).await;
    let created = app.create(json!({
        "initialMessage": "From my phone", "identity": token("42"), "visitorName": "Somebody",
        "sourceUrl": "https://a.example/help?secret=1",
    }));
    let created = expect(created.await, 201).await;
    assert_eq!(created["messages"], json!([]));
    let phone = Visitor::from_creation(&app, created);
    assert_eq!(phone.session_id, desktop.session_id);
    assert_ne!(phone.token, desktop.token);
    for device in [&desktop, &phone] {
        assert_eq!(bodies(device).await, ["From my desktop", "From my phone"]);
    }
    let after_first = desktop.messages(Some(&desktop.first_message_id)).await;
    assert_eq!(after_first[0]["id"], *phone.first_message_id);
    let rooms = "SELECT count(*) FROM outbox WHERE kind = 'create_room'";
    let rooms: i64 = sqlx::query_scalar(rooms).fetch_one(&pool).await.unwrap();
    assert_eq!(rooms, 1);
    let page: (String, Option<String>) =
        sqlx::query_as("SELECT source_url, visitor_name FROM sessions")
            .fetch_one(&pool)
            .await
            .unwrap();
    assert_eq!(page, ("https://a.example/help".to_owned(), None));

    // Another customer begins a new conversation, and so does the same one after the end. An
    // unverified visitor always does.
    let other = begun(&app, "Hello", &token("43")).await;
    assert_ne!(other.session_id, desktop.session_id);
    assert_eq!(phone.close().await.status(), 204);
    let fresh = begun(&app, "Once more", &token("42")).await;
    assert_ne!(fresh.session_id, desktop.session_id);
    // The limit on new conversations is reached, but continuing one makes none.
    let again = begun(&app, "And again", &token("42")).await;
    assert_eq!(again.session_id, fresh.session_id);
    let one_more = create(&app, "Hello", &token("44")).await;
    expect_problem(one_more, 429, "rate_limited").await;
}

#[sqlx::test(migrations = "../migrations")]
async fn two_devices_at_once_begin_one_conversation(pool: PgPool) {
    let app = serve(&pool, &[]).await;
    let identity = token("42");
    let texts: Vec<_> = (0..8).map(|n| format!("Message {n}")).collect();
    let created = texts.iter().map(|text| begun(&app, text, &identity));
    let visitors = futures_util::future::join_all(created).await;
    assert!(
        visitors
            .iter()
            .all(|it| it.session_id == visitors[0].session_id)
    );
    assert_eq!(count(&pool, "sessions").await, 1);
    let mut said = bodies(&visitors[0]).await;
    said.sort();
    assert_eq!(said, texts);
}

#[sqlx::test(migrations = "../migrations")]
async fn a_key_makes_one_message_whichever_conversation_it_went_into(pool: PgPool) {
    let app = serve(&pool, &[]).await;
    let first = begun(&app, "Hello", &token("42")).await;
    let with_key = async |text: &str, identity: &str| {
        let body = json!({ "initialMessage": text, "identity": identity });
        let request = app.api(Method::POST, "/sessions").json(&body);
        request
            .header("idempotency-key", "a-key")
            .send()
            .await
            .unwrap()
    };
    let joined = expect(with_key("Me again", &token("42")).await, 201).await;
    // The token may have been renewed meanwhile, or have expired.
    for identity in [&*token("42"), "expired"] {
        let replayed = expect(with_key("Me again", identity).await, 201).await;
        for field in ["sessionId", "messageId", "createdAt"] {
            assert_eq!(replayed[field], joined[field]);
        }
        let replayed = Visitor::from_creation(&app, replayed);
        assert_eq!(bodies(&replayed).await, ["Hello", "Me again"]);
    }
    let reused = with_key("Something else", &token("42")).await;
    expect_problem(reused, 422, "idempotency_key_reused").await;
    assert_eq!(bodies(&first).await.len(), 2);
}

#[sqlx::test(migrations = "../migrations")]
async fn going_on_counts_as_a_message(pool: PgPool) {
    let vars = [("SUPPORT_CHAT_MESSAGES_PER_SESSION_PER_MINUTE", "2")];
    let app = serve(&pool, &vars).await;
    for n in 0..3 {
        begun(&app, &format!("Hello {n}"), &token("42")).await;
    }
    let fourth = create(&app, "Hello 3", &token("42")).await;
    expect_problem(fourth, 429, "rate_limited").await;
}

/// Runs the documentation's programs as they are printed there.
#[sqlx::test(migrations = "../migrations")]
async fn what_the_guide_shows_signs_as_the_server_reads(pool: PgPool) {
    let guide = include_str!("../../../docs/guide/identity.md");
    let app = serve(&pool, &[]).await;
    let folder = std::env::temp_dir().join(format!("identity-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    for (language, program, file, call) in [
        (
            "js",
            "node",
            "identity.mjs",
            "console.log(identity({ id: 42, name: 'Ada Lovelace', email: 'ada@example.com' }));",
        ),
        (
            "python",
            "python3",
            "identity.py",
            "print(identity(42, 'Ada Lovelace', 'ada@example.com'))",
        ),
    ] {
        let (_, code) = guide.split_once(&format!("\n```{language}\n")).unwrap();
        let (code, _) = code.split_once("\n```").unwrap();
        let path = folder.join(file);
        fs::write(&path, format!("{code}\n{call}\n")).unwrap();
        let run = Command::new(program)
            .arg(&path)
            .env("SUPPORT_CHAT_IDENTITY_SECRET", secret())
            .output()
            .expect(program);
        assert!(
            run.status.success(),
            "{}",
            String::from_utf8_lossy(&run.stderr)
        );
        let identity = String::from_utf8(run.stdout).unwrap();
        begun(&app, language, identity.trim()).await;
    }
    fs::remove_dir_all(&folder).unwrap();
    let names: Vec<String> = sqlx::query_scalar("SELECT name FROM session_identities")
        .fetch_all(&pool)
        .await
        .unwrap();
    assert_eq!(names, ["Ada Lovelace"], "both are the same customer");
}

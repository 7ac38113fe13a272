//! The doctor finds each fault. The homeserver, the mail server and the verifier are the test's own; Postgres is real.

mod fake_homeserver;

use std::collections::BTreeMap;

use axum::{Json, Router, routing::post};
use clap::Parser;
use serde_json::{Value, json};
use server::{
    config::Config,
    doctor::{self, Doctor, Finding, Level},
};
use sqlx::{ConnectOptions, PgPool};
use tokio::net::TcpListener;

use crate::common::{self, TestApp};
use fake_homeserver::{Fault, serve};

/// A configuration whose website is on this machine, and out of reach.
fn config(pool: &PgPool, extra: &[(&str, &str)]) -> Config {
    let website = ("SUPPORT_CHAT_ALLOWED_ORIGINS", "http://127.0.0.1:1");
    common::config(pool, &[&[website][..], extra].concat())
}

#[derive(Parser)]
struct CommandLine {
    #[command(flatten)]
    asked: Doctor,
}

fn asked(words: &[&str]) -> Doctor {
    let words = ["doctor"].iter().chain(words);
    CommandLine::try_parse_from(words).unwrap().asked
}

async fn examine(config: &Config, words: &[&str]) -> Vec<Finding> {
    doctor::examine(config, &asked(words)).await
}

/// The level and the advice of the only finding of this check.
fn found<'a>(findings: &'a [Finding], check: &str) -> &'a Finding {
    let mut all = findings.iter().filter(|it| it.check == check);
    let first = all
        .next()
        .unwrap_or_else(|| panic!("{check}: {findings:#?}"));
    assert!(all.next().is_none(), "{check}: {findings:#?}");
    first
}

fn expect_found(findings: &[Finding], check: &str, level: Level, says: &str) {
    let found = found(findings, check);
    assert_eq!(found.level, level, "{found}");
    assert!(found.to_string().contains(says), "{found}");
    let needs_advice = matches!(level, Level::Warning | Level::Problem);
    assert_eq!(found.advice.is_some(), needs_advice, "{found}");
}

#[sqlx::test(migrations = "../migrations")]
async fn a_whole_installation_has_no_problem(pool: PgPool) {
    let homeserver = serve(Fault::None).await;
    let vars = [
        ("MATRIX_HOMESERVER_URL", homeserver.as_str()),
        ("SUPPORT_CHAT_ALLOWED_ORIGINS", homeserver.as_str()),
    ];
    let app = TestApp::spawn(config(&pool, &vars)).await;
    let url = format!("http://{}", app.address);
    let findings = examine(&config(&pool, &vars), &["--url", &url, "--invite"]).await;
    let not_well: Vec<_> = findings
        .iter()
        // Tests share their Postgres, which need not outlive a crash.
        .filter(|it| it.check != "postgres.durability" && it.check != "postgres.connections")
        .filter(|it| !matches!(it.level, Level::Ok | Level::Skipped))
        .collect();
    assert!(not_well.is_empty(), "{not_well:#?}");
    for check in [
        "postgres.version",
        "postgres.notify",
        "homeserver.rateLimits",
        "publicUrl",
    ] {
        expect_found(&findings, check, Level::Ok, "");
    }
    expect_found(&findings, "origins.cors", Level::Ok, &homeserver);
    expect_found(&findings, "origins.website", Level::Ok, &homeserver);
    expect_found(
        &findings,
        "mail.server",
        Level::Skipped,
        "SUPPORT_CHAT_SMTP_URL",
    );
}

#[sqlx::test(migrations = "../migrations")]
async fn each_fault_of_the_homeserver_is_found(pool: PgPool) {
    for (fault, check, level, says) in [
        (
            Fault::NoHomeserver,
            "homeserver.reach",
            Level::Problem,
            "not as a homeserver does",
        ),
        (Fault::Old, "homeserver.version", Level::Problem, "upgrade"),
        (
            Fault::TokenRevoked,
            "homeserver.login",
            Level::Problem,
            "M_UNKNOWN_TOKEN",
        ),
        (
            Fault::TokenOfAnother,
            "homeserver.login",
            Level::Problem,
            "@other:localhost's",
        ),
        (
            Fault::TokenWithoutDevice,
            "homeserver.login",
            Level::Warning,
            "no device",
        ),
        (
            Fault::NoRooms,
            "homeserver.roomCreation",
            Level::Problem,
            "M_FORBIDDEN",
        ),
        (
            Fault::Encrypts,
            "homeserver.encryption",
            Level::Warning,
            "encryption_enabled_by_default_for_room_type",
        ),
        (
            Fault::SmallEvents,
            "homeserver.eventSize",
            Level::Problem,
            "M_TOO_LARGE",
        ),
        (
            Fault::Limits,
            "homeserver.rateLimits",
            Level::Warning,
            "override_ratelimit",
        ),
    ] {
        let homeserver = serve(fault).await;
        let config = config(&pool, &[("MATRIX_HOMESERVER_URL", &homeserver)]);
        expect_found(&examine(&config, &[]).await, check, level, says);
    }
    let nowhere = config(&pool, &[]);
    expect_found(
        &examine(&nowhere, &[]).await,
        "homeserver.reach",
        Level::Problem,
        "MATRIX_HOMESERVER_URL",
    );
}

#[sqlx::test(migrations = "../migrations")]
async fn each_fault_of_the_staff_is_found(pool: PgPool) {
    for (fault, check, level, says) in [
        (
            Fault::BobIsGone,
            "staff.account",
            Level::Problem,
            "@bob:localhost does not exist",
        ),
        (
            Fault::BobBlocksInvitations,
            "staff.invitation",
            Level::Problem,
            "@bob:localhost cannot be invited",
        ),
    ] {
        let homeserver = serve(fault).await;
        let config = config(&pool, &[("MATRIX_HOMESERVER_URL", &homeserver)]);
        let findings = examine(&config, &["--invite"]).await;
        let is_it =
            |it: &&Finding| it.check == check && it.level == level && it.says.contains(says);
        assert!(findings.iter().any(|it| is_it(&it)), "{findings:#?}");
    }
    // What a server has met is said without another invitation.
    sqlx::query(
        "WITH session AS (INSERT INTO sessions (id) VALUES (gen_random_uuid()) RETURNING id)
         INSERT INTO staff_members (session_id, user_id, membership, last_error)
         SELECT id, '@bob:localhost', 'wanted', 'M_INVITE_BLOCKED' FROM session",
    )
    .execute(&pool)
    .await
    .unwrap();
    sqlx::query("INSERT INTO desk_rooms (room_id) VALUES ('!desk:localhost')")
        .execute(&pool)
        .await
        .unwrap();
    let homeserver = serve(Fault::None).await;
    let vars = [
        ("MATRIX_HOMESERVER_URL", homeserver.as_str()),
        ("MATRIX_SUPPORT_DESK", "on"),
    ];
    let findings = examine(&config(&pool, &vars), &[]).await;
    expect_found(
        &findings,
        "staff.invitation",
        Level::Warning,
        "M_INVITE_BLOCKED",
    );
    expect_found(&findings, "desk", Level::Ok, "without @bob:localhost");
    let homeserver = serve(Fault::NobodyAtTheDesk).await;
    let vars = [
        ("MATRIX_HOMESERVER_URL", homeserver.as_str()),
        ("MATRIX_SUPPORT_DESK", "on"),
    ];
    expect_found(
        &examine(&config(&pool, &vars), &[]).await,
        "desk",
        Level::Warning,
        "nobody of the staff",
    );
    let homeserver = serve(Fault::NotInTheDesk).await;
    let vars = [
        ("MATRIX_HOMESERVER_URL", homeserver.as_str()),
        ("MATRIX_SUPPORT_DESK", "on"),
    ];
    expect_found(
        &examine(&config(&pool, &vars), &[]).await,
        "desk",
        Level::Warning,
        "not in the desk",
    );
}

#[sqlx::test(migrations = false)]
async fn the_database_s_faults_are_found(pool: PgPool) {
    let findings = examine(&config(&pool, &[]), &[]).await;
    expect_found(
        &findings,
        "postgres.schema",
        Level::Warning,
        "migrations have not run yet",
    );
    // An account that owns nothing. Accounts are of the whole cluster, so the name is the test's own.
    let name = format!("doctor_{}", uuid::Uuid::new_v4().simple());
    let role = |statement: &str| sqlx::AssertSqlSafe(statement.replace("{}", &name));
    sqlx::raw_sql(role(
        "CREATE ROLE {} LOGIN PASSWORD 'password'; REVOKE CREATE ON SCHEMA public FROM PUBLIC",
    ))
    .execute(&pool)
    .await
    .unwrap();
    let url = (*pool.connect_options())
        .clone()
        .username(&name)
        .password("password");
    let url = url.to_url_lossy().to_string();
    let findings = examine(&config(&pool, &[("DATABASE_URL", &url)]), &[]).await;
    expect_found(
        &findings,
        "postgres.rights",
        Level::Problem,
        "may not make tables",
    );
    sqlx::raw_sql("CREATE TABLE sessions (id uuid)")
        .execute(&pool)
        .await
        .unwrap();
    let findings = examine(&config(&pool, &[("DATABASE_URL", &url)]), &[]).await;
    expect_found(
        &findings,
        "postgres.rights",
        Level::Problem,
        "may not read and write",
    );
    sqlx::raw_sql(role("DROP ROLE {}"))
        .execute(&pool)
        .await
        .unwrap();
    let nowhere = [(
        "DATABASE_URL",
        "postgres://chat:secret-password@127.0.0.1:1/chat",
    )];
    let findings = examine(&config(&pool, &nowhere), &[]).await;
    expect_found(&findings, "postgres.connection", Level::Problem, "refused");
    assert!(!format!("{findings:?}").contains("secret-password"));
}

/// A verifier that answers this.
async fn verifier(answer: Value) -> String {
    let router = Router::new().route("/", post(async move || Json(answer)));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

#[sqlx::test(migrations = "../migrations")]
async fn the_faults_of_the_other_parts_are_found(pool: PgPool) {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let web = format!("http://{}", silent.local_addr().unwrap());
    drop(silent);
    let vars = [
        ("SUPPORT_CHAT_SMTP_URL", "smtp://127.0.0.1:1"),
        ("SUPPORT_CHAT_MAIL_FROM", "support@example.com"),
        ("SUPPORT_CHAT_PUBLIC_URL", web.as_str()),
        ("SUPPORT_CHAT_HOURS", "Mo-Fr 09:00-18:00; PH off"),
        ("SUPPORT_CHAT_ALLOWED_ORIGINS", web.as_str()),
        ("TURNSTILE_SECRET_KEY", "secret-key"),
        ("TURNSTILE_VERIFY_URL", web.as_str()),
    ];
    let findings = examine(&config(&pool, &vars), &[]).await;
    for (check, level, says) in [
        ("mail.server", Level::Problem, "127.0.0.1:1"),
        ("publicUrl", Level::Problem, "SUPPORT_CHAT_LISTEN"),
        ("origins.cors", Level::Problem, "OPTIONS"),
        (
            "origins.website",
            Level::Warning,
            "SUPPORT_CHAT_ALLOWED_ORIGINS",
        ),
        ("hours.timeZone", Level::Warning, "SUPPORT_CHAT_TIME_ZONE"),
        ("hours.holidays", Level::Warning, "SUPPORT_CHAT_HOLIDAYS"),
        ("turnstile", Level::Problem, "TURNSTILE_VERIFY_URL"),
    ] {
        expect_found(&findings, check, level, says);
    }
    let unknown = json!({ "success": false, "error-codes": ["invalid-input-secret"] });
    let known = json!({ "success": false, "error-codes": ["invalid-input-response"] });
    for (answer, site_key, level, says) in [
        (unknown, "site", Level::Problem, "TURNSTILE_SECRET_KEY"),
        (
            json!({ "success": true }),
            "site",
            Level::Warning,
            "for tests",
        ),
        (known.clone(), "", Level::Warning, "TURNSTILE_SITE_KEY"),
        (known, "site", Level::Ok, ""),
    ] {
        let verifier = verifier(answer).await;
        let vars = [
            ("TURNSTILE_SECRET_KEY", "secret-key"),
            ("TURNSTILE_SITE_KEY", site_key),
            ("TURNSTILE_VERIFY_URL", verifier.as_str()),
        ];
        expect_found(
            &examine(&config(&pool, &vars), &[]).await,
            "turnstile",
            level,
            says,
        );
    }
    // Another server at the public address, and a proxy that drops the origin.
    let other = serve(Fault::None).await;
    let findings = examine(&config(&pool, &[]), &["--url", &other]).await;
    expect_found(
        &findings,
        "publicUrl",
        Level::Problem,
        "not as the server does",
    );
    // TLS where there is none.
    let tls = other.replace("http:", "https:");
    let findings = examine(&config(&pool, &[]), &["--url", &tls]).await;
    expect_found(&findings, "publicUrl", Level::Problem, &tls);
}

#[sqlx::test(migrations = "../migrations")]
async fn the_exit_status_and_the_json_say_what_was_found(pool: PgPool) {
    let mut out = Vec::new();
    let unwell = doctor::run(&config(&pool, &[]), &asked(&["--json"]), &mut out).await;
    assert!(unwell.unwrap_err().to_string().contains("do not work"));
    let findings: Vec<BTreeMap<String, Value>> = serde_json::from_slice(&out).unwrap();
    let reach = findings
        .iter()
        .find(|it| it["check"] == "homeserver.reach")
        .unwrap();
    assert_eq!(reach["level"], "problem");
    assert!(reach["advice"].is_string());
    let mut out = Vec::new();
    let _ = doctor::run(&config(&pool, &[]), &asked(&[]), &mut out).await;
    let text = String::from_utf8(out).unwrap();
    assert!(
        text.lines()
            .any(|line| line.starts_with("PROBLEM homeserver.reach: ")),
        "{text}"
    );
}

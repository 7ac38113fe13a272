//! The admin listener, and outages of Postgres.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::json;
use sqlx::PgPool;

use crate::{
    common::{TestApp, config, expect},
    problem::expect_problem,
};

pub(crate) async fn admin(app: &TestApp, path: &str) -> reqwest::Response {
    app.client
        .get(format!("http://{}{path}", app.admin_address))
        .send()
        .await
        .unwrap()
}

/// A test's database that is out of reach.
pub(crate) struct Outage {
    database: String,
    elsewhere: PgPool,
}

impl Outage {
    pub(crate) async fn begin(pool: &PgPool) -> Self {
        let database: String = sqlx::query_scalar("SELECT current_database()::text")
            .fetch_one(pool)
            .await
            .unwrap();
        let url = std::env::var("DATABASE_URL").unwrap();
        let elsewhere = PgPool::connect(&url).await.unwrap();
        let outage = Self {
            database,
            elsewhere,
        };
        outage.allow_connections(false).await;
        sqlx::query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1")
            .bind(&outage.database)
            .execute(&outage.elsewhere)
            .await
            .unwrap();
        outage
    }

    pub(crate) async fn end(self) {
        self.allow_connections(true).await;
    }

    async fn allow_connections(&self, allow: bool) {
        let statement = format!(
            "ALTER DATABASE \"{}\" ALLOW_CONNECTIONS {allow}",
            self.database
        );
        sqlx::query(sqlx::AssertSqlSafe(statement))
            .execute(&self.elsewhere)
            .await
            .unwrap();
    }
}

#[sqlx::test(migrations = "../migrations")]
async fn health_is_the_process_and_readiness_says_which_part_is_not(pool: PgPool) {
    let app = TestApp::spawn(config(&pool, &[])).await;
    assert_eq!(admin(&app, "/healthz").await.status(), 200);
    // The server gets its own notification a moment after its start.
    let deadline = Instant::now() + Duration::from_secs(30);
    let readiness = loop {
        let readiness = expect(admin(&app, "/readyz").await, 503).await;
        if readiness["notifications"] == true {
            break readiness;
        }
        assert!(Instant::now() < deadline, "{readiness}");
    };
    assert_eq!(
        readiness,
        json!({
            "ready": false, "database": true, "matrixSync": false, "notifications": true, "writes": true
        })
    );
    // A load balancer asks this.
    let path = "/readyz?exclude=matrixSync";
    let readiness = expect(admin(&app, path).await, 200).await;
    assert_eq!(readiness["ready"], true);
    assert_eq!(readiness["matrixSync"], false);
    let status = admin(&app, "/readyz?exclude=nothing").await.status();
    assert_eq!(status, 400);
    sqlx::query("UPDATE sync_position SET synced_at = now()")
        .execute(&pool)
        .await
        .unwrap();
    let readiness = expect(admin(&app, "/readyz").await, 200).await;
    assert_eq!(
        readiness,
        json!({
            "ready": true, "database": true, "matrixSync": true, "notifications": true, "writes": true
        })
    );
    // None of these is on the public listener.
    for path in ["/healthz", "/readyz", "/metrics"] {
        assert_eq!(
            app.request(Method::GET, path)
                .send()
                .await
                .unwrap()
                .status(),
            404
        );
    }
}

#[sqlx::test(migrations = "../migrations")]
async fn a_server_starts_on_the_schema_of_a_newer_one(pool: PgPool) {
    sqlx::query(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
         VALUES (9999, 'from the future', true, '', 0)",
    )
    .execute(&pool)
    .await
    .unwrap();
    let app = TestApp::spawn(config(&pool, &[])).await;
    assert_eq!(admin(&app, "/healthz").await.status(), 200);
}

#[sqlx::test(migrations = "../migrations")]
async fn without_postgres_a_request_is_told_to_come_back(pool: PgPool) {
    let app = TestApp::spawn(config(&pool, &[])).await;
    let visitor = app.visitor("Hello").await;
    let outage = Outage::begin(&pool).await;
    let problem = expect_problem(visitor.send("lost?").await, 503, "database_unavailable").await;
    assert!(
        !problem.to_string().contains(&outage.database),
        "nothing internal: {problem}"
    );
    let readiness = expect(admin(&app, "/readyz").await, 503).await;
    assert_eq!(readiness["database"], false);
    outage.end().await;
    assert_eq!(visitor.messages(None).await.len(), 1, "it was not accepted");
}

#[sqlx::test(migrations = "../migrations")]
async fn without_the_homeserver_new_sessions_are_refused_in_the_end_and_open_ones_go_on(
    pool: PgPool,
) {
    let app = TestApp::spawn(config(
        &pool,
        &[
            ("SUPPORT_CHAT_RELAY_GRACE", "2s"),
            ("SUPPORT_CHAT_SESSIONS_PER_IP_PER_HOUR", "0"),
            ("SUPPORT_CHAT_SESSIONS_PER_HOUR", "0"),
            ("SUPPORT_CHAT_REQUESTS_PER_IP_PER_MINUTE", "0"),
        ],
    ))
    .await;
    let visitor = app.visitor("within the grace").await;
    // Nothing listens at the homeserver's address.
    let deadline = Instant::now() + Duration::from_secs(20);
    let refused = loop {
        let response = app.create(json!({ "initialMessage": "Hello" })).await;
        if response.status() != 201 {
            break response;
        }
        assert!(Instant::now() < deadline);
    };
    expect_problem(refused, 503, "relay_unavailable").await;
    expect(visitor.send("still accepted").await, 201).await;
    sqlx::query("UPDATE sync_position SET synced_at = now()")
        .execute(&pool)
        .await
        .unwrap();
    expect(
        app.create(json!({ "initialMessage": "It is back" })).await,
        201,
    )
    .await;
}

#[sqlx::test(migrations = "../migrations")]
async fn a_stopped_server_has_ended_cleanly_and_listens_no_more(pool: PgPool) {
    let app = TestApp::spawn(config(&pool, &[])).await;
    let (address, admin_address) = (app.address, app.admin_address);
    app.visitor("Hello").await;
    app.stop().await;
    for address in [address, admin_address] {
        let error = tokio::net::TcpStream::connect(address).await.unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused);
    }
}

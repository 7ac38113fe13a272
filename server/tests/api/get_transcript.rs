use reqwest::{Method, RequestBuilder, Response};
use sqlx::PgPool;

use crate::{
    common::{ORIGIN, TestApp, Visitor, config},
    problem::expect_problem,
};

fn ask(visitor: &Visitor<'_>, query: &str) -> RequestBuilder {
    visitor.request(Method::GET, &format!("/transcript{query}"))
}

async fn text(visitor: &Visitor<'_>, query: &str) -> String {
    let response = ask(visitor, query).send().await.unwrap();
    assert_eq!(response.status(), 200);
    response.text().await.unwrap()
}

/// Adds entries to the conversation as the sync does: each with its id, its text, and the id of the
/// entry that it replaces.
async fn staff_say(pool: &PgPool, entries: &[(u128, Option<&str>, Option<u128>)]) {
    for (id, body, replaces) in entries {
        let say = "WITH session AS (
                UPDATE sessions SET last_seq = last_seq + 1, created_at = '2026-05-23 21:00Z' RETURNING id, last_seq
            )
            INSERT INTO messages (id, session_id, seq, sender, body, created_at, replaces, removed)
            SELECT $1, id, last_seq, 'staff', coalesce($2, ''), '2026-05-23 22:30Z', $3, $2 IS NULL FROM session";
        sqlx::query(say)
            .bind(uuid::Uuid::from_u128(*id))
            .bind(body)
            .bind(replaces.map(uuid::Uuid::from_u128))
            .execute(pool)
            .await
            .unwrap();
    }
    sqlx::query("UPDATE messages SET created_at = '2026-05-23 22:30Z'")
        .execute(pool)
        .await
        .unwrap();
}

#[sqlx::test(migrations = "../migrations")]
async fn a_conversation_is_saved_as_it_reads_now(pool: PgPool) {
    let app = TestApp::spawn(config(&pool, &[])).await;
    let visitor = app.visitor("Hello\n2026-05-23 22:30 Support:").await;
    staff_say(
        &pool,
        &[
            (1, Some("Hi, we aer!"), None),
            (2, Some("A mistake"), None),
            (3, Some("Hi, we ar!"), Some(1)),
            (4, None, Some(2)),
            (5, Some("Hi, we are!"), Some(3)),
        ],
    )
    .await;
    sqlx::query("UPDATE messages SET delivery = 'failed' WHERE sender = 'visitor'")
        .execute(&pool)
        .await
        .unwrap();
    let response = ask(&visitor, "").send().await.unwrap();
    assert_eq!(response.status(), 200);
    for (name, value) in [
        ("content-type", "text/plain; charset=utf-8"),
        (
            "content-disposition",
            "attachment; filename=\"support-chat-2026-05-23.txt\"",
        ),
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
    ] {
        assert_eq!(response.headers()[name], value);
    }
    assert_eq!(
        response.text().await.unwrap(),
        "Support chat\nTimes are in the time zone UTC\n\n\
         2026-05-23 22:30 You: (Not delivered)\n    Hello\n    2026-05-23 22:30 Support:\n\n\
         2026-05-23 22:30 Support:\n    Hi, we are!\n"
    );
    let tokyo = ask(&visitor, "?timeZone=Asia/Tokyo").header("accept-language", "de-CH, en;q=0.5");
    let tokyo = tokyo.send().await.unwrap();
    let name = tokyo.headers()["content-disposition"].to_str().unwrap();
    assert!(name.contains("2026-05-24"), "{name}");
    let tokyo = tokyo.text().await.unwrap();
    assert!(tokyo.contains("in der Zeitzone Asia/Tokyo"), "{tokyo}");
    assert!(
        tokyo.contains("2026-05-24 07:30 Sie: (Nicht zugestellt)"),
        "{tokyo}"
    );
}

#[sqlx::test(migrations = "../migrations")]
async fn a_long_conversation_comes_in_pages_and_none_is_missing(pool: PgPool) {
    const MESSAGES: usize = 20_000;
    let app = TestApp::spawn(config(&pool, &[])).await;
    let visitor = app.visitor("0").await;
    sqlx::query(
        "WITH session AS (UPDATE sessions SET last_seq = last_seq + $1 RETURNING id)
         INSERT INTO messages (id, session_id, seq, sender, body)
         SELECT gen_random_uuid(), id, n + 1, 'staff', n || CASE WHEN n % 1000 = 0 THEN repeat(E'\n', 60000) ELSE '' END
         FROM session, generate_series(1, $1::bigint) n",
    )
    .bind(i64::try_from(MESSAGES).unwrap())
    .execute(&pool)
    .await
    .unwrap();
    let text = text(&visitor, "").await;
    let said = text
        .lines()
        .filter_map(|line| line.strip_prefix("    ")?.parse::<usize>().ok());
    assert!(said.eq(0..=MESSAGES), "in order, each once");
    // The clients of these stop reading. Their memory is released, so the last request succeeds
    // like the first one.
    for _ in 0..100 {
        let head = visitor.request(Method::HEAD, "/transcript").send();
        assert_eq!(head.await.unwrap().status(), 200);
    }
    assert_eq!(visitor.poll(None).await.status(), 200);
}

async fn refused(response: RequestBuilder, status: u16, code: &str) {
    let response: Response = response.send().await.unwrap();
    expect_problem(response, status, code).await;
}

#[sqlx::test(migrations = "../migrations")]
async fn for_a_day_after_the_end_it_can_be_saved(pool: PgPool) {
    let app = TestApp::spawn(config(&pool, &[])).await;
    let closed = app.visitor("Hello").await;
    assert_eq!(closed.close().await.status(), 204);
    assert!(
        text(&closed, "")
            .await
            .ends_with("\n\nThis chat has ended.\n")
    );
    let change = async |set: &str| {
        let change = sqlx::AssertSqlSafe(format!("UPDATE sessions SET {set}"));
        sqlx::query(change).execute(&pool).await.unwrap();
    };
    change("closed_at = now() - interval '23 hours 59 minutes'").await;
    text(&closed, "").await;
    change("closed_at = now() - interval '24 hours'").await;
    refused(ask(&closed, ""), 410, "session_closed").await;

    let expired = app.visitor("Hello").await;
    change("closed_at = NULL, active_at = now() - interval '47 hours 59 minutes'").await;
    text(&expired, "").await;
    change("active_at = now() - interval '48 hours'").await;
    refused(ask(&expired, ""), 410, "session_expired").await;
    change("active_at = now() - interval '25 hours', emptied = true").await;
    refused(ask(&expired, ""), 410, "session_expired").await;
}

#[sqlx::test(migrations = "../migrations")]
async fn who_may_not_have_it_or_asks_wrongly_is_refused(pool: PgPool) {
    let app = TestApp::spawn(config(&pool, &[])).await;
    let (visitor, other) = (app.visitor("Hello").await, app.visitor("Hello").await);
    for query in [
        "?timeZone=",
        "?timeZone=Mars/Olympus",
        "?timeZone=../../etc/passwd",
        "?timeZone=UTC&timeZone=UTC",
    ] {
        refused(ask(&visitor, query), 400, "malformed_request").await;
    }
    let path = format!("/sessions/{}/transcript", visitor.session_id);
    refused(app.api(Method::GET, &path), 401, "invalid_token").await;
    let foreign = app.api(Method::GET, &path).bearer_auth(&other.token);
    refused(foreign, 401, "invalid_token").await;
    let nowhere = app
        .api(Method::GET, "/sessions/x/transcript")
        .bearer_auth("x");
    refused(nowhere, 404, "session_not_found").await;
    refused(
        ask(&visitor, "").header("origin", "https://evil.example"),
        403,
        "origin_not_allowed",
    )
    .await;
}

#[sqlx::test(migrations = "../migrations")]
async fn pages_of_allowed_origins_may_read_it_and_its_name(pool: PgPool) {
    let app = TestApp::spawn(config(&pool, &[])).await;
    let visitor = app.visitor("Hello").await;
    let answer = ask(&visitor, "")
        .header("origin", ORIGIN)
        .send()
        .await
        .unwrap();
    let headers = answer.headers();
    assert_eq!(headers["access-control-allow-origin"], ORIGIN);
    let exposed = headers["access-control-expose-headers"].to_str().unwrap();
    assert!(exposed.contains("content-disposition"), "{exposed}");
    let path = format!("/sessions/{}/transcript", visitor.session_id);
    let head = app.api(Method::HEAD, &path).bearer_auth(&visitor.token);
    let head = head.send().await.unwrap();
    assert_eq!(head.status(), 200);
    assert_eq!(head.headers()["content-type"], "text/plain; charset=utf-8");
    assert_eq!(head.bytes().await.unwrap().len(), 0);
}

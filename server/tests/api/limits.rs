use std::time::{Duration, Instant};

use futures_util::future::join_all;
use reqwest::{Method, Response};
use serde_json::json;
use sqlx::PgPool;

use crate::{
    common::{TestApp, Visitor, config, expect},
    problem::expect_problem,
};

/// A creation as a trusted proxy passes it on.
pub(crate) async fn create_from(app: &TestApp, forwarded_for: &str) -> Response {
    app.api(Method::POST, "/sessions")
        .header("x-forwarded-for", forwarded_for)
        .json(&json!({ "initialMessage": "Hello" }))
        .send()
        .await
        .unwrap()
}

/// Checks for a refusal that says when to come back; gives the seconds.
pub(crate) async fn expect_rate_limited(response: Response) -> u64 {
    let seconds = response.headers()["retry-after"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    expect_problem(response, 429, "rate_limited").await;
    assert!((1..=3_600).contains(&seconds), "{seconds}");
    seconds
}

async fn let_pass(pool: &PgPool, seconds: u64) {
    sqlx::query("UPDATE session_starts SET started_at = started_at - make_interval(secs => $1)")
        .bind(f64::from(u32::try_from(seconds).unwrap()))
        .execute(pool)
        .await
        .unwrap();
}

pub(crate) const BEHIND_A_PROXY: (&str, &str) = ("SUPPORT_CHAT_TRUSTED_PROXIES", "127.0.0.0/8");
/// No proof of work is asked for.
pub(crate) const REFUSE: (&str, &str) = ("SUPPORT_CHAT_PROOF_OF_WORK", "off");

#[sqlx::test(migrations = "../migrations")]
async fn sessions_per_address_are_counted_on_all_servers_together(pool: PgPool) {
    let vars = [
        BEHIND_A_PROXY,
        ("SUPPORT_CHAT_SESSIONS_PER_IP_PER_HOUR", "2"),
    ];
    let (one, two) = (
        TestApp::spawn(config(&pool, &vars)).await,
        TestApp::spawn(config(&pool, &vars)).await,
    );
    expect(create_from(&one, "192.0.2.1").await, 201).await;
    expect(create_from(&two, "192.0.2.1").await, 201).await;
    let wait = expect_rate_limited(create_from(&one, "192.0.2.1").await).await;
    assert!(
        (3_500..=3_600).contains(&wait),
        "the first of them has to turn an hour old: {wait}"
    );
    expect_rate_limited(create_from(&two, "192.0.2.1").await).await;
    expect(create_from(&one, "192.0.2.2").await, 201).await;
    let rooms: i64 = sqlx::query_scalar("SELECT count(*) FROM outbox WHERE kind = 'create_room'")
        .fetch_one(&pool)
        .await
        .unwrap();
    assert_eq!(rooms, 3, "what was refused makes no room");

    let_pass(&pool, wait).await;
    expect(create_from(&one, "192.0.2.1").await, 201).await;
}

#[sqlx::test(migrations = "../migrations")]
async fn an_ipv6_customer_is_one_address_and_a_forged_header_is_none(pool: PgPool) {
    let vars = [
        BEHIND_A_PROXY,
        ("SUPPORT_CHAT_SESSIONS_PER_IP_PER_HOUR", "1"),
    ];
    let app = TestApp::spawn(config(&pool, &vars)).await;
    expect(create_from(&app, "2001:db8:1:2::1").await, 201).await;
    expect_rate_limited(create_from(&app, "2001:db8:1:2:ffff::9").await).await;
    expect(create_from(&app, "2001:db8:1:3::1").await, 201).await;
    // What the client wrote itself stands to the left of what the proxy added.
    expect(create_from(&app, "198.51.100.1, 192.0.2.7").await, 201).await;
    expect_rate_limited(create_from(&app, "198.51.100.2, 192.0.2.7").await).await;

    let direct = TestApp::spawn(config(&pool, &[vars[1]])).await;
    expect(create_from(&direct, "203.0.113.1").await, 201).await;
    expect_rate_limited(create_from(&direct, "203.0.113.2").await).await;
}

#[sqlx::test(migrations = "../migrations")]
async fn sessions_of_all_addresses_together_are_limited(pool: PgPool) {
    let vars = [
        BEHIND_A_PROXY,
        REFUSE,
        ("SUPPORT_CHAT_SESSIONS_PER_HOUR", "3"),
    ];
    let app = TestApp::spawn(config(&pool, &vars)).await;
    let addresses: Vec<String> = (1..=20).map(|n| format!("192.0.2.{n}")).collect();
    let responses = join_all(addresses.iter().map(|address| create_from(&app, address))).await;
    let accepted = responses
        .iter()
        .filter(|response| response.status() == 201)
        .count();
    assert_eq!(accepted, 3, "however many ask at once");
    let wait = expect_rate_limited(create_from(&app, "198.51.100.1").await).await;
    let_pass(&pool, wait).await;
    expect(create_from(&app, "198.51.100.1").await, 201).await;
}

#[sqlx::test(migrations = "../migrations")]
async fn a_replayed_creation_is_not_counted_twice(pool: PgPool) {
    let vars = [("SUPPORT_CHAT_SESSIONS_PER_IP_PER_HOUR", "1")];
    let app = TestApp::spawn(config(&pool, &vars)).await;
    let create = || {
        app.api(Method::POST, "/sessions")
            .header("idempotency-key", "k")
            .json(&json!({ "initialMessage": "Hello" }))
            .send()
    };
    for response in join_all((0..8).map(|_| create())).await {
        expect(response.unwrap(), 201).await;
    }
}

#[sqlx::test(migrations = "../migrations")]
async fn networks_are_limited_by_their_size(pool: PgPool) {
    let vars = [
        BEHIND_A_PROXY,
        REFUSE,
        ("SUPPORT_CHAT_SESSIONS_PER_IP_PER_HOUR", "1"),
    ];
    let app = TestApp::spawn(config(&pool, &vars)).await;
    // Four in each /56, until the /48 has its sixteen.
    for near in 0..4 {
        for subnet in 0..4 {
            let address = format!("2001:db8:1:{near}{subnet:02x}::1");
            expect(create_from(&app, &address).await, 201).await;
        }
        expect_rate_limited(create_from(&app, &format!("2001:db8:1:{near}ff::1")).await).await;
    }
    expect_rate_limited(create_from(&app, "2001:db8:1:400::1").await).await;
    expect(create_from(&app, "2001:db8:2:400::1").await, 201).await;
    for host in 1..=16 {
        expect(create_from(&app, &format!("192.0.2.{host}")).await, 201).await;
    }
    expect_rate_limited(create_from(&app, "192.0.2.17").await).await;
    expect(create_from(&app, "192.0.3.17").await, 201).await;
    let counted =
        app.metrics().await[r#"support_chat_throttled_total{limit="sessions_per_network"}"#];
    assert_eq!(counted.to_bits(), 6_f64.to_bits());
}

#[sqlx::test(migrations = "../migrations")]
async fn a_clock_that_was_wrong_keeps_nobody_out(pool: PgPool) {
    let vars = [REFUSE, ("SUPPORT_CHAT_SESSIONS_PER_HOUR", "1")];
    let app = TestApp::spawn(config(&pool, &vars)).await;
    let begin_at = async |at: &str| {
        let begin = format!(
            "INSERT INTO session_starts (started_at, address_digest) VALUES (now() + interval '{at}', '')"
        );
        sqlx::query(sqlx::AssertSqlSafe(begin))
            .execute(&pool)
            .await
            .unwrap();
    };
    begin_at("1 year").await;
    expect(create_from(&app, "192.0.2.1").await, 201).await;
    sqlx::query("DELETE FROM session_starts")
        .execute(&pool)
        .await
        .unwrap();
    // As clocks are corrected all the time.
    begin_at("30 seconds").await;
    expect_rate_limited(create_from(&app, "192.0.2.1").await).await;
}

#[sqlx::test(migrations = "../migrations")]
async fn a_creation_that_hangs_holds_up_no_count(pool: PgPool) {
    let vars = [REFUSE, ("SUPPORT_CHAT_SESSIONS_PER_HOUR", "1")];
    let app = TestApp::spawn(config(&pool, &vars)).await;
    let mut held = pool.begin().await.unwrap();
    sqlx::query("LOCK TABLE sessions IN ACCESS EXCLUSIVE MODE")
        .execute(&mut *held)
        .await
        .unwrap();
    let hanging = create_from(&app, "192.0.2.1");
    let meanwhile = async {
        wait_for_count(&pool, 1).await;
        // The next one is counted, and refused, although the one before it has not ended.
        let refused = create_from(&app, "192.0.2.2");
        let refused = tokio::time::timeout(Duration::from_secs(5), refused).await;
        expect_rate_limited(refused.expect("an answer")).await;
        held.rollback().await.unwrap();
    };
    let (hung, ()) = futures_util::join!(hanging, meanwhile);
    expect(hung, 201).await;
}

#[sqlx::test(migrations = "../migrations")]
async fn a_creation_that_fails_takes_no_place(pool: PgPool) {
    let vars = [REFUSE, ("SUPPORT_CHAT_SESSIONS_PER_HOUR", "1")];
    let app = TestApp::spawn(config(&pool, &vars)).await;
    for sql in [
        "ALTER TABLE sessions ADD CONSTRAINT never CHECK (false)",
        "ALTER TABLE sessions DROP CONSTRAINT never",
    ] {
        sqlx::query(sql).execute(&pool).await.unwrap();
        let response = create_from(&app, "192.0.2.1").await;
        assert_eq!(response.status() == 201, sql.contains("DROP"));
    }
    expect_rate_limited(create_from(&app, "192.0.2.2").await).await;
}

/// Waits until so many new sessions are counted.
async fn wait_for_count(pool: &PgPool, wanted: i64) {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let count: i64 = sqlx::query_scalar("SELECT count(*) FROM session_starts")
            .fetch_one(pool)
            .await
            .unwrap();
        if count == wanted {
            return;
        }
        assert!(Instant::now() < deadline, "{count} are counted");
        tokio::task::yield_now().await;
    }
}

#[sqlx::test(migrations = "../migrations")]
async fn addresses_are_kept_only_as_keyed_hashes(pool: PgPool) {
    let other_key = ("MATRIX_SUPPORT_BOT_ACCESS_TOKEN", "another-secret");
    for (vars, digests) in [
        (&[BEHIND_A_PROXY][..], 1),
        (&[BEHIND_A_PROXY], 1),
        (&[BEHIND_A_PROXY, other_key], 2),
    ] {
        let app = TestApp::spawn(config(&pool, vars)).await;
        expect(create_from(&app, "192.0.2.1").await, 201).await;
        for column in ["address_digest", "wide_digest"] {
            let count = format!("SELECT count(DISTINCT {column}) FROM session_starts");
            let found: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(count))
                .fetch_one(&pool)
                .await
                .unwrap();
            assert_eq!(
                found, digests,
                "the same for the same secret, and for no other"
            );
        }
    }
}

#[sqlx::test(migrations = "../migrations")]
async fn texts_that_are_refused_count_as_messages(pool: PgPool) {
    let vars = [("SUPPORT_CHAT_MESSAGES_PER_SESSION_PER_MINUTE", "3")];
    let app = TestApp::spawn(config(&pool, &vars)).await;
    let visitor = app.visitor("Hello").await;
    for _ in 0..3 {
        let refused = visitor.send("   ").await;
        assert_eq!(refused.status(), 422);
    }
    expect_rate_limited(visitor.send("   ").await).await;
    expect_rate_limited(visitor.send("a good one").await).await;
}

#[sqlx::test(migrations = "../migrations")]
async fn messages_per_session_are_limited_and_coming_back_as_told_succeeds(pool: PgPool) {
    // So many per minute that the wait is one that a test can await.
    let vars = [("SUPPORT_CHAT_MESSAGES_PER_SESSION_PER_MINUTE", "40")];
    let app = TestApp::spawn(config(&pool, &vars)).await;
    let visitor = app.visitor("Hello").await;
    let started = Instant::now();
    let responses = join_all((0..100).map(|_| visitor.send("again"))).await;
    let refilled = usize::try_from(started.elapsed().as_secs() * 40 / 60 + 1).unwrap();
    let accepted = responses
        .iter()
        .filter(|response| response.status() == 201)
        .count();
    assert!((40..=40 + refilled).contains(&accepted), "{accepted}");
    assert_eq!(
        visitor.messages(None).await.len(),
        1 + accepted,
        "what was refused is not stored"
    );
    let refused = responses
        .into_iter()
        .find(|response| response.status() == 429)
        .unwrap();
    expect_rate_limited(refused).await;
    let mut response = visitor.send("once more").await;
    if response.status() == 429 {
        // This one's wait: nobody else takes its place meanwhile.
        let wait = expect_rate_limited(response).await;
        tokio::time::sleep(Duration::from_secs(wait)).await;
        response = visitor.send("once more").await;
    }
    expect(response, 201).await;
    expect(
        app.visitor("Another session")
            .await
            .send("has its own")
            .await,
        201,
    )
    .await;
}

#[sqlx::test(migrations = "../migrations")]
async fn requests_per_address_are_limited_whatever_they_ask(pool: PgPool) {
    let vars = [
        BEHIND_A_PROXY,
        ("SUPPORT_CHAT_REQUESTS_PER_IP_PER_MINUTE", "5"),
    ];
    let app = TestApp::spawn(config(&pool, &vars)).await;
    let ask = |address: &'static str| {
        let request = app
            .api(Method::GET, "/sessions/x/messages")
            .header("x-forwarded-for", address);
        request.header("origin", crate::common::ORIGIN).send()
    };
    for _ in 0..5 {
        expect_problem(ask("192.0.2.1").await.unwrap(), 401, "invalid_token").await;
    }
    let refused = ask("192.0.2.1").await.unwrap();
    assert!(
        refused
            .headers()
            .contains_key("access-control-allow-origin"),
        "the page can read it"
    );
    assert!((1..=12).contains(&expect_rate_limited(refused).await));
    expect_problem(ask("192.0.2.2").await.unwrap(), 401, "invalid_token").await;
}

#[sqlx::test(migrations = "../migrations")]
async fn zero_is_no_limit(pool: PgPool) {
    let app = TestApp::spawn(config(
        &pool,
        &[
            ("SUPPORT_CHAT_SESSIONS_PER_IP_PER_HOUR", "0"),
            ("SUPPORT_CHAT_SESSIONS_PER_HOUR", "0"),
            ("SUPPORT_CHAT_MESSAGES_PER_SESSION_PER_MINUTE", "0"),
            ("SUPPORT_CHAT_REQUESTS_PER_IP_PER_MINUTE", "0"),
        ],
    ))
    .await;
    for _ in 0..11 {
        expect(create_from(&app, "192.0.2.1").await, 201).await;
    }
    let visitor = app.visitor("Hello").await;
    for _ in 0..21 {
        expect(visitor.send("again").await, 201).await;
    }
}

#[sqlx::test(migrations = "../migrations")]
async fn old_conversations_are_deleted_when_the_operator_says_so(pool: PgPool) {
    let keep = TestApp::spawn(config(&pool, &[("SUPPORT_CHAT_SESSION_TTL", "1h")])).await;
    let creation = json!({ "initialMessage": "Hello", "visitorName": "Ada" });
    let old = Visitor::from_creation(&keep, expect(keep.create(creation).await, 201).await);
    let undelivered = keep.visitor("still owed").await;
    sqlx::query("DELETE FROM outbox WHERE session_id::text = $1")
        .bind(&old.session_id)
        .execute(&pool)
        .await
        .unwrap();
    for know in [
        "INSERT INTO ratings (session_id, rating, comment, told) SELECT id, 'bad', 'Slow', '' FROM sessions",
        "INSERT INTO session_identities (session_id, digest, name) SELECT id, '', 'Ada' FROM sessions",
        "UPDATE sessions SET active_at = now() - interval '25 hours'",
    ] {
        sqlx::query(know).execute(&pool).await.unwrap();
    }
    let fresh = keep.visitor("Hello").await;
    let left = async || -> Vec<String> {
        sqlx::query_scalar("SELECT body FROM messages ORDER BY body")
            .fetch_all(&pool)
            .await
            .unwrap()
    };
    assert_eq!(left().await.len(), 3, "by default nothing is deleted");

    // It tidies up when it starts, and then once a minute.
    let vars = [
        ("SUPPORT_CHAT_SESSION_TTL", "1h"),
        ("SUPPORT_CHAT_RETENTION", "1h"),
    ];
    let tidy = TestApp::spawn(config(&pool, &vars)).await;
    let deadline = Instant::now() + Duration::from_secs(20);
    while left().await.len() == 3 {
        assert!(Instant::now() < deadline, "nothing was deleted");
    }
    assert_eq!(left().await, ["Hello", "still owed"]);
    let names: i64 = sqlx::query_scalar("SELECT count(visitor_name) FROM sessions")
        .fetch_one(&pool)
        .await
        .unwrap();
    assert_eq!(names, 0);
    // What the other conversation has is still owed to its room. A rating alone says nothing of anybody, and stays.
    let texts = "SELECT count(rating), count(comment), count(told),
                     (SELECT count(*) FROM session_identities) FROM ratings";
    let texts: (i64, i64, i64, i64) = sqlx::query_as(texts).fetch_one(&pool).await.unwrap();
    assert_eq!(texts, (2, 1, 1, 1));
    tidy.stop().await;
    assert_eq!(fresh.messages(None).await.len(), 1);
    expect_problem(old.poll(None).await, 410, "session_expired").await;
    expect_problem(undelivered.poll(None).await, 410, "session_expired").await;
}

#[sqlx::test(migrations = "../migrations")]
async fn every_request_counts_whatever_becomes_of_it(pool: PgPool) {
    const LIMIT: usize = 8;
    let vars = [("SUPPORT_CHAT_REQUESTS_PER_IP_PER_MINUTE", "8")];
    let foreign = ("origin", "https://evil.example");
    let requests: [(Method, &str, (&str, &str), u16); 8] = [
        (Method::POST, "/v1/support-chat/sessions", foreign, 403),
        (
            Method::POST,
            "/v1/support-chat/sessions",
            ("content-type", "text/plain"),
            415,
        ),
        (
            Method::GET,
            "/v1/support-chat/sessions/x/messages",
            ("x-a", "b"),
            401,
        ),
        (Method::GET, "/v1/support-chat/nowhere", ("x-a", "b"), 404),
        (
            Method::DELETE,
            "/v1/support-chat/sessions",
            ("x-a", "b"),
            405,
        ),
        (Method::OPTIONS, "/v1/support-chat/sessions", foreign, 200),
        (
            Method::GET,
            "/support",
            ("sec-fetch-site", "cross-site"),
            200,
        ),
        (Method::POST, "/support/api/send", foreign, 403),
    ];
    for (method, path, (name, value), status) in requests {
        let app = TestApp::spawn(config(&pool, &vars)).await;
        let ask = || app.request(method.clone(), path).header(name, value).send();
        for _ in 0..LIMIT {
            assert_eq!(ask().await.unwrap().status(), status, "{method} {path}");
        }
        let over = ask().await.unwrap().status();
        // A page may ask always what it may ask; what it asks then is refused.
        assert_eq!(
            over,
            if method == Method::OPTIONS { 200 } else { 429 },
            "{method} {path}"
        );
        let other = app.api(Method::GET, "/nowhere").send().await.unwrap();
        assert_eq!(other.status(), 429, "{method} {path}");
    }
}

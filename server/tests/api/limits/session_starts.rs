//! How many conversations an address, a network and everybody together may begin.

use super::*;

async fn let_pass(pool: &PgPool, seconds: u64) {
    sqlx::query("UPDATE session_starts SET started_at = started_at - make_interval(secs => $1)")
        .bind(f64::from(u32::try_from(seconds).unwrap()))
        .execute(pool)
        .await
        .unwrap();
}

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
    // The part that the client wrote itself is to the left of the part that the proxy added.
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
    // Four addresses in each /56, until the /48 has its sixteen.
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
    // Small corrections of a clock like this are frequent.
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
        // The next one is counted and refused although the one before it has not ended.
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

/// Waits until this many new sessions are counted.
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

//! The proof of work near the limits on new sessions, solved like any client does it.

use base64::{Engine, engine::general_purpose::STANDARD};
use chrono::Utc;
use futures_util::future::join_all;
use hmac::{Hmac, KeyInit, Mac};
use reqwest::{Method, Response};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use sqlx::PgPool;

use crate::{
    common::{TestApp, config, expect},
    limits::{BEHIND_A_PROXY, REFUSE, create_from, expect_rate_limited},
    problem::expect_problem,
};

/// The solution of the problem's challenge, as ALTCHA's payload.
pub(crate) fn solve(problem: &Value) -> String {
    payload(&solution(&problem["proof"]))
}

fn solution(challenge: &Value) -> Value {
    let text = |name: &str| challenge[name].as_str().expect(name).to_owned();
    let salted = Sha256::new_with_prefix(text("salt"));
    let wanted = text("challenge");
    let number = (0..=challenge["maxnumber"].as_u64().unwrap())
        .find(|number| {
            let digest = salted.clone().chain_update(number.to_string()).finalize();
            hex::encode(digest) == wanted
        })
        .expect("the number");
    json!({
        "algorithm": text("algorithm"),
        "challenge": wanted,
        "number": number,
        "salt": text("salt"),
        "signature": text("signature"),
        "took": 1,
    })
}

fn payload(solution: &Value) -> String {
    STANDARD.encode(solution.to_string())
}

async fn create_with(app: &TestApp, proof: &str) -> Response {
    app.create(json!({ "initialMessage": "Hello", "proof": proof }))
        .await
}

async fn expect_asked(response: Response) -> Value {
    let problem = expect_problem(response, 403, "proof_required").await;
    assert_eq!(problem["proof"]["algorithm"], "SHA-256", "{problem}");
    problem
}

/// A server whose next creation needs a proof.
async fn at_the_limit(pool: &PgPool) -> TestApp {
    let vars = [
        ("SUPPORT_CHAT_SESSIONS_PER_HOUR", "1"),
        ("SUPPORT_CHAT_SESSIONS_PER_IP_PER_HOUR", "0"),
    ];
    let app = TestApp::spawn(config(pool, &vars)).await;
    sqlx::query("INSERT INTO session_starts (address_digest) VALUES ('')")
        .execute(pool)
        .await
        .unwrap();
    app
}

async fn count(pool: &PgPool, table: &str) -> i64 {
    sqlx::query_scalar(sqlx::AssertSqlSafe(format!("SELECT count(*) FROM {table}")))
        .fetch_one(pool)
        .await
        .unwrap()
}

#[sqlx::test(migrations = "../migrations")]
async fn near_the_limit_a_proof_is_asked_for_and_lets_in(pool: PgPool) {
    let vars = [
        ("SUPPORT_CHAT_SESSIONS_PER_HOUR", "4"),
        ("SUPPORT_CHAT_SESSIONS_PER_IP_PER_HOUR", "0"),
    ];
    let app = TestApp::spawn(config(&pool, &vars)).await;
    for _ in 0..3 {
        app.visitor("Hello").await;
    }
    let mut work = Vec::new();
    for _ in 0..6 {
        let problem = expect_asked(app.create(json!({ "initialMessage": "Hello" })).await).await;
        work.push(problem["proof"]["maxnumber"].as_u64().unwrap() / 50_000);
        expect(create_with(&app, &solve(&problem)).await, 201).await;
    }
    assert_eq!(
        work,
        [1, 2, 2, 2, 2, 4],
        "3/4 of the limit, all of it, twice as many"
    );
    assert_eq!(count(&pool, "sessions").await, 9);
    let metrics = app.metrics().await;
    for (outcome, times) in [("required", 6.0), ("accepted", 6.0), ("rejected", 0.0_f64)] {
        let series = format!("support_chat_proofs_of_work_total{{outcome=\"{outcome}\"}}");
        assert_eq!(metrics[&series].to_bits(), times.to_bits(), "{outcome}");
    }
}

#[sqlx::test(migrations = "../migrations")]
async fn a_proof_is_good_once_on_all_servers(pool: PgPool) {
    let (one, two) = (at_the_limit(&pool).await, at_the_limit(&pool).await);
    let problem = expect_asked(one.create(json!({ "initialMessage": "Hello" })).await).await;
    let proof = solve(&problem);
    let servers = [&one, &two].into_iter().cycle().take(12);
    let responses = join_all(servers.map(|app| create_with(app, &proof))).await;
    let accepted = responses.iter().filter(|response| response.status() == 201);
    assert_eq!(accepted.count(), 1, "however many come at once");
    assert_eq!(count(&pool, "sessions").await, 1);
    let again = expect_asked(create_with(&two, &proof).await).await;
    assert_ne!(
        again["proof"]["challenge"], problem["proof"]["challenge"],
        "a fresh one"
    );
    expect(create_with(&one, &solve(&again)).await, 201).await;
}

#[sqlx::test(migrations = "../migrations")]
async fn a_proof_that_is_forged_or_late_or_too_little_lets_nobody_in(pool: PgPool) {
    let app = at_the_limit(&pool).await;
    let problem = expect_asked(app.create(json!({ "initialMessage": "Hello" })).await).await;
    let solved = solution(&problem["proof"]);
    let changed = |name: &str, value: Value| {
        let mut changed = solved.clone();
        changed[name] = value;
        payload(&changed)
    };
    // A client with the bot's credential could make challenges.
    let made = |expires_in: i64, maxnumber: u32| {
        let key = Sha256::digest("no-token");
        let mac = |key: &[u8], text: &str| {
            let mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
            mac.chain_update(text).finalize().into_bytes()
        };
        let key = mac(&key, "support-chat proof of work\0");
        let expires = Utc::now().timestamp() + expires_in;
        let salt = format!("00?expires={expires}&maxnumber={maxnumber}&");
        let challenge = hex::encode(Sha256::digest(format!("{salt}7")));
        let signature = hex::encode(mac(&key, &challenge));
        payload(&json!({
            "algorithm": "SHA-256", "challenge": challenge, "number": 7, "salt": salt, "signature": signature,
        }))
    };
    let number = solved["number"].as_u64().unwrap();
    for bad in [
        String::new(),
        "nonsense".to_owned(),
        STANDARD.encode("{}"),
        "A".repeat(60_000),
        changed("number", json!(number + 1)),
        changed("number", json!(number.to_string())),
        changed("signature", json!("0".repeat(64))),
        changed("salt", json!("00?expires=9999999999&maxnumber=800000&")),
        made(-1, 800_000),
    ] {
        expect_asked(create_with(&app, &bad).await).await;
    }
    assert_eq!(count(&pool, "sessions").await, 0);
    assert_eq!(count(&pool, "used_proofs").await, 0);

    // The least work is enough at the limit, and too little at twice the limit.
    sqlx::query("INSERT INTO session_starts (address_digest) VALUES ('')")
        .execute(&pool)
        .await
        .unwrap();
    expect_asked(create_with(&app, &made(60, 50_000)).await).await;
    expect(create_with(&app, &payload(&solved)).await, 201).await;
    expect(create_with(&app, &made(60, 800_000)).await, 201).await;
}

#[sqlx::test(migrations = "../migrations")]
async fn a_creation_that_is_repeated_with_a_proof_is_the_same(pool: PgPool) {
    let app = at_the_limit(&pool).await;
    let create = |proof: Option<String>| {
        app.api(Method::POST, "/sessions")
            .header("idempotency-key", "k")
            .json(&json!({ "initialMessage": "Hello", "proof": proof }))
            .send()
    };
    let problem = expect_asked(create(None).await.unwrap()).await;
    let proof = solve(&problem);
    let attempts = (0..4).map(|_| create(Some(proof.clone())));
    let mut ids = Vec::new();
    for response in join_all(attempts).await {
        ids.push(expect(response.unwrap(), 201).await["sessionId"].clone());
    }
    for proof in [None, Some("nonsense".to_owned())] {
        ids.push(expect(create(proof).await.unwrap(), 201).await["sessionId"].clone());
    }
    ids.dedup();
    assert_eq!(ids.len(), 1);
    assert_eq!(
        count(&pool, "session_starts").await,
        2,
        "it was counted once"
    );
}

#[sqlx::test(migrations = "../migrations")]
async fn far_above_the_limit_nobody_is_let_in(pool: PgPool) {
    let app = at_the_limit(&pool).await;
    let problem = expect_asked(app.create(json!({ "initialMessage": "Hello" })).await).await;
    sqlx::query("INSERT INTO session_starts (address_digest) SELECT '' FROM generate_series(1, 9)")
        .execute(&pool)
        .await
        .unwrap();
    expect_rate_limited(create_with(&app, &solve(&problem)).await).await;
}

#[sqlx::test(migrations = "../migrations")]
async fn without_proofs_the_limit_refuses(pool: PgPool) {
    at_the_limit(&pool).await.stop().await;
    let vars = [REFUSE, ("SUPPORT_CHAT_SESSIONS_PER_HOUR", "1")];
    let app = TestApp::spawn(config(&pool, &vars)).await;
    expect_rate_limited(create_with(&app, "nonsense").await).await;
}

#[sqlx::test(migrations = "../migrations")]
async fn where_none_is_asked_for_a_proof_does_not_matter(pool: PgPool) {
    let app = TestApp::spawn(config(&pool, &[])).await;
    expect(create_with(&app, "nonsense").await, 201).await;
}

#[sqlx::test(migrations = "../migrations")]
async fn a_flood_from_one_network_leaves_everybody_else_alone(pool: PgPool) {
    let app = TestApp::spawn(config(&pool, &[BEHIND_A_PROXY])).await;
    let flood: Vec<String> = (0..300)
        .map(|n| format!("2001:db8:0:1{:02x}::{n}", n % 256))
        .collect();
    let responses = join_all(flood.iter().map(|address| create_from(&app, address))).await;
    let with = |status: u16| {
        let of_it = responses
            .iter()
            .filter(|response| response.status() == status);
        of_it.count()
    };
    assert_eq!(
        (with(201), with(403)),
        (30, 270),
        "three quarters of four addresses' sessions"
    );
    for elsewhere in ["2001:db8:0:200::1", "2001:db8:1::1", "192.0.2.1"] {
        expect(create_from(&app, elsewhere).await, 201).await;
    }
    // Neighbours are not shut out either.
    let problem = expect_asked(create_from(&app, "2001:db8:0:1ff::1").await).await;
    let admitted = app
        .api(Method::POST, "/sessions")
        .header("x-forwarded-for", "2001:db8:0:1ff::1")
        .json(&json!({ "initialMessage": "Hello", "proof": solve(&problem) }))
        .send();
    expect(admitted.await.unwrap(), 201).await;
}

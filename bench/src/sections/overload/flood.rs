//! New conversations from one network, far beyond the limit, and visitors from elsewhere who begin one.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use http_body_util::Full;
use hyper::{Request, body::Bytes, header};
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::task::{JoinSet, spawn_blocking};

use crate::{
    Result, Setup,
    load::{Connection, all, number, until},
    report::Report,
    system::matrix::PATIENCE,
    system::server::{Database, Server},
};

/// The default limits; a proxy reports the addresses.
const LIMITS: [(&str, &str); 4] = [
    ("SUPPORT_CHAT_SESSIONS_PER_IP_PER_HOUR", "10"),
    ("SUPPORT_CHAT_SESSIONS_PER_HOUR", "300"),
    ("SUPPORT_CHAT_REQUESTS_PER_IP_PER_MINUTE", "600"),
    ("SUPPORT_CHAT_TRUSTED_PROXIES", "127.0.0.0/8"),
];
/// The /64 networks of one /56.
const NETWORKS: usize = 256;
/// The number of clients that flood the server, each on its own connection.
const FLOODERS: usize = 8;
/// The number of conversations after which the limit for all is reached.
const BEFORE: usize = 600;
/// The number of visitors during the flood, each from another network.
const NEWCOMERS: u8 = 20;

pub(super) async fn measure(setup: &Setup, report: &mut Report) -> Result<()> {
    let database = Database::make(setup, "bench_flood").await?;
    let server = Server::start_with(setup, &database, None, &LIMITS).await?;
    let (stop, asked) = (Arc::new(AtomicBool::new(false)), Arc::default());
    let mut flood = JoinSet::new();
    for _ in 0..FLOODERS {
        flood.spawn(ask_on(server.address, Arc::clone(&asked), stop.clone()));
    }
    until(PATIENCE, "the flood to rise", async || {
        Ok((asked.load(Ordering::Relaxed) >= BEFORE).then_some(()))
    })
    .await?;
    let client = Client::builder().no_proxy().build()?;
    let (mut slowest, mut refused) = (Duration::ZERO, 0);
    for newcomer in 0..NEWCOMERS {
        let began = Instant::now();
        let from = Ipv4Addr::new(203, newcomer, 113, 7);
        refused += usize::from(!begin(&client, server.address, from).await?);
        slowest = slowest.max(began.elapsed());
    }
    stop.store(true, Ordering::Relaxed);
    all(flood).await?;
    server.stop().await?;
    let what = format!(
        "overload: during a flood of {} creations from one /56, {NEWCOMERS} newcomers",
        asked.load(Ordering::Relaxed)
    );
    report.bound(&format!("{what}, refused"), number(refused), "", 0.0);
    report.bound(
        &format!("{what}, the slowest of them, proof of work included"),
        slowest.as_secs_f64(),
        " s",
        1.0,
    );
    Ok(())
}

/// Begins conversations from one address after the other, whatever the answers are.
async fn ask_on(address: SocketAddr, asked: Arc<AtomicUsize>, stop: Arc<AtomicBool>) -> Result<()> {
    let mut connection = Connection::open(address).await?;
    while !stop.load(Ordering::Relaxed) {
        let network = asked.fetch_add(1, Ordering::Relaxed) % NETWORKS;
        let request = Request::post("/v1/support-chat/sessions")
            .header(header::HOST, "bench")
            .header(header::CONTENT_TYPE, "application/json")
            .header("x-forwarded-for", format!("2001:db8:0:{network:x}::1"))
            .body(Full::from(Bytes::from_static(
                br#"{"initialMessage":"One of a flood"}"#,
            )))?;
        if connection.ask(request).await.is_err() {
            // The request was refused. If the server has closed the connection too, the next request needs another one.
            connection = Connection::open(address).await?;
        }
    }
    Ok(())
}

/// Begins a conversation, with a proof of work if the server asks for one; `false` when it is refused.
async fn begin(client: &Client, address: SocketAddr, from: Ipv4Addr) -> Result<bool> {
    let mut body = json!({ "initialMessage": "Hello" });
    // While a challenge was solved, the required difficulty may have grown.
    for _ in 0..3 {
        let request = client
            .post(format!("http://{address}/v1/support-chat/sessions"))
            .header("x-forwarded-for", from.to_string());
        let response = request.json(&body).send().await?;
        let status = response.status();
        let answer: Value = response.json().await?;
        match (status, answer["code"].as_str()) {
            (StatusCode::CREATED, _) => return Ok(true),
            (_, Some("proof_required")) => {
                let challenge = answer["proof"].clone();
                let proof = spawn_blocking(move || solve(&challenge)).await?;
                body["proof"] = json!(proof.ok_or("a challenge without a solution")?);
            }
            (StatusCode::TOO_MANY_REQUESTS, _) => return Ok(false),
            _ => return Err(format!("{status}: {answer}").into()),
        }
    }
    Ok(false)
}

/// ALTCHA's payload for a challenge.
fn solve(challenge: &Value) -> Option<String> {
    let text = |name: &str| challenge[name].as_str();
    let wanted = text("challenge")?;
    let bytes = (0..wanted.len()).step_by(2);
    let bytes = bytes.map(|at| u8::from_str_radix(wanted.get(at..at + 2)?, 16).ok());
    let bytes: Vec<u8> = bytes.collect::<Option<_>>()?;
    let salted = Sha256::new_with_prefix(text("salt")?);
    let number = (0..=challenge["maxnumber"].as_u64()?).find(|number| {
        let digest = salted.clone().chain_update(number.to_string()).finalize();
        digest.as_slice() == bytes
    })?;
    let payload = json!({
        "algorithm": text("algorithm")?, "challenge": wanted, "number": number,
        "salt": text("salt")?, "signature": text("signature")?,
    });
    Some(STANDARD.encode(payload.to_string()))
}

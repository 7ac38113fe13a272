//! Faults of Postgres: connections that die silently, locks that are held, commits that hang.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use reqwest::Response;
use serde_json::{Value, json};
use server::{
    config::Config,
    storage::{Heard, Listener, Shares, SyncLock, sessions::CHANGES},
};
use sqlx::{AssertSqlSafe, PgPool};
use tokio::time::timeout;

use crate::{
    common::{TestApp, Visitor, config, expect},
    line_proxy::LineProxy,
    operations::admin,
    problem::expect_problem,
    shares,
};

/// The longest interruption that is acceptable.
const RECOVERS: Duration = Duration::from_secs(15);
/// The longest wait, on the slowest machine.
const DEADLINE: Duration = Duration::from_mins(1);

fn unlimited(pool: &PgPool, extra: &[(&str, &str)]) -> Config {
    let mut vars = vec![
        ("SUPPORT_CHAT_MESSAGES_PER_SESSION_PER_MINUTE", "0"),
        ("SUPPORT_CHAT_REQUESTS_PER_IP_PER_MINUTE", "0"),
        ("SUPPORT_CHAT_SESSIONS_PER_IP_PER_HOUR", "0"),
        ("SUPPORT_CHAT_SESSIONS_PER_HOUR", "0"),
    ];
    vars.extend(extra);
    config(pool, &vars)
}

async fn run(pool: &PgPool, statement: &str) {
    let statement = AssertSqlSafe(statement.to_owned());
    sqlx::raw_sql(statement).execute(pool).await.unwrap();
}

/// Repeats a check until it succeeds; returns how long that took.
async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) -> Duration {
    let began = Instant::now();
    while !is_so().await {
        assert!(began.elapsed() < DEADLINE, "{what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    began.elapsed()
}

async fn readiness(app: &TestApp) -> Value {
    admin(app, "/readyz").await.json().await.unwrap()
}

#[sqlx::test(migrations = "../migrations")]
async fn connections_that_die_without_a_word_stop_nothing_for_long(pool: PgPool) {
    let line = LineProxy::before(&pool).await;
    let app = TestApp::spawn(unlimited(&pool, &[("DATABASE_URL", &line.url())])).await;
    let visitor = app.visitor("Hello").await;
    // Every connection for visitors' requests is in the middle of a statement.
    let mut tx = pool.begin().await.unwrap();
    sqlx::query("LOCK TABLE sessions IN ACCESS EXCLUSIVE MODE")
        .execute(&mut *tx)
        .await
        .unwrap();
    let busy = (0..20).map(async |_| tokio::join!(visitor.send("during"), visitor.poll(None)));
    let freeze = async {
        until("writes wait", async || {
            let waiting = sqlx::query_scalar::<_, i64>(
                "SELECT count(*) FROM pg_stat_activity
                 WHERE datname = current_database() AND wait_event_type = 'Lock'",
            );
            waiting.fetch_one(&pool).await.unwrap() >= 7
        })
        .await;
        line.freeze();
        tx.rollback().await.unwrap();
    };
    let (answers, ()) = tokio::join!(join_all(busy), freeze);
    for (sent, polled) in answers {
        assert!([201, 503].contains(&sent.status().as_u16()), "{sent:?}");
        assert!([200, 503].contains(&polled.status().as_u16()), "{polled:?}");
    }
    // Another server would have queued it, so this server has to find it.
    run(
        &pool,
        "INSERT INTO sessions (id) VALUES ('00000000-0000-4000-8000-000000000001');
         INSERT INTO outbox (session_id, kind) SELECT id, 'create_room' FROM sessions
         WHERE id = '00000000-0000-4000-8000-000000000001'",
    )
    .await;
    let sent = until("a text is accepted", async || {
        visitor.send("after").await.status() == 201
    });
    let shown = until("a poll is answered", async || {
        visitor.poll(None).await.status() == 200
    });
    let claimed = until("the outbox is looked through", async || {
        sqlx::query_scalar(
            "SELECT attempts > 0 FROM outbox
             WHERE session_id = '00000000-0000-4000-8000-000000000001'",
        )
        .fetch_one(&pool)
        .await
        .unwrap()
    });
    let (sent, shown, claimed) = tokio::join!(sent, shown, claimed);
    for took in [sent, shown, claimed] {
        assert!(took < RECOVERS, "{sent:?} {shown:?} {claimed:?}");
    }
    // Changes are notified again: polls are answered from memory while Postgres cannot answer.
    let last = visitor.messages(None).await.pop().unwrap();
    let last = last["id"].as_str().unwrap();
    let followed = until("changes are followed", async || {
        assert!(visitor.messages(Some(last)).await.is_empty());
        let mut tx = pool.begin().await.unwrap();
        sqlx::query("LOCK TABLE sessions IN ACCESS EXCLUSIVE MODE")
            .execute(&mut *tx)
            .await
            .unwrap();
        let poll = timeout(Duration::from_millis(500), visitor.poll(Some(last))).await;
        tx.rollback().await.unwrap();
        poll.is_ok_and(|poll| poll.status() == 200)
    });
    assert!(followed.await < RECOVERS);
    // The server stops as always, whatever state its connections are in.
    line.freeze();
    timeout(DEADLINE, app.stop()).await.expect("it ends");
}

#[sqlx::test(migrations = "../migrations")]
async fn the_lock_of_the_sync_is_free_soon_after_its_connection_died(pool: PgPool) {
    let line = LineProxy::before(&pool).await;
    let this_way = Shares::new(&config(&pool, &[("DATABASE_URL", &line.url())]).database);
    let direct = shares(&pool);
    let take = async |shares: &Shares| SyncLock::try_take(&shares.connector).await.unwrap();
    let mut lock = take(&this_way).await.expect("it is free");
    // The lock is held for longer than Postgres waits for a sign of life of its owner.
    assert!(timeout(Duration::from_secs(10), lock.hold()).await.is_err());
    assert!(take(&direct).await.is_none(), "it is held");
    line.freeze();
    let free = until("the lock is free", async || take(&direct).await.is_some());
    let (free, lost) = tokio::join!(free, timeout(RECOVERS, lock.hold()));
    assert!(free < RECOVERS, "{free:?}");
    assert!(lost.is_ok(), "who had it knows");
}

#[sqlx::test(migrations = "../migrations")]
async fn a_listener_knows_when_it_hears_nothing(pool: PgPool) {
    let line = LineProxy::before(&pool).await;
    let this_way = Shares::new(&config(&pool, &[("DATABASE_URL", &line.url())]).database);
    let direct = shares(&pool);
    let listen = Listener::connect(&this_way.connector, &direct.reads, CHANGES);
    let mut listener = listen.await.unwrap();
    let mut next = async || timeout(DEADLINE, listener.next()).await.unwrap();
    assert!(matches!(next().await.unwrap(), Heard::Proof(_)));
    run(&pool, "NOTIFY support_chat_changes, 'news'").await;
    let heard = loop {
        if let Heard::News(news) = next().await.unwrap() {
            break news;
        }
    };
    assert_eq!(heard, "news");
    line.freeze();
    let frozen = Instant::now();
    while next().await.is_ok() {}
    assert!(frozen.elapsed() < RECOVERS);
}

/// An answer, and how long it took.
async fn timed(answer: impl Future<Output = Response>) -> (Response, Duration) {
    let began = Instant::now();
    let response = timeout(DEADLINE, answer).await.unwrap();
    (response, began.elapsed())
}

/// How long the slowest of several polls takes.
async fn slowest_poll(visitor: &Visitor<'_>) -> Duration {
    let mut slowest = Duration::ZERO;
    for _ in 0..20 {
        let (poll, took) = timed(visitor.poll(None)).await;
        expect(poll, 200).await;
        slowest = slowest.max(took);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    slowest
}

#[sqlx::test(migrations = "../migrations")]
async fn writes_that_wait_for_a_lock_are_refused_and_hold_up_no_poll(pool: PgPool) {
    let app = TestApp::spawn(unlimited(&pool, &[])).await;
    let visitor = app.visitor("Hello").await;
    let otherwise = slowest_poll(&visitor).await;
    let mut tx = pool.begin().await.unwrap();
    sqlx::query("LOCK TABLE sessions IN EXCLUSIVE MODE")
        .execute(&mut *tx)
        .await
        .unwrap();
    let writes = (0..40).map(|n| timed(visitor.send(if n < 20 { "a" } else { "b" })));
    let creation = json!({ "initialMessage": "Hello" });
    let creations = (0..10).map(|_| timed(app.create(creation.clone())));
    let polls = slowest_poll(&visitor);
    let (writes, creations, slowest) = tokio::join!(join_all(writes), join_all(creations), polls);
    assert!(
        slowest < otherwise + Duration::from_secs(1),
        "{slowest:?}, else {otherwise:?}"
    );
    for (refused, took) in writes.into_iter().chain(creations) {
        assert!(took < Duration::from_secs(5), "{took:?}");
        expect_problem(refused, 503, "database_unavailable").await;
    }
    tx.rollback().await.unwrap();
    assert_eq!(visitor.messages(None).await.len(), 1, "none was accepted");
    expect(visitor.send("now").await, 201).await;
}

/// Makes commits hang, as they do while a synchronous standby does not answer; Postgres sets no limit, and commits of
/// other databases do not hang.
async fn hang_commits(pool: &PgPool) {
    run(
        pool,
        "CREATE FUNCTION no_limit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             PERFORM set_config('statement_timeout', '0', true), set_config('lock_timeout', '0', true);
             RETURN NEW;
         END $$;
         CREATE FUNCTION hang() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             PERFORM pg_advisory_xact_lock_shared(42);
             RETURN NULL;
         END $$;
         CREATE TRIGGER no_limit BEFORE INSERT ON messages FOR EACH ROW EXECUTE FUNCTION no_limit();
         CREATE CONSTRAINT TRIGGER hang AFTER INSERT ON messages DEFERRABLE INITIALLY DEFERRED
             FOR EACH ROW EXECUTE FUNCTION hang();
         CREATE TRIGGER no_limit BEFORE UPDATE ON clock FOR EACH ROW EXECUTE FUNCTION no_limit();
         CREATE CONSTRAINT TRIGGER hang AFTER UPDATE ON clock DEFERRABLE INITIALLY DEFERRED
             FOR EACH ROW EXECUTE FUNCTION hang()",
    )
    .await;
}

#[sqlx::test(migrations = "../migrations")]
async fn while_commits_hang_writes_are_refused_at_once_and_polls_go_on(pool: PgPool) {
    hang_commits(&pool).await;
    let app = TestApp::spawn(unlimited(&pool, &[])).await;
    let visitor = app.visitor("Hello").await;
    let otherwise = slowest_poll(&visitor).await;
    let mut standby = pool.acquire().await.unwrap();
    sqlx::query("SELECT pg_advisory_lock(42)")
        .execute(&mut *standby)
        .await
        .unwrap();
    let (unknown, took) = timed(visitor.send("who knows")).await;
    assert!(took < Duration::from_secs(5), "{took:?}");
    let unknown: Value = unknown.json().await.unwrap();
    assert_ne!(unknown["code"], "database_unavailable", "nobody knows");
    until("writes are refused", async || {
        readiness(&app).await["writes"] == false
    })
    .await;
    let (refused, took) = timed(visitor.send("refused")).await;
    assert!(took < Duration::from_secs(1), "{took:?}");
    expect_problem(refused, 503, "database_unavailable").await;
    let slowest = slowest_poll(&visitor).await;
    assert!(
        slowest < otherwise + Duration::from_secs(1),
        "{slowest:?}, else {otherwise:?}"
    );
    sqlx::query("SELECT pg_advisory_unlock(42)")
        .execute(&mut *standby)
        .await
        .unwrap();
    until("writes go on", async || {
        readiness(&app).await["writes"] == true
    })
    .await;
    expect(visitor.send("accepted").await, 201).await;
    let shown = visitor.messages(None).await;
    let texts: Vec<_> = shown.iter().map(|message| &message["body"]).collect();
    assert!(!texts.contains(&&json!("refused")), "{texts:?}");
    let unknown = texts.iter().filter(|text| **text == "who knows").count();
    assert!(unknown <= 1, "{texts:?}");
}

/// What is promised has to be on the disk, whatever the database's own setting is; a stricter one stays.
#[sqlx::test(migrations = "../migrations")]
async fn commits_wait_for_the_disk_whatever_the_database_is_set_to(pool: PgPool) {
    let database: String = sqlx::query_scalar("SELECT current_database()::text")
        .fetch_one(&pool)
        .await
        .unwrap();
    for (set, used) in [
        ("off", "on"),
        ("local", "on"),
        ("remote_apply", "remote_apply"),
    ] {
        let statement = format!(r#"ALTER DATABASE "{database}" SET synchronous_commit = {set}"#);
        sqlx::query(AssertSqlSafe(statement))
            .execute(&pool)
            .await
            .unwrap();
        let shares = crate::shares(&pool);
        for share in [&shares.writes, &shares.relay] {
            let setting: String =
                sqlx::query_scalar("SELECT current_setting('synchronous_commit')")
                    .fetch_one(share)
                    .await
                    .unwrap();
            assert_eq!(setting, used, "{set}");
        }
    }
}

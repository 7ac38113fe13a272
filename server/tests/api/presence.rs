//! The presence of visitors, as it is recorded for the relay.

use std::time::{Duration, Instant};

use server::storage::presence;
use sqlx::PgPool;
use tokio::time::sleep;
use uuid::Uuid;

use crate::common::{TestApp, Visitor, config, expect};

const DEADLINE: Duration = Duration::from_mins(1);

/// Whether the visitor was seen recently enough to count as present.
async fn is_there(pool: &PgPool, visitor: &Visitor<'_>) -> bool {
    sqlx::query_scalar(
        "SELECT seen_at > now() - make_interval(secs => $2) FROM sessions WHERE id::text = $1",
    )
    .bind(&visitor.session_id)
    .bind(presence::GONE_AFTER.as_secs_f64())
    .fetch_one(pool)
    .await
    .unwrap()
}

/// The visitor was last seen three minutes ago.
async fn leave(pool: &PgPool, visitor: &Visitor<'_>) {
    sqlx::query("UPDATE sessions SET seen_at = now() - interval '3 minutes' WHERE id::text = $1")
        .bind(&visitor.session_id)
        .execute(pool)
        .await
        .unwrap();
    assert!(!is_there(pool, visitor).await);
}

async fn until_there(pool: &PgPool, visitor: &Visitor<'_>) {
    let started = Instant::now();
    while !is_there(pool, visitor).await {
        assert!(started.elapsed() < DEADLINE, "nobody saw the visitor");
        sleep(Duration::from_millis(100)).await;
    }
}

#[sqlx::test(migrations = "../migrations")]
async fn whoever_begins_writes_or_polls_is_there(pool: PgPool) {
    let app = TestApp::spawn(config(&pool, &[])).await;
    let (visitor, other) = (app.visitor("Hello").await, app.visitor("Hi").await);
    assert!(is_there(&pool, &visitor).await, "just begun");
    leave(&pool, &other).await;
    leave(&pool, &visitor).await;
    expect(visitor.send("still here").await, 201).await;
    assert!(is_there(&pool, &visitor).await, "just written");
    leave(&pool, &visitor).await;
    visitor.messages(None).await;
    until_there(&pool, &visitor).await;
    assert!(!is_there(&pool, &other).await, "nobody else is");
}

#[sqlx::test(migrations = "../migrations")]
async fn whoever_may_not_read_is_not_there(pool: PgPool) {
    let app = TestApp::spawn(config(&pool, &[])).await;
    let (visitor, known) = (app.visitor("Hello").await, app.visitor("Hi").await);
    leave(&pool, &visitor).await;
    leave(&pool, &known).await;
    let stranger = Visitor {
        token: known.token.clone(),
        app: &app,
        session_id: visitor.session_id.clone(),
        first_message_id: visitor.first_message_id.clone(),
    };
    assert_eq!(stranger.poll(None).await.status(), 401);
    // This was recorded later than the stranger's request could have been.
    known.messages(None).await;
    until_there(&pool, &known).await;
    assert!(!is_there(&pool, &visitor).await);
}

#[sqlx::test(migrations = "../migrations")]
async fn what_somebody_has_locked_is_left_out_and_recorded_later(pool: PgPool) {
    let app = TestApp::spawn(config(&pool, &[])).await;
    let (one, two) = (app.visitor("Hello").await, app.visitor("Hi").await);
    let ids = [&one, &two].map(|visitor| Uuid::parse_str(&visitor.session_id).unwrap());
    let mut tx = pool.begin().await.unwrap();
    sqlx::query("SELECT FROM sessions WHERE id = $1 FOR NO KEY UPDATE")
        .bind(ids[0])
        .execute(&mut *tx)
        .await
        .unwrap();
    assert_eq!(presence::record(&pool, &ids).await.unwrap(), [ids[1]]);
    tx.rollback().await.unwrap();
    let mut recorded = presence::record(&pool, &ids).await.unwrap();
    recorded.sort_unstable();
    let mut both = ids;
    both.sort_unstable();
    assert_eq!(recorded, both);
}

use sqlx::PgPool;

use crate::{
    common::{TestApp, config, expect},
    problem::expect_problem,
};

#[sqlx::test(migrations = "../migrations")]
async fn a_closed_session_takes_and_shows_nothing_more(pool: PgPool) {
    let app = TestApp::spawn(config(&pool, &[])).await;
    let visitor = app.visitor("Hello").await;
    for _ in 0..2 {
        let response = visitor.close().await;
        assert_eq!(response.status(), 204);
        assert_eq!(response.headers()["cache-control"], "no-store");
        assert_eq!(response.bytes().await.unwrap().len(), 0);
    }
    expect_problem(visitor.send("more").await, 410, "session_closed").await;
    expect_problem(visitor.poll(None).await, 410, "session_closed").await;
    // Texts that were accepted before are still delivered to the staff, who are told once that the chat has ended.
    let kinds: Vec<String> = sqlx::query_scalar("SELECT kind FROM outbox ORDER BY position")
        .fetch_all(&pool)
        .await
        .unwrap();
    assert_eq!(kinds, ["create_room", "message", "notice", "rename"]);
}

#[sqlx::test(migrations = "../migrations")]
async fn a_session_expires_by_itself_and_every_message_prolongs_it(pool: PgPool) {
    let app = TestApp::spawn(config(&pool, &[("SUPPORT_CHAT_SESSION_TTL", "1h")])).await;
    let visitor = app.visitor("Hello").await;
    let age = async |minutes: i32| {
        sqlx::query("UPDATE sessions SET active_at = now() - make_interval(mins => $1)")
            .bind(minutes)
            .execute(&pool)
            .await
            .unwrap();
    };
    age(59).await;
    expect(visitor.send("still there").await, 201).await;
    age(0).await;
    expect(visitor.poll(None).await, 200).await;
    age(61).await;
    expect_problem(visitor.send("too late").await, 410, "session_expired").await;
    expect_problem(visitor.poll(None).await, 410, "session_expired").await;
    expect_problem(visitor.close().await, 410, "session_expired").await;
}

//! Staff write to a visitor who has gone.

use std::{
    env, fs,
    time::{Duration, Instant},
};

use serde_json::json;
use sqlx::PgPool;
use tokio::time::sleep;
use uuid::Uuid;

use crate::{
    common::Visitor,
    homeserver::{PATIENCE, Team},
    staff_writes::shown,
};

/// As if the visitor's last request were this long ago.
async fn is_gone_for(pool: &PgPool, visitor: &Visitor<'_>, minutes: f64) {
    let id = Uuid::parse_str(&visitor.session_id).unwrap();
    let before: chrono::DateTime<chrono::Utc> = sqlx::query_scalar("SELECT clock_timestamp()")
        .fetch_one(pool)
        .await
        .unwrap();
    visitor.messages(None).await;
    // The request is recorded once, some time after it; then nothing is left to be recorded.
    let deadline = Instant::now() + PATIENCE;
    loop {
        let recorded = sqlx::query(
            "UPDATE sessions SET created_at = created_at - make_interval(mins => 10),
                 seen_at = now() - make_interval(secs => $3 * 60)
             WHERE id = $1 AND seen_at > $2",
        )
        .bind(id)
        .bind(before)
        .bind(minutes)
        .execute(pool)
        .await
        .unwrap();
        if recorded.rows_affected() > 0 {
            return;
        }
        assert!(Instant::now() < deadline, "the request is not recorded");
        sleep(Duration::from_millis(100)).await;
    }
}

#[sqlx::test(migrations = "../migrations")]
async fn a_text_to_a_visitor_who_has_gone_is_answered_once(pool: PgPool) {
    let mut team = Team::new().await;
    let app = team.serve(&pool, &[]).await;
    let visitor = app.visitor("Hello").await;
    let room_id = team.alice.accept().await;
    is_gone_for(&pool, &visitor, 3.0).await;
    let first = team.alice.say(&room_id, "Are you there?").await;
    let told = team.alice.wait_for_answer(&first).await;
    assert!(told.contains("when they come back"), "{told}");
    let second = team.alice.say(&room_id, "It is $5.").await;
    let picture = json!({ "msgtype": "m.image", "body": "a.png", "url": "mxc://x/y" });
    let picture = team.alice.send(&room_id, picture).await;
    team.alice.wait_for_answer(&picture).await;
    assert!(
        team.alice.answers(&second).is_empty(),
        "once in each absence"
    );
    // They come back, and go again.
    assert_eq!(
        shown(&visitor, "It is $5.").await,
        ["Are you there?", "It is $5."]
    );
    sqlx::query("UPDATE staff_told SET told_at = told_at - interval '10 minutes'")
        .execute(&pool)
        .await
        .unwrap();
    is_gone_for(&pool, &visitor, 4.0).await;
    let third = team.alice.say(&room_id, "Good bye.").await;
    team.alice.wait_for_answer(&third).await;
}

#[sqlx::test(migrations = "../migrations")]
async fn a_canned_reply_to_a_visitor_who_has_gone_is_answered_once(pool: PgPool) {
    let mut team = Team::new().await;
    let path = env::temp_dir().join(format!("canned-{}.toml", Uuid::new_v4()));
    fs::write(&path, "hours = \"From 9 to 18.\"").unwrap();
    let canned = [("SUPPORT_CHAT_CANNED_REPLIES", path.to_str().unwrap())];
    let app = team.serve(&pool, &canned).await;
    fs::remove_file(&path).unwrap();
    let visitor = app.visitor("Hello").await;
    let room_id = team.alice.accept().await;
    is_gone_for(&pool, &visitor, 3.0).await;
    let command = team.alice.say(&room_id, "!r hours").await;
    let told = team.alice.wait_for_answer(&command).await;
    assert!(
        told.starts_with("The visitor was sent:\nFrom 9 to 18.\n"),
        "{told}"
    );
    assert!(told.contains("when they come back"), "{told}");
    let help = team.alice.say(&room_id, "!help").await;
    team.alice.wait_for_answer(&help).await;
    assert_eq!(team.alice.answers(&command).len(), 1);
}

//! The desk's queries.

use std::time::Duration;

use server::storage::{
    Shares,
    desk::alerts::{self, Kind},
};
use sqlx::PgPool;

use crate::common::{TestApp, config};

const DAY: Duration = Duration::from_hours(24);
const PAUSE: Duration = Duration::from_mins(5);

async fn execute(pool: &PgPool, statement: &'static str) {
    sqlx::raw_sql(statement).execute(pool).await.unwrap();
}

#[sqlx::test(migrations = "../migrations")]
async fn what_is_wrong_with_a_conversation_is_known_by_its_code(pool: PgPool) {
    let config = config(&pool, &[]);
    let shares = Shares::new(&config.database);
    let app = TestApp::spawn(config).await;
    app.visitor("Hello").await;
    let current = async |kind| alerts::current(&shares.relay, kind, DAY).await.unwrap();
    for kind in Kind::ALL {
        assert_eq!(current(kind).await, Vec::<String>::new(), "{kind:?}");
    }

    execute(
        &pool,
        "UPDATE sessions SET code = 'K7F2', room_id = '!a:localhost';
         UPDATE messages SET created_at = now() - interval '3 minutes';
         INSERT INTO quarantine (room_id, session_id, event_id, event, reason, set_aside_at)
         SELECT room_id, id, '$1', '{}', 'poison', now() - interval '1 minute' FROM sessions;
         INSERT INTO staff_members (session_id, user_id, membership, attempts, last_error)
         SELECT id, '@alice:localhost', 'wanted', 2, 'M_INVITE_BLOCKED' FROM sessions",
    )
    .await;
    assert_eq!(current(Kind::Delivery).await, ["K7F2"]);
    assert_eq!(current(Kind::Quarantine).await, ["K7F2"]);
    assert_eq!(current(Kind::Invitation).await, ["@alice:localhost"]);
    assert_eq!(current(Kind::Nobody).await, ["K7F2"]);

    // One attempt is no reason to worry, and neither is a mail that has not been tried.
    execute(
        &pool,
        "INSERT INTO mails (session_id, attempts) SELECT id, 2 FROM sessions",
    )
    .await;
    assert_eq!(current(Kind::Mail).await, Vec::<String>::new());
    execute(&pool, "UPDATE mails SET attempts = 3").await;
    assert_eq!(current(Kind::Mail).await, ["K7F2"]);
    execute(
        &pool,
        "DELETE FROM mails;
         INSERT INTO mail_addresses (session_id, address, address_digest, language, failed_at)
         SELECT id, 'ada@example.com', 'x', 'en', now() FROM sessions",
    )
    .await;
    assert_eq!(current(Kind::Mail).await, ["K7F2"]);
    execute(
        &pool,
        "UPDATE mail_addresses SET failed_at = now() - interval '61 minutes'",
    )
    .await;
    assert_eq!(current(Kind::Mail).await, Vec::<String>::new());

    // One member is enough, and one who was only invited when all were invited again does not count.
    execute(
        &pool,
        "INSERT INTO staff_members (session_id, user_id, membership)
         SELECT id, '@bob:localhost', 'invited' FROM sessions",
    )
    .await;
    assert_eq!(current(Kind::Nobody).await, Vec::<String>::new());
    execute(&pool, "UPDATE staff_members SET wanted_again_at = now()").await;
    assert_eq!(current(Kind::Nobody).await, ["K7F2"]);
    execute(&pool, "UPDATE staff_members SET membership = 'joined'").await;
    assert_eq!(current(Kind::Nobody).await, Vec::<String>::new());
}

#[sqlx::test(migrations = "../migrations")]
async fn the_same_is_told_once_and_news_not_too_often(pool: PgPool) {
    let shares = Shares::new(&config(&pool, &[]).database);
    let news = async |subjects: &[&str]| {
        let subjects: Vec<_> = subjects.iter().map(|&it| it.to_owned()).collect();
        let mut db = shares.relay.acquire().await.unwrap();
        let news = alerts::news(&mut db, Kind::Nobody, &subjects, PAUSE);
        let mut news = news.await.unwrap();
        news.sort();
        news
    };
    assert_eq!(news(&["A", "B"]).await, ["A", "B"]);
    assert_eq!(news(&["A", "B"]).await, Vec::<String>::new());
    assert_eq!(news(&["A", "C"]).await, Vec::<String>::new());
    execute(
        &pool,
        "UPDATE desk_alerts SET told_at = now() - interval '5 minutes'",
    )
    .await;
    assert_eq!(news(&["A", "C"]).await, ["C"]);
    // What was not so for an hour is news when it is so again.
    execute(
        &pool,
        "UPDATE desk_alerts SET told_at = now() - interval '2 hours', seen_at = now() - interval '61 minutes'",
    )
    .await;
    assert_eq!(news(&["A"]).await, ["A"]);
}

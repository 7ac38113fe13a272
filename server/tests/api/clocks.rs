//! Clocks that are wrong for a while: Postgres', the server's, or both.

use std::time::Duration;

use chrono::{DateTime, Days, TimeDelta, Utc};
use server::storage::{
    Db, clock, idempotency,
    messages::{self, NewEntry},
    retention, sync_position,
};
use sqlx::{AssertSqlSafe, PgPool};
use uuid::Uuid;

use crate::{
    common::{TestApp, Visitor, config, expect},
    problem::expect_problem,
    shares,
};

const AGE: Duration = Duration::from_hours(24);

/// New connections to the database get a different clock from Postgres.
async fn shift(pool: &PgPool, by: &str) {
    let database: String = sqlx::query_scalar("SELECT current_database()::text")
        .fetch_one(pool)
        .await
        .unwrap();
    // This function is found before that of Postgres, and new objects are created in the usual schema.
    let statements = format!(
        r#"CREATE OR REPLACE FUNCTION public.now() RETURNS timestamptz STABLE LANGUAGE sql
               AS $$ SELECT pg_catalog.now() + interval '{by}' $$;
           CREATE OR REPLACE FUNCTION public.clock_timestamp() RETURNS timestamptz LANGUAGE sql
               AS $$ SELECT pg_catalog.clock_timestamp() + interval '{by}' $$;
           ALTER DATABASE "{database}" SET search_path = public, pg_catalog"#
    );
    sqlx::raw_sql(AssertSqlSafe(statements))
        .execute(pool)
        .await
        .unwrap();
}

fn next_year() -> DateTime<Utc> {
    Utc::now() + Days::new(365)
}

/// Conversations that have been quiet for this many hours, each with an idempotency key of the same age.
async fn quiet(pool: &PgPool, hours: &[i32]) {
    sqlx::query(
        "WITH session AS (
             INSERT INTO sessions (id, visitor_name, active_at)
             SELECT gen_random_uuid(), 'Ada', now() - make_interval(hours => hours)
             FROM unnest($1::int[]) hours RETURNING id, active_at
         ), message AS (
             INSERT INTO messages (id, session_id, seq, sender, body)
             SELECT gen_random_uuid(), id, 1, 'staff', 'Hello' FROM session RETURNING id, session_id
         )
         INSERT INTO idempotency_keys
             (scope, operation, key_digest, request_digest, session_id, message_id, created_at)
         SELECT session.id, 'create_session', '', '', session.id, message.id, active_at
         FROM session JOIN message ON message.session_id = session.id",
    )
    .bind(hours)
    .execute(pool)
    .await
    .unwrap();
}

/// The conversations and keys that are left after everything that may be deleted was.
async fn left(pool: &PgPool, db: &Db, own: DateTime<Utc>) -> (i64, i64) {
    idempotency::delete_expired(db, own, 100).await.unwrap();
    retention::empty_older_than(db, own, AGE, 100)
        .await
        .unwrap();
    sqlx::query_as(
        "SELECT (SELECT count(*) FROM messages), (SELECT count(*) FROM idempotency_keys)",
    )
    .fetch_one(pool)
    .await
    .unwrap()
}

#[sqlx::test(migrations = "../migrations")]
async fn what_is_old_by_all_clocks_is_deleted(pool: PgPool) {
    let db = shares(&pool).relay;
    quiet(&pool, &[23, 25]).await;
    assert_eq!(left(&pool, &db, Utc::now()).await, (1, 1));
}

#[sqlx::test(migrations = "../migrations")]
async fn one_clock_that_is_ahead_deletes_nothing(pool: PgPool) {
    quiet(&pool, &[0, 23]).await;
    let right = shares(&pool).relay;
    for _ in 0..60 {
        clock::advance(&right, next_year()).await.unwrap();
    }
    assert_eq!(
        left(&pool, &right, next_year()).await,
        (2, 2),
        "the server's"
    );
    shift(&pool, "1 year").await;
    let wrong = shares(&pool).relay;
    for _ in 0..60 {
        clock::advance(&wrong, Utc::now()).await.unwrap();
    }
    assert_eq!(left(&pool, &wrong, Utc::now()).await, (2, 2), "Postgres'");
}

#[sqlx::test(migrations = "../migrations")]
async fn two_clocks_that_are_ahead_for_a_minute_delete_what_is_almost_old(pool: PgPool) {
    quiet(&pool, &[0, 22]).await;
    sqlx::query("UPDATE sessions SET active_at = active_at - interval '115 minutes' WHERE active_at < now() - interval '1 hour'")
        .execute(&pool)
        .await
        .unwrap();
    shift(&pool, "1 year").await;
    let wrong = shares(&pool).relay;
    assert_eq!(
        left(&pool, &wrong, next_year()).await.0,
        2,
        "not by the third"
    );
    // Twice, because it runs again after 75 s.
    for _ in 0..2 {
        clock::advance(&wrong, next_year()).await.unwrap();
    }
    assert_eq!(
        left(&pool, &wrong, next_year()).await.0,
        1,
        "five minutes before its time"
    );
    let newest: DateTime<Utc> = sqlx::query_scalar("SELECT newest FROM clock")
        .fetch_one(&pool)
        .await
        .unwrap();
    assert!(newest - Utc::now() < TimeDelta::minutes(21));
    // The clock never goes back, and right clocks move it on.
    let right = shares(&pool).relay;
    clock::advance(&right, Utc::now() - Days::new(1))
        .await
        .unwrap();
    let after: DateTime<Utc> = sqlx::query_scalar("SELECT newest FROM clock")
        .fetch_one(&pool)
        .await
        .unwrap();
    assert_eq!(after, newest);
}

#[sqlx::test(migrations = "../migrations")]
async fn a_conversation_goes_on_while_postgres_clock_is_a_year_ahead(pool: PgPool) {
    let right = TestApp::spawn(config(&pool, &[])).await;
    let visitor = right.visitor("Hello").await;
    shift(&pool, "1 year").await;
    let wrong = TestApp::spawn(config(&pool, &[])).await;
    let there = Visitor {
        app: &wrong,
        session_id: visitor.session_id.clone(),
        token: visitor.token.clone(),
        first_message_id: visitor.first_message_id.clone(),
    };
    assert_eq!(there.messages(None).await.len(), 1);
    expect(there.send("still there?").await, 201).await;
    // The session has ended by both clocks.
    sqlx::query("UPDATE sessions SET active_at = pg_catalog.now() - interval '25 hours'")
        .execute(&pool)
        .await
        .unwrap();
    expect_problem(there.poll(None).await, 410, "session_expired").await;
}

/// The hours until the last message of each conversation, after futures were ended.
async fn hours_ahead(pool: &PgPool, db: &Db, own: DateTime<Utc>) -> Vec<i32> {
    retention::end_futures(db, own, 100).await.unwrap();
    sqlx::query_scalar(
        "SELECT round(extract(epoch FROM active_at - now()) / 3600)::int FROM sessions ORDER BY 1",
    )
    .fetch_all(pool)
    .await
    .unwrap()
}

#[sqlx::test(migrations = "../migrations")]
async fn a_conversation_from_the_future_ends_as_others_do(pool: PgPool) {
    let db = shares(&pool).relay;
    quiet(&pool, &[-9_000, 0]).await;
    assert_eq!(
        hours_ahead(&pool, &db, next_year() + Days::new(30)).await,
        [0, 9_000],
        "it may be the other clock that is wrong"
    );
    assert_eq!(hours_ahead(&pool, &db, Utc::now()).await, [0, 0]);
}

#[sqlx::test(migrations = "../migrations")]
async fn an_answer_from_the_future_does_not_count_as_current(pool: PgPool) {
    let db = shares(&pool).reads;
    sqlx::query("UPDATE sync_position SET synced_at = now() + interval '1 hour'")
        .execute(&pool)
        .await
        .unwrap();
    let age = sync_position::age_seconds(&db).await.unwrap().unwrap();
    assert!(age > 3_500.0, "{age}");
}

#[sqlx::test(migrations = "../migrations")]
async fn the_homeservers_clock_dates_no_reply_before_what_it_answers(pool: PgPool) {
    quiet(&pool, &[0]).await;
    let (session_id, asked_at): (Uuid, DateTime<Utc>) =
        sqlx::query_as("SELECT session_id, created_at FROM messages")
            .fetch_one(&pool)
            .await
            .unwrap();
    sqlx::query("UPDATE sessions SET last_seq = 1")
        .execute(&pool)
        .await
        .unwrap();
    let db = shares(&pool).relay;
    for wrong_by in [TimeDelta::hours(-1), TimeDelta::days(365)] {
        let new = NewEntry {
            id: Uuid::new_v4(),
            session_id,
            body: "reply",
            written_at: Some(Utc::now() + wrong_by),
            replaces: None,
            removed: false,
            prolongs: true,
        };
        let mut connection = db.acquire().await.unwrap();
        messages::append(&mut connection, &new).await.unwrap();
        let dated = messages::created_at(&mut connection, new.id).await.unwrap();
        // Times are told in milliseconds.
        let between = asked_at - TimeDelta::milliseconds(1)..=Utc::now() + TimeDelta::seconds(1);
        assert!(between.contains(&dated), "{wrong_by}: {dated}");
    }
}

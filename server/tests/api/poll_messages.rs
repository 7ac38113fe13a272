use std::{collections::HashSet, time::Duration};

use app::contract::MAX_POLL_BYTES;
use futures_util::future::join_all;
use serde_json::Value;
use sqlx::PgPool;
use tokio::time;

use crate::{
    common::{TestApp, Visitor, config, expect},
    problem::expect_problem,
};

fn bodies(messages: &[Value]) -> Vec<&str> {
    messages
        .iter()
        .map(|message| message["body"].as_str().unwrap())
        .collect()
}

#[sqlx::test(migrations = "../migrations")]
async fn a_cursor_gives_only_what_came_later(pool: PgPool) {
    let app = TestApp::spawn(config(&pool, &[])).await;
    let visitor = app.visitor("one").await;
    assert_eq!(
        visitor.messages(Some(&visitor.first_message_id)).await,
        [] as [Value; 0]
    );
    let two = expect(visitor.send("two").await, 201).await;
    expect(visitor.send("three").await, 201).await;
    assert_eq!(
        bodies(&visitor.messages(None).await),
        ["one", "two", "three"]
    );
    let after_first = visitor.messages(Some(&visitor.first_message_id)).await;
    assert_eq!(bodies(&after_first), ["two", "three"]);
    assert_eq!(
        bodies(&visitor.messages(two["messageId"].as_str()).await),
        ["three"]
    );
}

#[sqlx::test(migrations = "../migrations")]
async fn a_full_answer_has_a_hundred_and_the_next_goes_on(pool: PgPool) {
    let app = TestApp::spawn(config(
        &pool,
        &[("SUPPORT_CHAT_MESSAGES_PER_SESSION_PER_MINUTE", "0")],
    ))
    .await;
    let visitor = app.visitor("0").await;
    for n in 1..=100 {
        expect(visitor.send(&n.to_string()).await, 201).await;
    }
    let page = visitor.messages(None).await;
    assert_eq!(page.len(), 100);
    let rest = visitor.messages(page.last().unwrap()["id"].as_str()).await;
    assert_eq!(bodies(&rest), ["100"]);
}

/// As many texts as one answer may have, each of the largest length, and full of characters that JSON has to escape.
async fn fill(pool: &PgPool, texts: i32) {
    sqlx::query(
        "INSERT INTO messages (id, session_id, seq, sender, body, created_at, removed)
         SELECT gen_random_uuid(), id, n, 'staff', n || repeat(E'\"\\\\\\n', 5000), now(), false
         FROM sessions, generate_series(2, 1 + $1) AS n",
    )
    .bind(texts)
    .execute(pool)
    .await
    .unwrap();
    sqlx::query("UPDATE sessions SET last_seq = 1 + $1")
        .bind(i64::from(texts))
        .execute(pool)
        .await
        .unwrap();
}

/// Follows `more` from the beginning; returns the texts' numbers and the number of answers.
async fn follow(visitor: &Visitor<'_>) -> (Vec<i32>, usize) {
    let (mut numbers, mut cursor): (Vec<i32>, Option<String>) = (Vec::new(), None);
    for answers in 1.. {
        let answer = visitor.poll(cursor.as_deref()).await;
        assert_eq!(answer.status(), 200);
        let json = answer.text().await.unwrap();
        assert!(json.len() <= MAX_POLL_BYTES, "{}", json.len());
        let answer: Value = serde_json::from_str(&json).unwrap();
        let messages = answer["messages"].as_array().unwrap();
        numbers.extend(messages.iter().map(|message| {
            let body = message["body"].as_str().unwrap();
            let number = body.split('"').next().unwrap();
            number.parse::<i32>().unwrap()
        }));
        match answer.get("more") {
            None => return (numbers, answers),
            Some(more) => assert_eq!(*more, true),
        }
        cursor = Some(messages.last().unwrap()["id"].as_str().unwrap().to_owned());
    }
    unreachable!()
}

#[sqlx::test(migrations = "../migrations")]
async fn an_answer_is_cut_by_its_size_and_complete_when_it_is_followed(pool: PgPool) {
    const TEXTS: i32 = 40;
    let vars = [("SUPPORT_CHAT_REQUESTS_PER_IP_PER_MINUTE", "0")];
    let app = TestApp::spawn(config(&pool, &vars)).await;
    let visitor = app.visitor("1").await;
    fill(&pool, TEXTS).await;
    let all: Vec<i32> = (1..=1 + TEXTS).collect();
    // A text is 30 kB of JSON, and an answer holds eight of them.
    let (numbers, answers) = follow(&visitor).await;
    assert_eq!((numbers, answers), (all.clone(), 5));
    // Several clients at once get everything too, in smaller pieces.
    for (numbers, answers) in join_all((0..12).map(|_| follow(&visitor))).await {
        assert_eq!(numbers, all);
        assert!(answers >= 5, "{answers}");
    }
}

#[sqlx::test(migrations = "../migrations")]
async fn a_full_answer_says_whether_more_follows(pool: PgPool) {
    let app = TestApp::spawn(config(&pool, &[])).await;
    let visitor = app.visitor("1").await;
    sqlx::query(
        "INSERT INTO messages (id, session_id, seq, sender, body, created_at, removed)
         SELECT gen_random_uuid(), id, n, 'staff', n::text, now(), false
         FROM sessions, generate_series(2, 200) AS n",
    )
    .execute(&pool)
    .await
    .unwrap();
    let first = expect(visitor.poll(None).await, 200).await;
    assert_eq!(
        (first["messages"].as_array().unwrap().len(), &first["more"]),
        (100, &true.into())
    );
    let last = first["messages"][99]["id"].as_str().unwrap();
    let second = expect(visitor.poll(Some(last)).await, 200).await;
    assert_eq!(second["messages"].as_array().unwrap().len(), 100);
    assert_eq!(second.get("more"), None);
}

#[sqlx::test(migrations = "../migrations")]
async fn a_cursor_of_another_session_or_of_none_is_refused(pool: PgPool) {
    let app = TestApp::spawn(config(&pool, &[])).await;
    let (ada, grace) = (app.visitor("Ada's").await, app.visitor("Grace's").await);
    let foreign = [
        grace.first_message_id.as_str(),
        "",
        "1",
        "00000000-0000-0000-0000-000000000000",
    ];
    for cursor in foreign {
        expect_problem(ada.poll(Some(cursor)).await, 422, "unknown_cursor").await;
    }
}

/// Writers and a poller compete: a cursor must never pass a message that comes later.
#[sqlx::test(migrations = "../migrations")]
async fn concurrent_writers_never_slip_in_behind_a_cursor(pool: PgPool) {
    const WRITERS: usize = 8;
    const EACH: usize = 100;
    let app = TestApp::spawn(config(
        &pool,
        &[
            ("SUPPORT_CHAT_MESSAGES_PER_SESSION_PER_MINUTE", "0"),
            ("SUPPORT_CHAT_REQUESTS_PER_IP_PER_MINUTE", "0"),
        ],
    ))
    .await;
    let visitor = app.visitor("first").await;
    let writers = (0..WRITERS).map(|writer| {
        let visitor = &visitor;
        async move {
            for n in 0..EACH {
                expect(visitor.send(&format!("{writer} {n}")).await, 201).await;
            }
        }
    });
    let poller = async {
        let mut seen: Vec<Value> = Vec::new();
        while seen.len() < 1 + WRITERS * EACH {
            let cursor = seen
                .last()
                .map(|message| message["id"].as_str().unwrap().to_owned());
            seen.extend(visitor.messages(cursor.as_deref()).await);
        }
        seen
    };
    let (seen, _) = tokio::join!(poller, futures_util::future::join_all(writers));
    let ids: HashSet<_> = seen
        .iter()
        .map(|message| message["id"].as_str().unwrap())
        .collect();
    assert_eq!(ids.len(), 1 + WRITERS * EACH, "each exactly once");
    for writer in 0..WRITERS {
        let prefix = format!("{writer} ");
        let order: Vec<usize> = bodies(&seen)
            .iter()
            .filter_map(|body| body.strip_prefix(&prefix)?.parse().ok())
            .collect();
        assert_eq!(
            order,
            (0..EACH).collect::<Vec<_>>(),
            "writer {writer} in its order"
        );
    }
    assert_eq!(
        seen[..100],
        visitor.messages(None).await[..],
        "a second reading is the same"
    );
}

#[sqlx::test(migrations = "../migrations")]
async fn a_poll_that_postgres_does_not_answer_is_to_come_again(pool: PgPool) {
    let app = TestApp::spawn(config(&pool, &[])).await;
    let visitor = app.visitor("Hello").await;
    let mut tx = pool.begin().await.unwrap();
    sqlx::query("LOCK TABLE messages IN ACCESS EXCLUSIVE MODE")
        .execute(&mut *tx)
        .await
        .unwrap();
    let refused = visitor.poll(None).await;
    assert!(refused.headers().contains_key("retry-after"));
    expect_problem(refused, 503, "database_unavailable").await;
    tx.commit().await.unwrap();
    assert_eq!(bodies(&visitor.messages(None).await), ["Hello"]);
}

/// More polls than one statement reads, so that some are read together.
const AT_ONCE: usize = 80;

#[sqlx::test(migrations = "../migrations")]
async fn polls_that_are_read_together_are_each_answered_with_their_own(pool: PgPool) {
    let unlimited = ["SESSIONS_PER_IP_PER_HOUR", "REQUESTS_PER_IP_PER_MINUTE"]
        .map(|name| (format!("SUPPORT_CHAT_{name}"), "0"));
    let unlimited: Vec<_> = unlimited.iter().map(|(k, v)| (k.as_str(), *v)).collect();
    let app = TestApp::spawn(config(&pool, &unlimited)).await;
    let mut visitors = Vec::new();
    for n in 0..AT_ONCE {
        let visitor = app.visitor(&format!("first of {n}")).await;
        expect(visitor.send(&format!("second of {n}")).await, 201).await;
        visitors.push(visitor);
    }
    let stranger = |visitor: &Visitor<'_>, session_id: &str| Visitor {
        app: &app,
        session_id: session_id.to_owned(),
        token: visitor.token.clone(),
        first_message_id: String::new(),
    };
    let nobody = stranger(&visitors[0], "00000000-0000-4000-8000-000000000000");
    let intruder = stranger(&visitors[0], &visitors[1].session_id);

    let mut tx = pool.begin().await.unwrap();
    sqlx::query("LOCK TABLE messages IN ACCESS EXCLUSIVE MODE")
        .execute(&mut *tx)
        .await
        .unwrap();
    let polls = async {
        tokio::join!(
            join_all(visitors.iter().map(|visitor| visitor.messages(None))),
            join_all(visitors.iter().map(|visitor| {
                let first = &visitor.first_message_id;
                visitor.messages(Some(first))
            })),
            nobody.poll(None),
            intruder.poll(None),
            visitors[2].poll(Some(&visitors[3].first_message_id)),
        )
    };
    let release = async {
        // The first statements wait for the lock, and all others for them.
        let waiting = || {
            sqlx::query_scalar::<_, bool>(
                "SELECT count(*) > 0 FROM pg_stat_activity
                 WHERE datname = current_database() AND wait_event_type = 'Lock'",
            )
            .fetch_one(&pool)
        };
        let one_waits = async {
            while !waiting().await.unwrap() {
                time::sleep(Duration::from_millis(5)).await;
            }
        };
        time::timeout(Duration::from_secs(30), one_waits)
            .await
            .expect("a statement that waits");
        tx.commit().await.unwrap();
    };
    let ((all, later, nobody, intruder, foreign), ()) = tokio::join!(polls, release);
    for (n, (all, later)) in all.iter().zip(&later).enumerate() {
        let [first, second] = ["first", "second"].map(|which| format!("{which} of {n}"));
        assert_eq!(bodies(all), [first.as_str(), second.as_str()]);
        assert_eq!(bodies(later), [second.as_str()]);
    }
    expect_problem(nobody, 404, "session_not_found").await;
    expect_problem(intruder, 401, "invalid_token").await;
    expect_problem(foreign, 422, "unknown_cursor").await;
}

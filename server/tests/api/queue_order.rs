//! The order in which tasks are claimed: lanes, turns, wrong clocks, and what may not overtake what.

mod lost_room;
mod wanted_staff;

use std::time::Duration;

use chrono::Utc;
use server::{
    relay::queue::{self, Claim, End, Lane, Outcome, Replaced, Task},
    storage::{
        session_rooms,
        staff_members::{self, Membership, Observed},
    },
};
use sqlx::PgPool;
use uuid::Uuid;

use crate::shares;

const TTL: Duration = Duration::from_hours(24);

async fn session(pool: &PgPool) -> Uuid {
    sqlx::query_scalar("INSERT INTO sessions (id) VALUES (gen_random_uuid()) RETURNING id")
        .fetch_one(pool)
        .await
        .unwrap()
}

async fn push(pool: &PgPool, session_id: Uuid, task: &Task) {
    let mut db = shares(pool).relay.acquire().await.unwrap();
    queue::push(&mut db, session_id, task).await.unwrap();
}

async fn say(pool: &PgPool, session_id: Uuid, text: &str) -> Uuid {
    let mut db = shares(pool).relay.acquire().await.unwrap();
    let id = Uuid::new_v4();
    queue::push_message(&mut db, session_id, id, text, false)
        .await
        .unwrap();
    id
}

async fn claim(pool: &PgPool, lane: Lane, limit: i64) -> Vec<Claim> {
    queue::claim(pool, lane, limit).await.unwrap()
}

async fn run(pool: &PgPool, statement: &'static str) {
    sqlx::query(statement).execute(pool).await.unwrap();
}

async fn finish(pool: &PgPool, claim: &Claim, outcome: Outcome, limit: i64) -> queue::Finished {
    let end = End {
        claim: claim.clone(),
        outcome,
        after: claim.position,
        limit,
    };
    queue::finish(pool, &[end]).await.unwrap().remove(0)
}

#[sqlx::test(migrations = "../migrations")]
async fn each_lane_has_its_own_first_tasks_however_many_wait_in_the_other(pool: PgPool) {
    for _ in 0..30 {
        let new = session(&pool).await;
        push(&pool, new, &Task::CreateRoom).await;
        say(&pool, new, "Hello").await;
    }
    let older = session(&pool).await;
    say(&pool, older, "Still there?").await;
    let messages = claim(&pool, Lane::Messages, 16).await;
    let of: Vec<_> = messages.iter().map(|claim| claim.subject.id).collect();
    assert_eq!(of, [older]);
    let rooms = claim(&pool, Lane::Rooms, 2).await;
    assert!(rooms.iter().all(|claim| claim.task == Task::CreateRoom));
    assert_eq!(rooms.len(), 2);
}

#[sqlx::test(migrations = "../migrations")]
async fn a_session_that_gives_up_its_turn_comes_after_those_that_wait(pool: PgPool) {
    let (long, short) = (session(&pool).await, session(&pool).await);
    for text in ["1", "2", "3"] {
        say(&pool, long, text).await;
    }
    say(&pool, short, "short").await;
    let first = claim(&pool, Lane::Messages, 1).await.remove(0);
    assert_eq!(first.text.as_deref(), Some("1"));
    assert!(
        !queue::yield_turn(&pool, long).await.unwrap(),
        "it is being sent"
    );
    finish(&pool, &first, Outcome::Done, 0).await;
    assert!(queue::yield_turn(&pool, long).await.unwrap());
    let texts = async || {
        let claims = claim(&pool, Lane::Messages, 1).await;
        claims[0].text.clone().unwrap()
    };
    assert_eq!(texts().await, "short");
    assert_eq!(texts().await, "2");
    assert!(!queue::yield_turn(&pool, Uuid::new_v4()).await.unwrap());
}

/// The state after Postgres' clock was a year ahead, or was set back by an hour.
#[sqlx::test(migrations = "../migrations")]
async fn a_time_that_only_a_wrong_clock_can_have_set_holds_nothing_up(pool: PgPool) {
    let session_id = session(&pool).await;
    for text in ["first", "second"] {
        say(&pool, session_id, text).await;
    }
    for wrong in [
        "UPDATE outbox SET due_at = now() + interval '1 year', delayed_at = NULL",
        "UPDATE outbox SET due_at = now() + interval '1 hour 30 s', delayed_at = now() + interval '1 hour'",
        "UPDATE outbox SET due_at = now() + interval '45 s', delayed_at = now() + interval '15 s'",
        "UPDATE outbox SET leased_until = now() + interval '1 year'",
        "UPDATE outbox SET leased_until = now() + interval '1 hour'",
    ] {
        run(&pool, wrong).await;
        let first = claim(&pool, Lane::Messages, 9).await;
        assert_eq!(first.len(), 1, "{wrong}");
        let behind = finish_nothing(&pool, &first[0]).await;
        assert_eq!(behind, 1, "{wrong}");
        run(
            &pool,
            "UPDATE outbox SET leased_until = NULL, due_at = now(), delayed_at = NULL",
        )
        .await;
    }
    for right in [
        "UPDATE outbox SET due_at = now() + interval '4 min', delayed_at = now()",
        "UPDATE outbox SET leased_until = now() + interval '5 s'",
    ] {
        run(&pool, right).await;
        assert!(claim(&pool, Lane::Messages, 9).await.is_empty(), "{right}");
    }
}

/// The number of tasks that could be claimed with its end, which is rolled back.
async fn finish_nothing(pool: &PgPool, claim: &Claim) -> usize {
    let mut tx = pool.begin().await.unwrap();
    let end = End {
        claim: claim.clone(),
        outcome: Outcome::Done,
        after: claim.position,
        limit: 9,
    };
    let finished = queue::finish(&mut *tx, &[end]).await.unwrap();
    tx.rollback().await.unwrap();
    finished[0].next.len()
}

#[sqlx::test(migrations = "../migrations")]
async fn how_long_ago_a_room_was_asked_for_is_told_by_the_clock_that_says_less(pool: PgPool) {
    let session_id = session(&pool).await;
    push(&pool, session_id, &Task::CreateRoom).await;
    let asked_ago = async |change: &'static str| {
        run(&pool, "UPDATE outbox SET leased_until = NULL").await;
        let first = claim(&pool, Lane::Rooms, 1).await.remove(0);
        let asked = queue::set_room_asked(&pool, &first, Some(Utc::now()));
        assert!(asked.await.unwrap());
        run(&pool, change).await;
        run(&pool, "UPDATE outbox SET leased_until = NULL").await;
        let again = claim(&pool, Lane::Rooms, 1).await.remove(0);
        again.room_asked.expect("asked").ago(Utc::now())
    };
    let short = Duration::from_secs(20);
    for jumped in [
        "UPDATE outbox SET room_asked_at = now() - interval '1 year'",
        "UPDATE outbox SET room_asked_at = now() + interval '1 year'",
        "UPDATE outbox SET room_asked_own = now() - interval '1 year'",
        "UPDATE outbox SET room_asked_own = now() + interval '1 year'",
    ] {
        assert!(asked_ago(jumped).await.unwrap() < short, "{jumped}");
    }
    let both = "UPDATE outbox SET room_asked_at = now() + interval '1 year',
                    room_asked_own = now() + interval '1 year'";
    assert_eq!(asked_ago(both).await, None, "nobody knows");
    let before =
        "UPDATE outbox SET room_asked_at = now() - interval '1 hour', room_asked_own = NULL";
    assert!(
        asked_ago(before).await.unwrap() > short,
        "an older server asked"
    );
    let first = claim(&pool, Lane::Rooms, 1).await;
    assert!(first.is_empty());
    sqlx::query("UPDATE outbox SET leased_until = NULL")
        .execute(&pool)
        .await
        .unwrap();
    let first = claim(&pool, Lane::Rooms, 1).await.remove(0);
    let mut earlier = first.clone();
    earlier.attempts -= 1;
    let taken_over = queue::set_room_asked(&pool, &earlier, Some(Utc::now())).await;
    assert!(
        !taken_over.unwrap(),
        "whoever claimed it does not know of it"
    );
    assert!(queue::set_room_asked(&pool, &first, None).await.unwrap());
    sqlx::query("UPDATE outbox SET leased_until = NULL")
        .execute(&pool)
        .await
        .unwrap();
    assert!(claim(&pool, Lane::Rooms, 1).await[0].room_asked.is_none());
}

/// A session with a room, for which "first" is on its way and "second" waits.
async fn conversation(pool: &PgPool) -> (Uuid, Claim) {
    let session_id = session(pool).await;
    session_rooms::set_room(pool, session_id, "!old:localhost")
        .await
        .unwrap();
    for text in ["first", "second"] {
        say(pool, session_id, text).await;
    }
    push(pool, session_id, &Task::Details).await;
    let recap = Task::Recap {
        join_event_id: "$join".to_owned(),
        user_id: "@alice:localhost".to_owned(),
    };
    push(pool, session_id, &recap).await;
    let claim = claim(pool, Lane::Messages, 1).await.remove(0);
    (session_id, claim)
}

/// The state after Postgres has forgotten the end of the previous task in a crash.
#[sqlx::test(migrations = "../migrations")]
async fn a_task_ends_only_after_those_before_it_in_its_session(pool: PgPool) {
    let session_id = session(&pool).await;
    let other_id = session(&pool).await;
    push(&pool, other_id, &Task::Notice("of another".to_owned())).await;
    for text in ["one", "two"] {
        push(&pool, session_id, &Task::Notice(text.to_owned())).await;
    }
    for text in ["three", "four"] {
        say(&pool, session_id, text).await;
    }
    let mut first = claim(&pool, Lane::Messages, 9).await.into_iter();
    let one = first.find(|claim| claim.subject.id == session_id);
    let next = finish(&pool, &one.unwrap(), Outcome::Done, 2).await.next;
    let [two, three] = &next[..] else {
        panic!("{next:?}");
    };
    let sent = || Outcome::Sent("$three".to_owned());
    let early = finish(&pool, three, sent(), 9).await;
    assert!(!early.message_ended && early.next.is_empty(), "{early:?}");
    let queued = count_queued(&pool, session_id).await;
    assert_eq!(queued, 3, "nothing was taken off the queue");

    finish(&pool, two, Outcome::Done, 0).await;
    let ended = finish(&pool, three, sent(), 9).await;
    assert!(ended.message_ended);
    assert_eq!(ended.next[0].text.as_deref(), Some("four"));
}

/// A server of the release before sees this during an update.
#[sqlx::test(migrations = "../migrations")]
async fn nothing_overtakes_a_task_of_a_kind_that_is_not_known(pool: PgPool) {
    let session_id = session(&pool).await;
    for text in ["one", "two", "three", "four"] {
        say(&pool, session_id, text).await;
    }
    let one = claim(&pool, Lane::Messages, 1).await.remove(0);
    run(
        &pool,
        "UPDATE outbox SET kind = 'of the next release', message_id = NULL
         WHERE id = (SELECT id FROM outbox ORDER BY position OFFSET 2 LIMIT 1)",
    )
    .await;
    let next = finish(&pool, &one, Outcome::Done, 9).await.next;
    let texts: Vec<_> = next.iter().map(|claim| claim.text.as_deref()).collect();
    assert_eq!(texts, [Some("two")], "the third task is not known");
}

async fn count_queued(pool: &PgPool, session_id: Uuid) -> i64 {
    sqlx::query_scalar("SELECT count(*) FROM outbox WHERE session_id = $1")
        .bind(session_id)
        .fetch_one(pool)
        .await
        .unwrap()
}

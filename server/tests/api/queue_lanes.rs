//! The lanes of the outbox, wrong clocks, and rooms that are lost.

use std::time::Duration;

use chrono::Utc;
use server::{
    relay::queue::{self, Claim, End, Lane, Outcome, Replaced, Task},
    storage::{
        sessions,
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

/// As after Postgres' clock was a year ahead, or was put back by an hour.
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

/// How many behind it could be claimed with its end, which is undone.
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
    sessions::set_room(pool, session_id, "!old:localhost")
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

async fn replace(pool: &PgPool, claim: &Claim) -> Replaced {
    let mut tx = shares(pool).relay.begin().await.unwrap();
    let replaced = queue::replace_room(&mut tx, claim, "!old:localhost", TTL).await;
    tx.commit().await.unwrap();
    replaced.unwrap()
}

#[sqlx::test(migrations = "../migrations")]
async fn a_lost_room_is_replaced_once_before_what_waits_and_never_comes_back(pool: PgPool) {
    let (session_id, claimed) = conversation(&pool).await;
    let mut stale = claimed.clone();
    stale.attempts -= 1;
    assert_eq!(replace(&pool, &stale).await, Replaced::Already);
    assert_eq!(replace(&pool, &claimed).await, Replaced::ByNewRoom);
    assert_eq!(replace(&pool, &claimed).await, Replaced::Already);
    let room = sessions::set_room(&pool, session_id, "!old:localhost")
        .await
        .unwrap();
    assert_eq!(room, None, "not as the syncer finds it");

    // What was on its way to the old room did not get there in time.
    let late = finish(&pool, &claimed, Outcome::Sent("$late".to_owned()), 9).await;
    assert!(late.next.is_empty() && !late.message_ended);

    let create = claim(&pool, Lane::Rooms, 9).await.remove(0);
    assert!(claim(&pool, Lane::Messages, 9).await.is_empty());
    sessions::set_room(&pool, session_id, "!new:localhost")
        .await
        .unwrap();
    let next = finish(&pool, &create, Outcome::Done, 9).await.next;
    let tasks: Vec<_> = next
        .iter()
        .map(|claim| (&claim.task, claim.text.as_deref()))
        .collect();
    let [
        (Task::Retell, None),
        (Task::Message(_), Some("first")),
        (Task::Message(_), Some("second")),
    ] = tasks[..]
    else {
        panic!("{tasks:?}");
    };
    assert!(
        next.iter()
            .all(|claim| claim.subject.room_id.as_deref() == Some("!new:localhost"))
    );
}

/// As when Postgres forgot in a crash how the task before it ended.
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

/// As a server of the release before sees it while the servers are updated.
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

/// Else a homeserver that puts the bot out of each room at once would have to make one after the other.
#[sqlx::test(migrations = "../migrations")]
async fn a_room_that_is_lost_soon_after_another_is_replaced_later(pool: PgPool) {
    let (session_id, claimed) = conversation(&pool).await;
    assert_eq!(replace(&pool, &claimed).await, Replaced::ByNewRoom);
    let create = claim(&pool, Lane::Rooms, 1).await.remove(0);
    sessions::set_room(&pool, session_id, "!new:localhost")
        .await
        .unwrap();
    let retell = finish(&pool, &create, Outcome::Done, 1)
        .await
        .next
        .remove(0);
    let mut tx = shares(&pool).relay.begin().await.unwrap();
    let replaced = queue::replace_room(&mut tx, &retell, "!new:localhost", TTL).await;
    assert_eq!(replaced.unwrap(), Replaced::ByNewRoom);
    tx.commit().await.unwrap();
    assert!(claim(&pool, Lane::Rooms, 9).await.is_empty());
    let waits: f64 = sqlx::query_scalar(
        "SELECT extract(epoch FROM due_at - now())::float8 FROM outbox WHERE kind = 'create_room'",
    )
    .fetch_one(&pool)
    .await
    .unwrap();
    assert!((5.0..=10.0).contains(&waits), "{waits}");
    run(&pool, "UPDATE outbox SET due_at = now(), delayed_at = NULL").await;
    assert_eq!(claim(&pool, Lane::Rooms, 9).await.len(), 1);
}

#[sqlx::test(migrations = "../migrations")]
async fn an_ended_conversation_gets_another_room_only_for_what_the_visitor_said(pool: PgPool) {
    let (_, claimed) = conversation(&pool).await;
    run(&pool, "UPDATE sessions SET closed_at = now()").await;
    assert_eq!(replace(&pool, &claimed).await, Replaced::ByNewRoom);

    run(&pool, "DELETE FROM sessions").await;
    let session_id = session(&pool).await;
    sessions::set_room(&pool, session_id, "!old:localhost")
        .await
        .unwrap();
    push(
        &pool,
        session_id,
        &Task::Notice("The visitor ended the chat.".to_owned()),
    )
    .await;
    let claimed = claim(&pool, Lane::Messages, 1).await.remove(0);
    run(&pool, "UPDATE sessions SET closed_at = now()").await;
    assert_eq!(replace(&pool, &claimed).await, Replaced::ByNothing);
    assert_eq!(queue::backlog(&pool).await.unwrap().tasks, 0);
}

async fn staff(pool: &PgPool) -> Vec<(String, String)> {
    sqlx::query_as("SELECT user_id, membership FROM staff_members ORDER BY user_id")
        .fetch_all(pool)
        .await
        .unwrap()
}

const ALICE: &str = "@alice:localhost";
const BOB: &str = "@bob:localhost";

fn are(alice: &str, bob: &str) -> Vec<(String, String)> {
    [(ALICE, alice), (BOB, bob)]
        .map(|(id, is)| (id.to_owned(), is.to_owned()))
        .to_vec()
}

#[sqlx::test(migrations = "../migrations")]
async fn staff_are_wanted_again_when_a_visitor_writes_and_nobody_is_there(pool: PgPool) {
    let session_id = session(&pool).await;
    sessions::set_room(&pool, session_id, "!room:localhost")
        .await
        .unwrap();
    let invited = [(ALICE, Membership::Wanted), (BOB, Membership::Wanted)];
    staff_members::begin(&pool, session_id, &invited)
        .await
        .unwrap();
    let missing = async || {
        let missing = staff_members::missing(&pool, TTL).await.unwrap();
        (missing.invitations, missing.conversations)
    };
    assert_eq!(missing().await, (2, 1));
    staff_members::record(&pool, session_id, ALICE, Membership::Invited)
        .await
        .unwrap();
    assert_eq!(missing().await, (1, 0));
    let saw = async |user_id, membership| {
        let seen = Observed {
            session_id,
            user_id,
            membership,
            since: None,
            visitor_wrote_later: false,
        };
        let earlier = Observed {
            membership: Membership::Joined,
            ..seen.clone()
        };
        let mut db = shares(&pool).relay.acquire().await.unwrap();
        staff_members::observe(&mut db, &[earlier, seen])
            .await
            .unwrap();
    };
    saw("@stranger:localhost", Membership::Joined).await;
    saw(BOB, Membership::Left).await;
    say(&pool, session_id, "Hello?").await;
    assert_eq!(
        staff(&pool).await,
        are("invited", "left"),
        "one may still come"
    );
    run(&pool, "DELETE FROM outbox").await;
    saw(ALICE, Membership::Left).await;
    assert_eq!(missing().await, (0, 1));
    say(&pool, session_id, "Anybody?").await;
    assert_eq!(staff(&pool).await, are("wanted", "wanted"));

    let wanted = staff_members::claim(&pool, &[ALICE, BOB], TTL, 9)
        .await
        .unwrap();
    assert_eq!(wanted.len(), 2);
    let alice = wanted
        .iter()
        .find(|wanted| wanted.user_id == ALICE)
        .unwrap();
    assert!(
        staff_members::claim(&pool, &[ALICE, BOB], TTL, 9)
            .await
            .unwrap()
            .is_empty()
    );
    let delay = Duration::from_mins(10);
    staff_members::postpone(&pool, alice, "M_FORBIDDEN", delay)
        .await
        .unwrap();
    saw(BOB, Membership::Joined).await;
    // The answer to the invitation comes after that.
    staff_members::record(&pool, session_id, BOB, Membership::Invited)
        .await
        .unwrap();
    assert_eq!(staff(&pool).await, are("wanted", "joined"));
    assert!(
        staff_members::claim(&pool, &[ALICE, BOB], TTL, 9)
            .await
            .unwrap()
            .is_empty()
    );

    // As after the clock was wrong.
    run(&pool, "UPDATE staff_members SET delayed_at = now() + interval '1 year', due_at = now() + interval '1 year'").await;
    assert_eq!(
        staff_members::claim(&pool, &[ALICE, BOB], TTL, 9)
            .await
            .unwrap()
            .len(),
        1
    );

    run(&pool, "UPDATE sessions SET closed_at = now()").await;
    run(&pool, "UPDATE staff_members SET leased_until = NULL").await;
    assert!(
        staff_members::claim(&pool, &[ALICE, BOB], TTL, 9)
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(missing().await, (0, 0));
    staff_members::forget_needless(&pool, &[ALICE, BOB], TTL)
        .await
        .unwrap();
    assert_eq!(staff(&pool).await.len(), 1);
}

#[sqlx::test(migrations = "../migrations")]
async fn staff_are_invited_to_an_ended_conversation_that_nobody_could_read(pool: PgPool) {
    let session_id = session(&pool).await;
    sessions::set_room(&pool, session_id, "!room:localhost")
        .await
        .unwrap();
    let nobody = [(ALICE, Membership::Wanted), (BOB, Membership::Wanted)];
    staff_members::begin(&pool, session_id, &nobody)
        .await
        .unwrap();
    let claimed = async || {
        run(&pool, "UPDATE staff_members SET leased_until = NULL").await;
        let people = &[ALICE, BOB];
        staff_members::forget_needless(&pool, people, TTL)
            .await
            .unwrap();
        let wanted = staff_members::claim(&pool, people, TTL, 9).await.unwrap();
        wanted.len()
    };
    run(&pool, "UPDATE sessions SET closed_at = now()").await;
    assert_eq!(claimed().await, 2, "ended");
    run(
        &pool,
        "UPDATE sessions SET closed_at = NULL, active_at = now() - interval '7 days'",
    )
    .await;
    assert_eq!(claimed().await, 2, "expired");
    run(
        &pool,
        "UPDATE sessions SET active_at = now() - interval '9 days'",
    )
    .await;
    assert_eq!(claimed().await, 0, "long ago");
}

/// The sync tells of a leaving after it: what the visitor wrote in between found somebody there.
#[sqlx::test(migrations = "../migrations")]
async fn staff_are_wanted_again_when_a_visitor_wrote_before_their_leaving_was_known(pool: PgPool) {
    let session_id = session(&pool).await;
    let there = [(ALICE, Membership::Joined), (BOB, Membership::Left)];
    staff_members::begin(&pool, session_id, &there)
        .await
        .unwrap();
    let leaves = async |since, visitor_wrote_later| {
        run(
            &pool,
            "UPDATE staff_members
             SET membership = CASE user_id WHEN '@alice:localhost' THEN 'joined' ELSE 'left' END",
        )
        .await;
        let seen = Observed {
            session_id,
            user_id: ALICE,
            membership: Membership::Left,
            since: Some(since),
            visitor_wrote_later,
        };
        let mut db = shares(&pool).relay.acquire().await.unwrap();
        staff_members::observe(&mut db, &[seen]).await.unwrap();
        staff(&pool).await
    };
    say(&pool, session_id, "Hello?").await;
    let hour = Duration::from_hours(1);
    let waits = leaves(Utc::now() + hour, false).await;
    assert_eq!(waits, are("wanted", "wanted"), "not sent yet");
    run(&pool, "DELETE FROM outbox").await;
    let read = leaves(Utc::now() + hour, false).await;
    assert_eq!(read, are("left", "left"), "read");
    let later = leaves(Utc::now() + hour, true).await;
    assert_eq!(later, are("wanted", "wanted"), "whatever the clocks say");
    let unread = leaves(Utc::now() - hour, false).await;
    assert_eq!(unread, are("wanted", "wanted"));
}

/// As while Postgres' clock is a year ahead of the caller's: nobody is let go of for that.
#[sqlx::test(migrations = "../migrations")]
async fn a_conversation_needs_staff_until_both_clocks_say_that_it_is_over(pool: PgPool) {
    for (caller_time, needs) in [("now() - interval '1 year'", true), ("now()", false)] {
        let answer: bool = sqlx::query_scalar(sqlx::AssertSqlSafe(format!(
            "SELECT needs_staff(gen_random_uuid(), NULL, now() - interval '1 year', interval '1 day', {caller_time})"
        )))
        .fetch_one(&pool)
        .await
        .unwrap();
        assert_eq!(answer, needs, "{caller_time}");
    }
}

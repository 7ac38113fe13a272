//! When staff are invited to a room again.

use super::*;

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
    session_rooms::set_room(&pool, session_id, "!room:localhost")
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
    // The answer to the invitation comes later.
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

    // The state after the clock was wrong.
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
    session_rooms::set_room(&pool, session_id, "!room:localhost")
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

/// The sync reports a leaving after the visitor has written: at that time somebody still seemed to be there.
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
    let read = leaves(Utc::now() + Duration::from_secs(1), false).await;
    assert_eq!(read, are("left", "left"), "read");
    let ahead = leaves(Utc::now() + hour, false).await;
    assert_eq!(
        ahead,
        are("wanted", "wanted"),
        "a clock that is ahead cannot tell"
    );
    let later = leaves(Utc::now() + hour, true).await;
    assert_eq!(later, are("wanted", "wanted"), "whatever the clocks say");
    let unread = leaves(Utc::now() - hour, false).await;
    assert_eq!(unread, are("wanted", "wanted"));
}

/// While Postgres' clock is a year ahead of the server's, nobody is forgotten.
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

//! Claims on the outbox by several servers.

use std::collections::HashSet;

use server::relay::queue::{self, Lane};
use sqlx::{PgPool, postgres::PgListener};

use crate::shares;

/// Claims in both lanes.
async fn claim_due(pool: &PgPool, limit: i64) -> Result<Vec<queue::Claim>, sqlx::Error> {
    let mut claims = queue::claim(pool, Lane::Rooms, limit).await?;
    claims.extend(queue::claim(pool, Lane::Messages, limit).await?);
    Ok(claims)
}

async fn queue(pool: &PgPool, sessions: i32) {
    for statement in [
        "INSERT INTO sessions (id) SELECT gen_random_uuid() FROM generate_series(1, $1)",
        "INSERT INTO outbox (session_id, kind) SELECT id, kind FROM sessions, generate_series(1, $1),
         unnest(ARRAY['create_room', 'details']) WITH ORDINALITY AS kinds (kind, n)
         WHERE generate_series = 1 ORDER BY n",
    ] {
        sqlx::query(statement).bind(sessions).execute(pool).await.unwrap();
    }
}

/// An outbox is empty most of the time, and the planner may assume that it is.
#[sqlx::test(migrations = "../migrations")]
async fn no_more_is_claimed_than_was_asked_for_however_it_is_planned(pool: PgPool) {
    sqlx::query("ANALYZE outbox").execute(&pool).await.unwrap();
    queue(&pool, 60).await;
    for plan in ["enable_hashjoin", "enable_mergejoin", "enable_material"] {
        let mut db = pool.acquire().await.unwrap();
        let off = format!("SET {plan} = off");
        sqlx::query(sqlx::AssertSqlSafe(off))
            .execute(&mut *db)
            .await
            .unwrap();
        assert_eq!(
            queue::claim(&mut *db, Lane::Rooms, 4).await.unwrap().len(),
            4
        );
    }
    let leased: i64 = sqlx::query_scalar("SELECT count(*) FROM outbox WHERE leased_until > now()")
        .fetch_one(&pool)
        .await
        .unwrap();
    assert_eq!(leased, 12);
}

#[sqlx::test(migrations = "../migrations")]
async fn side_by_side_claims_share_the_sessions_and_take_only_their_first_tasks(pool: PgPool) {
    queue(&pool, 60).await;
    let claims = futures_util::future::join_all((0..8).map(|_| claim_due(&pool, 10))).await;
    let claims: Vec<_> = claims.into_iter().flat_map(Result::unwrap).collect();
    let sessions: HashSet<_> = claims.iter().map(|claim| claim.subject.id).collect();
    assert_eq!((claims.len(), sessions.len()), (60, 60));
    assert!(
        claims
            .iter()
            .all(|claim| claim.task == queue::Task::CreateRoom)
    );
    assert_eq!(
        claim_due(&pool, 10).await.unwrap().len(),
        0,
        "nobody passes the first task"
    );
}

#[sqlx::test(migrations = "../migrations")]
async fn a_server_that_lost_a_claim_cannot_give_it_back(pool: PgPool) {
    queue(&pool, 1).await;
    let stale = claim_due(&pool, 1).await.unwrap().remove(0);
    sqlx::query("UPDATE outbox SET leased_until = now()")
        .execute(&pool)
        .await
        .unwrap();
    let current = claim_due(&pool, 1).await.unwrap().remove(0);
    assert_eq!(stale.id, current.id);
    queue::retry(&pool, &stale, std::time::Duration::ZERO)
        .await
        .unwrap();
    assert_eq!(
        claim_due(&pool, 1).await.unwrap().len(),
        0,
        "it is still the other's"
    );
    queue::retry(&pool, &current, std::time::Duration::ZERO)
        .await
        .unwrap();
    assert_eq!(claim_due(&pool, 1).await.unwrap().len(), 1);
}

async fn listen_to_an_empty_queue(pool: &PgPool) -> PgListener {
    sqlx::query("DELETE FROM outbox")
        .execute(pool)
        .await
        .unwrap();
    let mut listener = PgListener::connect_with(pool).await.unwrap();
    listener.listen(queue::CHANNEL).await.unwrap();
    listener
}

/// Queues a message as the transaction does that stores it.
async fn push(pool: &PgPool, text: &str, may_claim: bool) -> Option<queue::Claim> {
    let mut db = shares(pool).relay.acquire().await.unwrap();
    let session_id = sqlx::query_scalar("SELECT id FROM sessions")
        .fetch_one(&mut db)
        .await
        .unwrap();
    let task = queue::Task::Notice(text.to_owned());
    queue::push_or_claim(&mut db, session_id, &task, may_claim)
        .await
        .unwrap()
}

#[sqlx::test(migrations = "../migrations")]
async fn what_is_claimed_at_once_is_the_session_s_first_and_nobody_else_s(pool: PgPool) {
    queue(&pool, 1).await;
    assert!(push(&pool, "third", true).await.is_none(), "two come first");
    let mut listener = listen_to_an_empty_queue(&pool).await;
    let claim = push(&pool, "first", true).await.expect("a claim");
    assert_eq!(claim.task, queue::Task::Notice("first".to_owned()));
    assert_eq!(claim.attempts, 1);
    assert!(claim_due(&pool, 1).await.unwrap().is_empty(), "taken");
    assert!(push(&pool, "second", true).await.is_none());
    listener.recv().await.unwrap();
    assert!(
        listener.next_buffered().is_none(),
        "one is told of, the other is claimed"
    );

    // This is the state after the death of the server with the claim.
    sqlx::query("UPDATE outbox SET leased_until = now() WHERE id = $1")
        .bind(claim.id)
        .execute(&pool)
        .await
        .unwrap();
    let again = claim_due(&pool, 10).await.unwrap();
    assert_eq!(
        (again.len(), again[0].id, again[0].attempts),
        (1, claim.id, 2)
    );
    assert!(
        finish(&pool, &again[0], again[0].position, 0)
            .await
            .is_empty(),
        "not wanted"
    );
    assert!(
        push(&pool, "third", true).await.is_none(),
        "the second is before it"
    );
    let second = claim_due(&pool, 10).await.unwrap().remove(0);
    assert_eq!(second.task, queue::Task::Notice("second".to_owned()));
    let third = finish(&pool, &second, second.position, 9).await.remove(0);
    assert_eq!(third.task, queue::Task::Notice("third".to_owned()));
    assert_eq!(third.attempts, 1);
    assert!(claim_due(&pool, 1).await.unwrap().is_empty(), "taken");
    assert!(
        finish(&pool, &third, third.position, 9).await.is_empty(),
        "the last"
    );
}

async fn finish(pool: &PgPool, claim: &queue::Claim, after: i64, limit: i64) -> Vec<queue::Claim> {
    let end = queue::End {
        claim: claim.clone(),
        outcome: queue::Outcome::Done,
        after,
        limit,
    };
    let mut finished = queue::finish(pool, &[end]).await.unwrap();
    finished.remove(0).next
}

fn tasks(claims: &[queue::Claim]) -> Vec<queue::Task> {
    claims.iter().map(|claim| claim.task.clone()).collect()
}

/// A session with these tasks, of which the first one is claimed.
async fn queue_notices(pool: &PgPool, texts: &[&str]) -> queue::Claim {
    queue(pool, 1).await;
    sqlx::query("DELETE FROM outbox")
        .execute(pool)
        .await
        .unwrap();
    for text in texts {
        push(pool, text, false).await;
    }
    claim_due(pool, 10).await.unwrap().remove(0)
}

#[sqlx::test(migrations = "../migrations")]
async fn the_server_that_ends_a_task_claims_the_next_ones_in_their_order(pool: PgPool) {
    let notice = |text: &str| queue::Task::Notice(text.to_owned());
    let first = queue_notices(&pool, &["1", "2", "3", "4", "5"]).await;
    let ahead = finish(&pool, &first, first.position, 2).await;
    assert_eq!(tasks(&ahead), [notice("2"), notice("3")]);
    let further = finish(&pool, &ahead[0], ahead[1].position, 1).await;
    assert_eq!(tasks(&further), [notice("4")]);
    assert!(
        claim_due(&pool, 10).await.unwrap().is_empty(),
        "nobody else's"
    );
}

#[sqlx::test(migrations = "../migrations")]
async fn nothing_is_claimed_behind_what_another_has_or_is_not_due(pool: PgPool) {
    for kept in [
        "leased_until = now() + interval '5 s'",
        "due_at = now() + interval '4 min', delayed_at = now()",
    ] {
        let first = queue_notices(&pool, &["first", "kept", "behind it"]).await;
        let keep = format!("UPDATE outbox SET {kept} WHERE body = 'kept'");
        sqlx::query(sqlx::AssertSqlSafe(keep))
            .execute(&pool)
            .await
            .unwrap();
        assert!(
            finish(&pool, &first, first.position, 9).await.is_empty(),
            "{kept}"
        );
        sqlx::query("DELETE FROM sessions")
            .execute(&pool)
            .await
            .unwrap();
    }
}

#[sqlx::test(migrations = "../migrations")]
async fn ends_of_several_sessions_are_recorded_together_each_with_what_is_behind_it(pool: PgPool) {
    queue(&pool, 3).await;
    let claims = claim_due(&pool, 2).await.unwrap();
    let ids = claims.iter().map(|claim| claim.subject.id);
    let ids: Vec<_> = ids.collect();
    let ends: Vec<_> = claims
        .into_iter()
        .map(|claim| queue::End {
            after: claim.position,
            claim,
            outcome: queue::Outcome::Done,
            limit: 9,
        })
        .collect();
    let finished = queue::finish(&pool, &ends).await.unwrap();
    let next = finished.iter().flat_map(|finished| &finished.next);
    let of: Vec<_> = next.map(|claim| claim.subject.id).collect();
    assert_eq!(of, ids, "one each, in the order of the ends");
    let third = claim_due(&pool, 9).await.unwrap();
    assert_eq!(tasks(&third), [queue::Task::CreateRoom], "not told of");
}

#[sqlx::test(migrations = "../migrations")]
async fn a_visitor_s_message_is_claimed_at_once_when_nothing_comes_before_it(pool: PgPool) {
    queue(&pool, 1).await;
    let mut listener = listen_to_an_empty_queue(&pool).await;
    let session_id = sqlx::query_scalar("SELECT id FROM sessions")
        .fetch_one(&pool)
        .await
        .unwrap();
    let mut db = shares(&pool).relay.acquire().await.unwrap();
    let mut claims = Vec::new();
    for (text, may_claim) in [("first", true), ("second", true), ("third", false)] {
        let id = uuid::Uuid::new_v4();
        let pushed = queue::push_message(&mut db, session_id, id, text, may_claim);
        claims.push(pushed.await.unwrap().claim);
    }
    let first = claims.remove(0).expect("a claim");
    assert_eq!((first.text.as_deref(), first.attempts), (Some("first"), 1));
    assert!(claims.iter().all(Option::is_none), "one is before them");
    for _ in &claims {
        let told = listener.recv().await.unwrap();
        assert_eq!(told.payload(), session_id.to_string());
    }
    assert!(listener.next_buffered().is_none(), "the first is claimed");
    let next = finish(&pool, &first, first.position, 9).await;
    let texts: Vec<_> = next.iter().map(|claim| claim.text.as_deref()).collect();
    assert_eq!(texts, [Some("second"), Some("third")]);
    sqlx::query("DELETE FROM outbox")
        .execute(&pool)
        .await
        .unwrap();
    let id = uuid::Uuid::new_v4();
    let unasked = queue::push_message(&mut db, session_id, id, "alone", false);
    assert!(unasked.await.unwrap().claim.is_none(), "it may not");
}

/// Otherwise both would go on, and one could overtake the other.
#[sqlx::test(migrations = "../migrations")]
async fn only_the_server_that_ended_a_task_claims_the_next_one(pool: PgPool) {
    let first = queue_notices(&pool, &["first", "second", "third"]).await;
    let second = finish(&pool, &first, first.position, 1).await;
    assert_eq!(second.len(), 1);
    assert!(finish(&pool, &first, first.position, 9).await.is_empty());
    assert!(
        finish(&pool, &first, second[0].position, 9)
            .await
            .is_empty(),
        "the third is free, but not for a server that did not end the first"
    );
}

#[sqlx::test(migrations = "../migrations")]
async fn what_is_claimed_ahead_is_renewed_with_what_is_sent_and_given_back_as_it_was(pool: PgPool) {
    let first = queue_notices(&pool, &["1", "2", "3"]).await;
    let ahead = finish(&pool, &first, first.position, 9).await;
    assert_eq!(ahead.len(), 2);
    push(&pool, "free", false).await;
    let leases = async |seconds: i32| {
        let shorten = "UPDATE outbox SET leased_until = now() + make_interval(secs => $1)
                       WHERE leased_until IS NOT NULL";
        sqlx::query(shorten)
            .bind(seconds)
            .execute(&pool)
            .await
            .unwrap();
    };
    let long = async || {
        let count = "SELECT count(*) FROM outbox WHERE leased_until > now() + interval '3 s'";
        let count = sqlx::query_scalar::<_, i64>(count).fetch_one(&pool);
        count.await.unwrap()
    };
    leases(2).await;
    assert!(queue::renew(&pool, &ahead[0]).await.unwrap());
    assert_eq!(long().await, 2, "what is free stays free");
    leases(-1).await;
    let mut stale = ahead[0].clone();
    stale.attempts -= 1;
    for lost in [&first, &stale] {
        assert!(!queue::renew(&pool, lost).await.unwrap(), "done or lost");
    }
    assert_eq!(long().await, 0);
    assert!(queue::renew(&pool, &ahead[0]).await.unwrap());
    assert_eq!(long().await, 1, "what ran out may be a dead server's");
    queue::give_back(&pool, &ahead).await.unwrap();
    let again = claim_due(&pool, 9).await.unwrap();
    assert_eq!((again.len(), again[0].attempts), (1, 1), "not one more");

    sqlx::query("UPDATE outbox SET leased_until = now()")
        .execute(&pool)
        .await
        .unwrap();
    let current = claim_due(&pool, 9).await.unwrap().remove(0);
    queue::give_back(&pool, &again).await.unwrap();
    assert!(
        claim_due(&pool, 9).await.unwrap().is_empty(),
        "it is another's by now"
    );
    assert_eq!(current.attempts, 2);
}

#[sqlx::test(migrations = "../migrations")]
async fn what_may_not_be_claimed_is_told_of(pool: PgPool) {
    queue(&pool, 1).await;
    let mut listener = listen_to_an_empty_queue(&pool).await;
    assert!(push(&pool, "first", false).await.is_none());
    listener.recv().await.unwrap();
    assert_eq!(claim_due(&pool, 1).await.unwrap().len(), 1);
}

#[sqlx::test(migrations = "../migrations")]
async fn a_message_s_end_is_recorded_once_and_the_first_counts(pool: PgPool) {
    queue(&pool, 1).await;
    for statement in [
        "DELETE FROM outbox",
        "INSERT INTO messages (id, session_id, seq, sender, body, delivery)
         SELECT gen_random_uuid(), id, 1, 'visitor', 'Hello', 'pending' FROM sessions",
        "INSERT INTO outbox (session_id, kind, message_id) SELECT session_id, 'message', id FROM messages",
    ] {
        sqlx::query(statement).execute(&pool).await.unwrap();
    }
    let claim = claim_due(&pool, 1).await.unwrap().remove(0);
    let sent = queue::Outcome::Sent("$event".to_owned());
    for (outcome, ended) in [(sent, true), (queue::Outcome::Failed, false)] {
        let end = queue::End {
            claim: claim.clone(),
            outcome,
            after: claim.position,
            limit: 9,
        };
        let finished = queue::finish(&pool, &[end]).await.unwrap();
        assert_eq!(finished[0].message_ended, ended);
    }
    let delivery: String = sqlx::query_scalar("SELECT delivery FROM messages")
        .fetch_one(&pool)
        .await
        .unwrap();
    assert_eq!(delivery, "delivered");
}

//! Rooms that the bot has left, and the rooms that replace them.

use super::*;

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
    let room = session_rooms::set_room(&pool, session_id, "!old:localhost")
        .await
        .unwrap();
    assert_eq!(room, None, "not as the syncer finds it");

    // The message that was on its way to the old room did not arrive in time.
    let late = finish(&pool, &claimed, Outcome::Sent("$late".to_owned()), 9).await;
    assert!(late.next.is_empty() && !late.message_ended);

    let create = claim(&pool, Lane::Rooms, 9).await.remove(0);
    assert!(claim(&pool, Lane::Messages, 9).await.is_empty());
    session_rooms::set_room(&pool, session_id, "!new:localhost")
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

/// Otherwise a homeserver that removes the bot from each room at once would have to make one room after the other.
#[sqlx::test(migrations = "../migrations")]
async fn a_room_that_is_lost_soon_after_another_is_replaced_later(pool: PgPool) {
    let (session_id, claimed) = conversation(&pool).await;
    assert_eq!(replace(&pool, &claimed).await, Replaced::ByNewRoom);
    let create = claim(&pool, Lane::Rooms, 1).await.remove(0);
    session_rooms::set_room(&pool, session_id, "!new:localhost")
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
    session_rooms::set_room(&pool, session_id, "!old:localhost")
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

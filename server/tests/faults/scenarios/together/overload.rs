//! Many conversations begin at once, and an older one is served before them.

use std::time::Duration;

use tokio::{task::JoinSet, time::Instant};

use crate::{
    parts::{self, SHARED},
    scenarios::{a_while, assert_flawless},
    stage::{Credentials, Stage},
};

/// A bound on what the benchmark measures, for a machine that does everything else at the same time.
const BOUND: Duration = Duration::from_secs(30);
const MESSAGES: i64 = 5;
/// The number of rooms that may be made in the time of these messages: each is ten times the work of a message.
const MOST_ROOMS: i64 = 3 * MESSAGES;

/// Conversations that have no room yet.
async fn waiting(stage: &Stage) -> i64 {
    sqlx::query_scalar("SELECT count(*) FROM sessions WHERE room_id IS NULL")
        .fetch_one(&stage.pool)
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_conversation_goes_ahead_of_new_ones() {
    let shared = SHARED.read().await;
    let mut stage = Stage::set("overload", 1, Credentials::Password).await;
    let mut older = stage.api.create("before the rush").await;
    let room_id = stage.wait_for_room(&older).await;
    stage.staff.join(&room_id).await;

    let count = (60 * parts::scale()).min(300);
    let mut creations = JoinSet::new();
    for number in 0..count {
        let api = stage.api.clone();
        creations.spawn(async move { api.create(&format!("one of many, {number}")).await });
    }
    let mut conversations = creations.join_all().await;
    let before = waiting(&stage).await;
    let mut slowest = Duration::ZERO;
    for number in 0..MESSAGES {
        a_while(&mut stage.rng, 0..200).await;
        let (text, began) = (format!("in between {number}"), Instant::now());
        stage.api.send(&mut older, text.clone()).await;
        stage.staff.wait_to_see(&room_id, &text).await;
        slowest = slowest.max(began.elapsed());
    }
    let made = before - waiting(&stage).await;
    drop(shared);

    conversations.push(older);
    let faults = format!(
        "{count} creations at once: each of {MESSAGES} messages of an older conversation in its room within {:.1} s, \
         while {made} of {before} rooms were made",
        slowest.as_secs_f64()
    );
    assert_flawless(&stage.judge(conversations, &faults).await);
    // However slow the machine is, the messages went first.
    assert!(
        before > MOST_ROOMS,
        "all is over before it begins: {faults}"
    );
    assert!(made <= MOST_ROOMS, "{faults}");
    assert!(slowest < BOUND, "{faults}");
}

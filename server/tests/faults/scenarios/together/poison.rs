//! Poisonous input harms nobody else, and its own room only while it lasts.

use std::{sync::atomic::Ordering, time::Duration};

use tokio::time::{Instant, sleep};
use uuid::Uuid;

use crate::{
    api::Conversation,
    parts::{self, SHARED},
    proxy::Weather,
    scenarios::assert_flawless,
    stage::{Credentials, Stage},
};

/// Others are answered within this time while one room is poisoned.
const BOUND: Duration = Duration::from_secs(15);
/// More events than one sync brings.
const GAP: usize = 110;

/// A conversation whose room a member of the staff has joined.
async fn attended(stage: &Stage, text: &str) -> (Conversation, String) {
    let conversation = stage.api.create(text).await;
    let room_id = stage.wait_for_room(&conversation).await;
    stage.staff.join(&room_id).await;
    (conversation, room_id)
}

/// How long a reply takes in a healthy conversation.
async fn reply_in(stage: &Stage, other: &mut (Conversation, String), text: &str) -> Duration {
    let began = Instant::now();
    stage.reply(&other.1, text).await;
    stage.wait_for_text(&mut other.0, text).await;
    let took = began.elapsed();
    println!("poison: {text} after {took:.1?}");
    took
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_taken_in_holds_nobody_else_up() {
    let shared = SHARED.read().await;
    let mut stage = Stage::set("poison", 1, Credentials::Token).await;
    let mut other = attended(&stage, "in good health").await;
    let mut edited = attended(&stage, "the one with the edit").await;
    let deleted = attended(&stage, "the one that is deleted").await;
    let mut gap = attended(&stage, "the one with the gap").await;
    let workload = stage.open(2);
    let mut slowest = Duration::ZERO;

    // An edit without effect that names an event whose id is too long for an index.
    reply_in(&stage, &mut edited, "edited by somebody else").await;
    let target = stage.replies.accepted(&edited.1)[0].event_id.clone();
    let colleague = stage.everybody[1].clone();
    stage.staff.invite(&edited.1, &colleague).await;
    colleague.join(&edited.1).await;
    // The recap must be made from the history as it is.
    reply_in(&stage, &mut edited, "somebody has come").await;
    stage.outbox_is_empty().await;
    stage.proxy.set(Weather {
        rewrite: Some((target.clone(), format!("${}", "a".repeat(8_000)))),
        ..Weather::default()
    });
    // The server must sync again, so that the proxy can rewrite the answer.
    stage.proxy.refuse_for(Duration::ZERO).await;
    for number in 0..parts::scale() {
        let sent = colleague.edit(&edited.1, &target, "of nothing that is there");
        sent.await.unwrap();
        let took = reply_in(&stage, &mut other, &format!("after the edit, {number}")).await;
        slowest = slowest.max(took);
    }
    reply_in(&stage, &mut edited, "in the same room").await;
    stage.proxy.set(Weather::default());

    // An operator has deleted the session by hand, and staff go on.
    let session: Uuid = deleted.0.session_id.parse().unwrap();
    sqlx::query("DELETE FROM sessions WHERE id = $1")
        .bind(session)
        .execute(&stage.pool)
        .await
        .unwrap();
    stage.staff.say(&deleted.1, "to nobody").await.unwrap();
    slowest = slowest.max(reply_in(&stage, &mut other, "after the deletion").await);
    stage.foreign_rooms.push(deleted.1);

    // The homeserver cannot read what was sent to one room while the server was down.
    stage.servers[0].kill();
    for number in 0..GAP {
        stage.reply(&gap.1, &format!("in the gap {number}")).await;
    }
    stage.reply(&other.1, "while the server is down").await;
    stage.proxy.set(Weather {
        broken_history: Some(gap.1.clone()),
        ..Weather::default()
    });
    stage.servers[0].start().await;
    slowest = slowest.max(reply_in(&stage, &mut other, "after the start").await);
    let broken = &stage.proxy.counts().broken;
    while broken.load(Ordering::Relaxed) == 0 {
        stage.check_time();
        sleep(Duration::from_millis(50)).await;
    }
    stage.reply(&gap.1, "after the gap").await;
    slowest = slowest.max(reply_in(&stage, &mut other, "beside the gap").await);
    stage.proxy.set(Weather::default());
    let lifted = Instant::now();
    stage.wait_for_text(&mut gap.0, "after the gap").await;
    let healed = lifted.elapsed();
    drop(shared);

    let mut conversations = stage.let_finish(workload).await;
    conversations.extend([other, edited, gap].map(|(conversation, _)| conversation));
    let faults = format!(
        "an edit of an event with an id of 8 kB, a session deleted by hand, {} answers of 500 to a gap of {GAP}: \
         others' replies within {:.1} s, the gap closed after {:.1} s",
        stage.proxy.counts().broken.load(Ordering::Relaxed),
        slowest.as_secs_f64(),
        healed.as_secs_f64(),
    );
    assert_flawless(&stage.judge(conversations, &faults).await);
    assert!(slowest < BOUND, "{faults}");
}

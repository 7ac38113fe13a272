//! The clocks of Postgres and of the server are wrong for a while, one after the other and both at once, in both
//! directions. The server is started while they are, so that it also cleans up by them.

use std::time::Duration;

use tokio::time::Instant;

use crate::{
    api::Conversation,
    clock::Clock::{self, Postgres, Server},
    homeserver::Account,
    parts::{self, SHARED},
    scenarios::{a_while, assert_flawless},
    stage::{Credentials, Setting, Stage},
};

/// Backwards by less than a session lives, and ahead by more than anything is kept.
const WRONG_BY: [&str; 2] = ["-1h", "+1y"];
/// Both directions work within this time of a step, on a slow machine.
const BOUND: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread")]
async fn clocks_that_are_wrong_delete_nothing_and_hold_nothing_up() {
    let _alone = SHARED.write().await;
    let admin = Account::admin().await;
    let setting = Setting {
        clocks: true,
        variables: &[
            ("SUPPORT_CHAT_RETENTION", "24h"),
            // Its rings would be no findings, and yet more work.
            ("SUPPORT_CHAT_UNANSWERED_AFTER", "1h"),
        ],
        ..Setting::default()
    };
    let mut stage = Stage::set_so("clocks", 1, Credentials::Token, &admin, setting).await;
    let mut visitor = stage.api.create("before the clocks are wrong").await;
    let room_id = stage.wait_for_room(&visitor).await;
    stage.staff.join(&room_id).await;
    stage
        .reply(&room_id, "reply before the clocks are wrong")
        .await;
    stage.wait_for_reply(&mut visitor).await;
    let quiet = stage.api.create("quiet while the clocks are wrong").await;

    let workload = stage.open(2);
    let mut slowest = Duration::ZERO;
    // Both ahead at once would end every conversation: it has expired when it has by both.
    let combinations: [(&[Clock], &[&str]); 3] = [
        (&[Postgres], &WRONG_BY),
        (&[Server], &WRONG_BY),
        (&[Postgres, Server], &WRONG_BY[..1]),
    ];
    for round in 0..parts::scale() {
        for (clocks, wrong_by) in combinations
            .iter()
            .flat_map(|(clocks, wrong_by)| wrong_by.iter().map(move |by| (clocks, *by)))
        {
            for time in [wrong_by, "+0"] {
                // What waits for another attempt waits by the clock before the step.
                stage.proxy.refuse_for(Duration::from_millis(500)).await;
                clocks.iter().for_each(|clock| clock.set(time));
                let name = format!("{clocks:?} {wrong_by}, now {time}, round {round}");
                let took = both_ways(&stage, &mut visitor, &room_id, &name).await;
                println!("{name}: {took:.1?} both ways");
                slowest = slowest.max(took);
                stage.servers[0].kill();
                stage.servers[0].start().await;
                a_while(&mut stage.rng, 500..1_500).await;
            }
        }
    }

    let mut conversations = stage.let_finish(workload).await;
    conversations.extend([visitor, quiet]);
    let faults = format!(
        "the clocks of Postgres and the server an hour back and a year ahead: at most {:.1} s both ways",
        slowest.as_secs_f64()
    );
    assert_flawless(&stage.judge(conversations, &faults).await);
    let wrong: (i64, i64) = sqlx::query_as(
        "SELECT count(*) FILTER (WHERE emptied), count(*) FILTER (WHERE active_at > now() + interval '1 hour')
         FROM sessions",
    )
    .fetch_one(&stage.pool)
    .await
    .unwrap();
    assert_eq!(wrong.0, 0, "emptied");
    assert_eq!(wrong.1, 0, "they would never end");
    assert!(slowest < BOUND, "{faults}");
}

/// A text of the visitor reaches the room, and a reply the visitor; returns how long both took.
async fn both_ways(
    stage: &Stage,
    visitor: &mut Conversation,
    room_id: &str,
    name: &str,
) -> Duration {
    let began = Instant::now();
    let (text, reply) = (format!("text at {name}"), format!("reply at {name}"));
    stage.api.send(visitor, text.clone()).await;
    stage.staff.wait_to_see(room_id, &text).await;
    stage.reply(room_id, &reply).await;
    stage.wait_for_text(visitor, &reply).await;
    began.elapsed()
}

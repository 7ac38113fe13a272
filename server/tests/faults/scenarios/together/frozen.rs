//! One of two servers is frozen, with everything that it holds. Visitors of the other one can still
//! read, and soon learn the result of what they write.

use rand::RngExt;
use tokio::task::JoinSet;

use crate::{
    api::{Api, Outcome, Slowest},
    homeserver::Account,
    parts::{self, SHARED},
    scenarios::{
        VISITORS, a_while, assert_flawless,
        meanwhile::{FROZEN, assert_prompt, told, use_meanwhile},
    },
    stage::{Credentials, Setting, Stage},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_frozen_holds_nobody_up() {
    let shared = SHARED.read().await;
    let admin = Account::admin().await;
    let setting = Setting {
        // The limit is on, so that new sessions are counted.
        variables: &[
            ("SUPPORT_CHAT_SESSIONS_PER_IP_PER_HOUR", "1000000"),
            ("SUPPORT_CHAT_SESSIONS_PER_HOUR", "1000000"),
        ],
        ..Setting::default()
    };
    let mut stage = Stage::set_so("frozen-replica", 2, Credentials::Token, &admin, setting).await;
    let mut conversation = stage.api.create("before the server is frozen").await;
    let room_id = stage.wait_for_room(&conversation).await;
    stage.staff.join(&room_id).await;

    let workload = stage.open(VISITORS);
    let (mut conversations, mut slowest) = (Vec::new(), Slowest::default());
    let freezes = 2 * parts::scale();
    for number in 0..freezes {
        a_while(&mut stage.rng, 500..2_000).await;
        let victim = stage.rng.random_range(0..2);
        let [frozen, other] =
            [victim, 1 - victim].map(|it| Api::new(vec![stage.servers[it].url()]));
        // The frozen server was working on the same conversation, and on new ones.
        let mut held = JoinSet::new();
        for creation in 0..10 {
            let api = frozen.clone();
            held.spawn(async move {
                let text = format!("creation {creation} at freeze {number}");
                api.create(&text).await
            });
        }
        let text = format!("at freeze {number}");
        let sent = {
            let (mut there, text) = (conversation.clone(), text.clone());
            tokio::spawn(async move { frozen.send_once(&mut there, text).await })
        };
        a_while(&mut stage.rng, 0..60).await;
        stage.servers[victim].freeze();
        let name = format!("freeze {number}");
        conversations.extend(use_meanwhile(&other, &mut conversation, &name, FROZEN).await);
        stage.servers[victim].thaw();
        // Its place among the others is unknown.
        if sent.await.unwrap() != Outcome::Refused {
            conversation.uncertain.push(text);
        }
        conversations.extend(held.join_all().await);
        let this = other.slowest();
        println!("frozen-replica: {}", told(&name, this));
        slowest.poll = slowest.poll.max(this.poll);
        slowest.write = slowest.write.max(this.write);
        slowest.failed_polls += this.failed_polls;
    }
    drop(shared);

    conversations.extend(stage.let_finish(workload).await);
    conversations.push(conversation);
    let faults = told(
        &format!("{freezes} times a server frozen for 12 s"),
        slowest,
    );
    assert_flawless(&stage.judge(conversations, &faults).await);
    assert_prompt(slowest, &faults);
}

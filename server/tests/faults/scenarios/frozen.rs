//! One server stands still, or every commit does: visitors of the other one go on reading, and are told
//! soon what becomes of what they write.

use std::time::Duration;

use rand::Rng;
use tokio::{
    task::JoinSet,
    time::{Instant, sleep},
};

use super::{VISITORS, a_while, assert_flawless};
use crate::{
    api::{Api, Conversation, Outcome, Slowest},
    homeserver::Account,
    parts::{self, SHARED},
    stage::{Credentials, Setting, Stage},
};

/// Longer than leases and locks last.
const FROZEN: Duration = Duration::from_secs(12);
/// Generous bounds, on a machine that does everything else at the same time: the bench has those that are
/// to be reached.
const POLL_BOUND: Duration = Duration::from_secs(4);
const WRITE_BOUND: Duration = Duration::from_secs(8);

/// Reads and writes for so long; answers with the conversations that were begun meanwhile.
async fn use_meanwhile(
    api: &Api,
    conversation: &mut Conversation,
    name: &str,
    lasting: Duration,
) -> Vec<Conversation> {
    let until = Instant::now() + lasting;
    let mut reader = conversation.clone();
    let reads = async {
        while Instant::now() < until {
            // The one may be answered from memory, the other one is not.
            api.poll(&mut reader).await;
            api.page(&reader, None).await;
            sleep(Duration::from_millis(50)).await;
        }
    };
    let writes = async {
        let mut number = 0;
        while Instant::now() < until {
            api.send_once(conversation, format!("{name}, text {number}"))
                .await;
            sleep(Duration::from_millis(100)).await;
            number += 1;
        }
    };
    let creations = async {
        let mut begun = Vec::new();
        while Instant::now() < until {
            begun.push(
                api.create(&format!("{name}, creation {}", begun.len()))
                    .await,
            );
            sleep(Duration::from_secs(2)).await;
        }
        begun
    };
    let ((), (), begun) = tokio::join!(reads, writes, creations);
    conversation.seen = reader.seen;
    begun
}

fn assert_prompt(slowest: Slowest, faults: &str) {
    assert_eq!(slowest.failed_polls, 0, "{faults}");
    assert!(slowest.poll < POLL_BOUND, "{faults}");
    assert!(slowest.write < WRITE_BOUND, "{faults}");
}

fn told(what: &str, slowest: Slowest) -> String {
    format!(
        "{what}: slowest poll {:.2} s ({} failed), slowest answer to a write {:.1} s",
        slowest.poll.as_secs_f64(),
        slowest.failed_polls,
        slowest.write.as_secs_f64(),
    )
}

/// Together: of two servers one is frozen, with whatever it holds.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_frozen_holds_nobody_up() {
    let shared = SHARED.read().await;
    let admin = Account::admin().await;
    let setting = Setting {
        // Not switched off, so that new sessions are counted.
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
        // What it is at: the same conversation, and new ones.
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
        // It is not known before or after which of the others it was stored.
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

/// Alone, since it is the Postgres of all: a synchronous standby is lost, so that no commit is answered.
#[tokio::test(flavor = "multi_thread")]
async fn commits_that_wait_for_a_standby_hold_no_poll_up() {
    let alone = SHARED.write().await;
    let mut stage = Stage::set("lost-standby", 1, Credentials::Password).await;
    let mut conversation = stage.api.create("before the standby is lost").await;
    let room_id = stage.wait_for_room(&conversation).await;
    stage.staff.join(&room_id).await;
    stage.reply(&room_id, "reply before it").await;
    stage.wait_for_reply(&mut conversation).await;

    let api = Api::new(vec![stage.servers[0].url()]);
    let standby = |names: &'static str| {
        let pool = stage.pool.clone();
        async move {
            let set = sqlx::AssertSqlSafe(format!(
                "ALTER SYSTEM SET synchronous_standby_names = '{names}'"
            ));
            sqlx::query(set).execute(&pool).await.unwrap();
            let reload = sqlx::query("SELECT pg_reload_conf()");
            reload.execute(&pool).await.unwrap();
        }
    };
    standby("lost").await;
    let meanwhile = {
        let api = api.clone();
        // A failure in it does not leave the standby missing.
        tokio::spawn(async move {
            let name = "without a standby";
            let begun = use_meanwhile(&api, &mut conversation, name, FROZEN).await;
            (begun, conversation)
        })
    };
    sleep(FROZEN).await;
    // What is under way still is answered later, and not judged by the clock.
    let slowest = api.slowest();
    standby("").await;
    let (mut conversations, conversation) = meanwhile.await.unwrap();
    drop(alone);

    conversations.push(conversation);
    let faults = told("no commit answered for 12 s", slowest);
    assert_flawless(&stage.judge(conversations, &faults).await);
    assert_prompt(slowest, &faults);
}
